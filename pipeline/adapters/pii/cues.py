"""Words that announce a kind of data, in eight languages, and the window in which they count.

A kind is a bit, and a word is looked up once for all kinds: what stands around a number is read in one pass however
many detectors ask. Of several cues the closest one before a number says most about it.
"""

import re
from typing import Final, NamedTuple

from pipeline.adapters.pii.memo import memo
from pipeline.adapters.pii.page import Page

__all__ = [
    "ADDRESS", "AGE", "BANK", "BIC", "BIRTH", "CARD", "COORDINATES", "HEALTH", "IBAN", "IDENTITY", "IMEI", "LICENCE",
    "LICENCE_ALONE", "LICENCE_WORDS", "NATIONAL", "OTHER", "PASSPORT", "PASSPORT_WORDS", "PHONE", "PLATE", "PRESCRIBER",
    "SOCIAL", "VEHICLE", "VERSION", "WALLET", "around", "leading", "near", "within",
]  # fmt: skip

Cue = int
BEFORE: Final = 48
AFTER: Final = 24
_WORD: Final = re.compile(r"[^\W\d_]+")
_REMEMBERED: Final = 16384
_KEY: Final = 2
_UNSPACED: Final = "\u3000"


class _Lexicon:
    """All cue words: whole words, beginnings of words, and phrases by their first word."""

    def __init__(self) -> None:
        self.kinds = 0
        self.whole: dict[str, Cue] = {}
        self.beginnings: dict[str, list[tuple[str, Cue]]] = {}
        self.phrases: dict[str, list[tuple[str, Cue]]] = {}
        self.anywhere: list[tuple[str, Cue]] = []
        self._known: dict[str, Cue] = {}

    def kind(self, words: str) -> Cue:
        """A new kind. Words are parted by `|`; one that ends in `*` may go on, as `karte*` does in `kartennummer`.

        Words of scripts that set no spaces count wherever they stand. All are folded as a page folds its text.
        """
        bit = 1 << self.kinds
        self.kinds += 1
        for word in words.split("|"):
            self._add(Page(word).lower, bit)
        return bit

    def _add(self, word: str, bit: Cue) -> None:
        if word[0] >= _UNSPACED:
            self.anywhere.append((word.rstrip("*"), bit))
            return
        head = _WORD.match(word)
        if head is None:
            raise ValueError(f"a cue begins with a letter, {word!r} does not")
        rest = word[head.end() :]
        if rest == "*":
            self.beginnings.setdefault(head[0][:_KEY], []).append((head[0], bit))
        elif rest:
            self.phrases.setdefault(head[0], []).append((rest, bit))
        else:
            self.whole[word] = self.whole.get(word, 0) | bit

    def of(self, word: str) -> Cue:
        """The kinds that a word alone announces."""
        known = self._known.get(word)
        if known is None:
            known = self.whole.get(word, 0)
            for beginning, bit in self.beginnings.get(word[:_KEY], ()):
                if word.startswith(beginning):
                    known |= bit
            if len(self._known) < _REMEMBERED:
                self._known[word] = known
        return known

    def inside(self, text: str) -> Cue:
        """The kinds that words of scripts without spaces announce in `text`."""
        if text.isascii():
            return 0
        kinds = 0
        for word, bit in self.anywhere:
            if word in text:
                kinds |= bit
        return kinds

    def at(self, text: str, match: re.Match[str]) -> Cue:
        """The kinds that the word at `match`, or a phrase beginning there, announces."""
        word = match.group()
        kinds = self.of(word)
        for rest, bit in self.phrases.get(word, ()):
            if text.startswith(rest, match.end()):
                kinds |= bit
        return kinds


_LEXICON: Final = _Lexicon()
_kind = _LEXICON.kind

CARD: Final = _kind(
    "信用卡|银行卡|クレジットカード|카드|card*|credit*|debit*|visa|mastercard*|amex|american express"
    "|maestro|discover|diners"
    "|jcb|unionpay|rupay|cc|ccn"
    "|kreditkart*|karte*|carte*|tarjet*|carta|karta|karty|kart|kartą|creditcard*|creditkaart*|betaalpas*|cartão"
    "|cartao"
    "|cartões|payment*|charge*|pan|plastic"
)
IBAN: Final = _kind(
    "iban*|account*|bank*|konto*|compte*|cuenta*|conto*|rekening*|conta|rachun*|überweis*|virement*|transfer*"
    "|bonifico*"
    "|przelew*|wire*"
)
PHONE: Final = _kind(
    "电话|手机|電話|携帯|전화|휴대폰|phone*|telephon*|tel|telefon*|telefoon*|téléphon*|teléfon*|telefón*|call*|mobile*"
    "|mobil*|móvil*|movil|cell*|fax*"
    "|whatsapp*|sms|text me|text us|reach|contact*|handy*|rufnummer*|portable*|komórk*|telemóvel*|registered"
    "|ring|dial*"
    "|hotline*|pager*|voicemail*|cellulare*|gsm|anruf*|appel*|llam*|chiam*|dzwo*"
    "|zadzwo*|bel|ligue|messages to|messages from|landline*|helpline*"
)
SOCIAL: Final = _kind("ssn*|social*|soc sec|tax*|itin|itins|taxpayer*|tin|ein|fein|employer*|socialsecurity*|s.s.n")
NATIONAL: Final = _kind(
    "national*|identity*|citizen*|insurance*|tax*|tin|tins|vat|steuer*|idnr|idno|ausweis*|personalausweis*"
    "|sozialversicherung*|rentenversicherung*|ssn*|sécurité*|securite*|insee|nir|spi|fiscal*|dni|nie|nif|nuss"
    "|nss|cédula*"
    "|cedula*|codice*|fiscale*|tessera*|pesel*|nip|regon|dowód*|dowod*|bsn*|burgerservic*|sofi*|cpf|cnpj|rg"
    "|cartão de cidadão"
    "|contribuinte*|nif|niss|personnum*|samordning*|henkilötunn*|henkilotunn*|hetu*|fødselsnum*|fodselsnum*|fnr|cpr*"
    "|rijksregister*|rrn*|registre national|niss|ahv*|avs|oasi|sozialvers*|cnp|sin|sins|nas|nino*|aadhaar*"
    "|aadhar*|uidai"
    "|pan|jumin*|resident registration*|curp*|rfc|oib*|egn|rodné*|rodne*|rč|amka*|afm|tfn*|abn|acn|pps|ppsn"
    "|isikukood*"
    "|asmens*|personas kods*|személyi*|taj|adóazonosító*|adószám*|emšo*|emso*|jmbg|kennitala*|kt|inn|snils*"
    "|tckn|kimlik*"
    "|rnokpp|rntrc|ipn|cuit|cuil|rut|run|nric*|fin|hkid*|mykad|ic|nik|ktp|npwp|sss|philsys|umid|mynumber|my number"
    "|teudat*|zehut|nrn|social insurance*|utr|unique taxpayer*|ird|ssnit|bvn|vergi*|idcard|fødsel*|steuernummer*"
    "|versichertennum*|sv|svnr|rvnr|svnummer*|vsnr|ahvn*|ein|fein|itin|identifikations*|identifiant fiscal"
    "|numéro fiscal"
    "|número de identificación|tribut*|ruc|nit|curp*|ine|emirates id*|iqama*|qid|cic|cnic|nid|cccd|cmnd|тин|инн"
    "|снилс*"
    "|паспорт*|єдрпоу|іпн|егн|αφμ|αμκα|身份证|身分證|個人番号|マイナンバー|주민등록번호|住民票コード"
)
IDENTITY: Final = _kind(
    "id|ids|i.d|identif*|personal*|personnel*|resident*|registr*|documento*|document*|permit*|personen*|tożsamo*"
)
"""Words of the same sense that say less: another cue between them and the number wins."""
LICENCE: Final = _kind(
    "licence*|license*|licens*|lic|driver*|driving*|dl|dl#|dln|dmv|dvla|führerschein*|fuehrerschein*|permis|patente*"
    "|rijbewij*|prawo jazdy|prawa jazdy|carnet de conducir|permiso de conducir|licencia de conduc*|licencia*"
    "|carta de condução"
    "|cnh|körkort*|ajokortti*|førerkort*|kørekort*"
)
LICENCE_WORDS: Final = (
    "licen", "driver", "driving", "dl", "dmv", "dvla", "hrerschein", "permis", "patente", "rijbewij", "prawo jazdy",
    "prawa jazdy", "conduc", "condu", "cnh", "körkort", "ajokortti", "rerkort", "rekort",
)  # fmt: skip
LICENCE_ALONE: Final = _kind(
    "driver*|driving*|dl|dln|dmv|dvla|führerschein*|fuehrerschein*|rijbewij*|prawo jazdy|prawa jazdy"
    "|permis de conduire"
    "|patente di|carnet de conducir|permiso de conducir|licencia de conducir|carta de condução|cnh"
)
PASSPORT_WORDS: Final = (
    "passport", "reisepass", "passeport", "pasaporte", "passaporto", "paszport", "paspoort", "passaporte",
    "travel document", "passnummer", "pass-nr", "pass nr",
)  # fmt: skip
PASSPORT: Final = _kind(
    "护照|護照|パスポート|여권|passport*|reisepass*|passeport*|pasaport*|passaport*|paszport*|paspoort*|travel document"
    "|travel documents"
    "|passnummer*|pass-nr|pass nr"
)
HEALTH: Final = _kind(
    "mrn*|medical*|patient*|nhs*|medicare*|medicaid*|mbi|hicn|health*|hospital*|krankenvers*|krankenkass*|versichert*"
    "|gesundheit*|patiënt*|carte vitale|assuré*|sanitari*|paciente*|pacient*|pazient*|pacjent*|clinic*|chart*|npi|egk"
    "|zorgverzek*|utente|ubezpieczon*|ohip|phn|ihi|tarjeta sanitaria|insurance id|insurance member*|member id|policy*"
    "|zpp|chi|h&c|nss|seguro*|mutuelle*|ehic|epd"
)
PRESCRIBER: Final = _kind("dea|npi|prescriber*|physician*|provider*|practitioner*|doctor*|dr")
BIRTH: Final = _kind(
    "born|birth*|dob|d.o.b|bday|geboren*|geb|geburt*|né le|née le|né en|née en|né(e) le|naissance*|nacid*|nací"
    "|nació|naci"
    "|nacimiento*|nato il|nata il|nato nel|nata nel|nato a|nata a|nascita*|urodz*|ur|geboorte*|nascid*|nasci|nasceu"
    "|nascimento*|född*|født*|syntyn*|narozen*|született|data ur|gebdat*|doğum*|nacque"
)
ADDRESS: Final = _kind(
    "address*|live|lives|lived|living|ship*|deliver*|mail*|located|locate|location|reside*|home*|adresse*|anschrift*"
    "|wohn*|habite*|dirección*|direccion*|vivo|indirizz*|abito|abita|adres*|mieszka*|woon*|endereço*|moro|mora|visit*"
)
VERSION: Final = _kind(
    "version*|section*|chapter*|clause*|paragraph*|appendix|v|release*|ver|build*|firmware*"
    "|revision*|upgrade*|update*|oid|pip|npm|kernel"
)
BANK: Final = _kind(
    "account*|acct*|acc|a/c|ac|bank*|routing*|aba|rtn|sort code*|sortcode*|sc|konto*|kontonr|ktonr|kto|blz"
    "|bankleitzahl*"
    "|bankverbindung*|compte*|rib|cuenta*|ccc|clabe|cbu|conto*|rekening*|conta|rachun*|nrb|bsb|ifsc|transit*"
    "|checking*|savings*"
    "|direct deposit*|iban"
)
BIC: Final = _kind("bic|swift*")
VEHICLE: Final = _kind(
    "vin|vins|vehicle*|chassis*|fahrgestell*|fin|fahrzeug*|châssis*|bastidor*|telaio*|nadwozia|voertuig*|car"
    "|truck*|auto"
)
PLATE: Final = _kind(
    "plate*|license plate*|licence plate*|number plate*|registration*|kennzeichen*|nummernschild*|immatricul*|plaque*"
    "|matrícula*|matricula*|targa*|tablica*|tablice*|rejestrac*|kenteken*|placa*|tag number|vrm|reg"
)
IMEI: Final = _kind("imei*|meid|imsi|device*|handset*|serial*|iccid|esim|sim")
WALLET: Final = _kind(
    "bitcoin*|btc|ethereum|ether|eth|wallet*|crypto*|litecoin|ltc|dogecoin|doge|monero|xmr|ripple|xrp|tron|trx|usdt"
    "|tether|solana|sol|address*|blockchain*|coin*|bch|cardano|ada|krypto*|portefeuille*|monedero*|portafogli*"
    "|portfel*"
)
COORDINATES: Final = _kind(
    "coord*|gps*|lat|latitud*|lon|long|longitud*|lng|koordinat*|współrzędn*|geo*|location*|located|position*"
    "|standort*"
    "|ubicación*|posizion*|pin|map*|waypoint*|breitengrad*|längengrad*|latitudine*|longitudine*|coörd*"
)
AGE: Final = _kind("age|aged|ages|old|alt|alter|anni|ans|años|lat|jaar|anos|edad|âge|âgé|âgée|età|wiek|leeftijd|idade")
OTHER: Final = _kind(
    "order*|invoice*|tracking*|ticket*|version*|isbn*|issn|product*|part|model*|build*|ref|reference*|case"
    "|transaction*"
    "|booking*|confirmation*|article*|item*|sku|bestell*|rechnung*|auftrag*|commande*|facture*|pedido*|factura*"
    "|ordine*"
    "|fattura*|zamówien*|faktur*|bestelling*|factuur*|fatura*|commit*|revision*|port|error*|line|page|doi|pmid"
    "|rfc|cve"
    "|serial*|batch*|lot|shipment*|parcel*|quote*|purchase*|po|asin|ean|upc|gtin|timestamp*|epoch|seed|size"
    "|bytes|total"
    "|sum|price*|amount*|usd|eur|gbp|step*|count*|number of|population*|gene|accession*|zip|postcode*|pnr"
)
"""What also bears numbers and is no one's: the closest cue of these takes a number's word away."""

_GENERIC: Final = IDENTITY | AGE | VERSION


class Around(NamedTuple):
    """The kinds announced around a number: anywhere in the window, before it, and by the closest word before it."""

    near: Cue
    before: Cue
    closest: Cue


def around(page: Page, start: int, end: int) -> Around:
    """What is announced at most 48 characters before or 24 after `start:end`, or within. Read once for each place."""
    known = memo(page)
    found: Around | None = known.get((start, end))
    if found is None:
        found = known[start, end] = _read(page.lower, start, end)
    return found


def _read(text: str, start: int, end: int) -> Around:
    near = before = closest = 0
    first, last = max(0, start - BEFORE), min(len(text), end + AFTER)
    for match in _WORD.finditer(text, first, last):
        if _cut(text, match, first, last):
            continue
        kinds = _LEXICON.at(text, match)
        near |= kinds
        if kinds and match.end() <= start:
            before |= kinds
            closest = kinds if kinds & ~_GENERIC else closest
    unspaced = _LEXICON.inside(text[first:last])
    near, before, closest = near | unspaced, before | unspaced, unspaced or closest
    return Around(near, before, closest)


def _cut(text: str, match: re.Match[str], first: int, last: int) -> bool:
    """Whether the border of the window goes through the word."""
    begins, ends = match.span()
    if begins == first and first and text[first - 1].isalpha():
        return True
    return ends == last and text[last : last + 1].isalpha()


def near(page: Page, cue: Cue, start: int, end: int) -> bool:
    """Whether a cue stands at most 48 characters before or 24 after `start:end`, or within."""
    return bool(around(page, start, end).near & cue)


def leading(page: Page, cue: Cue, start: int, end: int) -> bool:
    """Whether the closest of all cues before `start:end`, generic words aside, is one of `cue`."""
    return bool(around(page, start, end).closest & cue)


def within(page: Page, cue: Cue, first: int, last: int) -> bool:
    """Whether a cue stands between `first` and `last`."""
    text = page.lower
    return any(_LEXICON.at(text, match) & cue for match in _WORD.finditer(text, first, last))
