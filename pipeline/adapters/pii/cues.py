"""Words that announce a kind of data, in eight languages, and the window in which they count.

A kind is a bit, and a word is looked up once for all kinds: what stands around a number is read in one pass however
many detectors ask. Of several cues the closest one before a number says most about it.
"""

import re
from bisect import bisect_left
from itertools import accumulate, compress
from typing import Final, NamedTuple

from pipeline.adapters.pii.hints import register
from pipeline.adapters.pii.memo import memo
from pipeline.adapters.pii.page import Page

__all__ = [
    "ADDRESS",
    "AGE",
    "BANK",
    "BIC",
    "BIOMETRIC",
    "BIRTH",
    "CARD",
    "COORDINATES",
    "CRIMINAL",
    "GENETIC",
    "HEALTH",
    "IBAN",
    "IDENTITY",
    "IMEI",
    "ITIN",
    "LICENCE",
    "LICENCE_ALONE",
    "NATIONAL",
    "OTHER",
    "PASSPORT",
    "PATIENT",
    "PHONE",
    "PLATE",
    "POLITICS",
    "PRESCRIBER",
    "RELIGION",
    "SEXUAL",
    "SOCIAL",
    "UNION",
    "VEHICLE",
    "VERSION",
    "WALLET",
    "around",
    "leading",
    "near",
    "places",
    "says",
    "within",
]  # fmt: skip

Cue = int
BEFORE: Final = 48
AFTER: Final = 24
_WORD: Final = re.compile(r"[^\W\d_]+")
_REMEMBERED: Final = 16384
_KEY: Final = 2
_UNSPACED: Final = "\u3000"
_SCRIPTS: Final = re.compile("[\u3000-\U0010ffff]")
_PHRASE: Final = 1 << 100
"""Marks a word with which a phrase begins."""


class _Lexicon(dict[str, Cue]):
    """What words announce: whole words, beginnings, endings, and phrases by their first word.

    As a dictionary it answers for any word and remembers what it worked out, up to a bound.
    """

    def __init__(self) -> None:
        self.kinds = 0
        self.whole: dict[str, Cue] = {}
        self.beginnings: dict[str, list[tuple[str, Cue]]] = {}
        self.endings: list[tuple[str, Cue]] = []
        self.tails: tuple[str, ...] = ()
        self.phrases: dict[str, list[tuple[str, Cue]]] = {}
        self.anywhere: list[tuple[str, Cue]] = []

    def kind(self, words: str) -> Cue:
        """A new kind. Words are parted by `|`; one with `*` behind may go on, as `karte*` does in `kartennummer`.

        `*` in front makes it the end of a word. Words of scripts that set no spaces count wherever they stand. All are
        folded as a page folds its text.
        """
        bit = 1 << self.kinds
        self.kinds += 1
        for word in words.split("|"):
            for written in {word, word.upper(), word.capitalize()} if not word.isascii() else {word}:
                self._add(Page(written).lower, bit)
        return bit

    def _add(self, word: str, bit: Cue) -> None:
        if word[0] >= _UNSPACED:
            self.anywhere.append((word.rstrip("*"), bit))
            return
        if word[0] == "*":
            self.endings.append((word[1:], bit))
            self.tails = (*self.tails, word[1:])
            return
        head = _WORD.match(word)
        if head is None:
            raise ValueError(f"a cue begins with a letter, {word!r} does not")
        rest = word[head.end() :]
        if rest == "*":
            self.beginnings.setdefault(head[0][:_KEY], []).append((head[0], bit))
        elif rest:
            self.phrases.setdefault(head[0], []).append((rest.rstrip("*"), bit))
        else:
            self.whole[word] = self.whole.get(word, 0) | bit

    def __missing__(self, word: str) -> Cue:
        kinds = self.whole.get(word, 0)
        for beginning, bit in self.beginnings.get(word[:_KEY], ()):
            if word.startswith(beginning):
                kinds |= bit
        if word.endswith(self.tails):
            for ending, bit in self.endings:
                if word.endswith(ending):
                    kinds |= bit
        if word in self.phrases:
            kinds |= _PHRASE
        if len(self) < _REMEMBERED:
            self[word] = kinds
        return kinds

    def inside(self, text: str) -> Cue:
        """The kinds that words of scripts without spaces announce in `text`."""
        if text.isascii():
            return 0
        kinds = 0
        for word, bit in self.anywhere:
            if word in text:
                kinds |= bit
        return kinds

    def phrase(self, text: str, word: str, end: int) -> Cue:
        """The kinds of the phrases that begin with `word`, which ends at `end`."""
        kinds = 0
        for rest, bit in self.phrases[word]:
            if text.startswith(rest, end):
                kinds |= bit
        return kinds

    def possible(self, word: str) -> Cue:
        """The kinds that `word` announces, or that a phrase beginning with it may announce."""
        kinds = 0
        for _, bit in self.phrases.get(word, ()):
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
    "|cartões|payment*|charge*|pan|plastic|exp|expir*|cvv|cvc|valid thru"
)
IBAN: Final = _kind(
    "iban*|account*|bank*|konto*|compte*|cuenta*|conto*|rekening*|conta|rachun*|überweis*|virement*|transfer*"
    "|bonifico*"
    "|przelew*|wire*"
)
PHONE: Final = _kind(
    "电话|手机|電話|携帯|전화|휴대폰|phone*|telephon*|tel|telefon*|telefoon*|téléphon*|teléfon*|telefón*|my number"
    "|her number|his number|call*|mobile*"
    "|mobil*|móvil*|movil|cell*|fax*"
    "|whatsapp*|sms|text me|text us|reach|contact*|handy*|rufnummer*|portable*|komórk*|telemóvel*|registered"
    "|ring|dial*"
    "|hotline*|pager*|voicemail*|cellulare*|gsm|anruf*|appel*|llam*|chiam*|dzwo*"
    "|zadzwo*|bel|ligue|messages to|messages from|landline*|helpline*"
)
SOCIAL: Final = _kind(
    "ssn*|social security*|social sec|soc sec|social number|social no|social is|social:|social #|s.s.n"
)
ITIN: Final = _kind("itin*|individual taxpayer*")
NATIONAL: Final = _kind(
    "рнокпп|ідентифікаційн*|national*|identity*|citizen*|insurance*|tax*|tin|tins|vat|itin*|taxpayer*|employer*"
    "|social insurance*"
    "|steuer*|idnr|idno|ausweis*|personalausweis*"
    "|sozialversicherung*|rentenversicherung*|sécurité*|securite*|insee|nir|spi|fiscal*|dni|nie|nif|nuss"
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
    "|rnokpp|rntrc|ipn|cuit|cuil|rut|run|nric*|fin|hkid*|mykad|ic|nik|ktp|npwp|sss|philsys|umid|mynumber"
    "|my number card|individual number"
    "|teudat*|zehut|nrn|social insurance*|utr|unique taxpayer*|ird|ssnit|bvn|vergi*|idcard|fødsel*|steuernummer*"
    "|versichertennum*|sv|svnr|rvnr|svnummer*|vsnr|ahvn*|ein|fein|itin|identifikations*|identifiant fiscal"
    "|numéro fiscal"
    "|número de identificación|tribut*|ruc|nit|curp*|ine|emirates id*|iqama*|qid|cic|cnic|nic|nid|cccd|cmnd|тин|инн"
    "|снилс*"
    "|паспорт*|єдрпоу|іпн|егн|αφμ|αμκα|身份证|身分證|個人番号|マイナンバー|주민등록번호|住民票コード"
)
IDENTITY: Final = _kind(
    "id|ids|i.d|identif*|personal*|personnel*|resident*|registr*|documento*|document*|permit*|personen*|tożsamo*"
)
"""Words of the same sense that say less: another cue between them and the number wins."""
LICENCE: Final = _kind(
    "licence*|license*|licens*|lic|driver id|driver no|driver number|driving permit|dl|dl#|dln|dmv|dvla"
    "|führerschein*|fuehrerschein*|permis|patente*"
    "|rijbewij*|prawo jazdy|prawa jazdy|carnet de conducir|permiso de conducir|licencia de conduc*|licencia*"
    "|carta de condução"
    "|cnh|körkort*|ajokortti*|førerkort*|kørekort*"
)
LICENCE_ALONE: Final = _kind(
    "driver's lic|driver’s lic|drivers lic|drivers' lic|driver lic|driver id|driver no|driver number"
    "|driver's id|driving lic|driving permit|dl|dln|dmv|dvla|führerschein*|fuehrerschein*|rijbewij*|prawo jazdy"
    "|prawa jazdy"
    "|permis de conduire"
    "|patente di|carnet de conducir|permiso de conducir|licencia de conducir|carta de condução|cnh"
)
PASSPORT: Final = _kind(
    "护照|護照|パスポート|여권|passport*|reisepass*|passeport*|pasaport*|passaport*|paszport*|paspoort*|travel document"
    "|travel documents"
    "|passnummer*|pass-nr|pass nr"
)
PATIENT: Final = _kind(
    "kvnr|ik-nr|tis|cip|hicn|insured|member*|prescription*|rx|mrn*|medical*|patient*|nhs*|medicare*|medicaid*"
    "|mbi|hicn|health*|hospital*|krankenvers*|krankenkass*|versichert*"
    "|gesundheit*|patiënt*|carte vitale|assuré*|sanitari*|paciente*|pacient*|pazient*|pacjent*|clinic*|chart*|npi|egk"
    "|zorgverzek*|utente|ubezpieczon*|ohip|phn|ihi|tarjeta sanitaria|insurance id|insurance member*|member id|policy*"
    "|zpp|chi|h&c|seguro*|mutuelle*|ehic|epd"
)
PRESCRIBER: Final = _kind("dea|npi|prescriber*|physician*|provider*|practitioner*|doctor*|dr")
BIRTH: Final = _kind(
    "jahrgang|born|birth*|dob|d.o.b|bday|geboren*|geb|geburt*|né le|née le|né en|née en|né(e) le|naissance*"
    "|nacid*|nací"
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
BIC: Final = _kind("bic|bics|swift code|swift:|swift no|swift number|swift/|swift bic|swift-code|swift is|swift (bic")
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
    "|ubicación*|posizion*|map*|waypoint*|breitengrad*|längengrad*|latitudine*|longitudine*|coörd*"
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
    "|sum|price*|amount*|usd|eur|gbp|thread*|process*|pid|uid|offset*|index*|session*|packet*|job|task*|step*"
    "|count*|number of|population*|gene|accession*|zip|postcode*|pnr"
)
"""What also bears numbers and is no one's: the closest cue of these takes a number's word away."""

# Words of special categories: no statement about a person without one of them.
HEALTH: Final = _kind(
    "diagnos*|icd|dx|diabet*|cancer*|leukemia*|leukaemia*|lymphoma*|melanoma*|*carcinoma|carcinoma*"
    "|*sarcoma|sarcoma*|*myeloma|myeloma*|glaucoma*|tumor*|tumour*|hiv|aids|*itis|*osis|*emia|*neuropathy"
    "|neuropathy*|*myopathy|myopathy*|*retinopathy|retinopathy*|tubercul*|epilep*|asthma*|copd|depress*"
    "|anxiety*|bipolar*|schizophren*|ptsd*|adhd*|autis*|ocd|eating disorder|anorex*|bulimi*|alcoholi*"
    "|addict*|dementia*|alzheimer*|parkinson*|sclerosis*|lupus*|crohn*|heart|stroke*|hypertens*"
    "|blood pressure|kidney|infertil*|miscarriage*|syphilis*|gonorrh*|chlamydia*|herpes*|hpv|covid*"
    "|sickle*|fibrosis*|fibromyalgia*|migraine*|insomnia*|seropos*|pregnan*|suicidal*|disabled*|depressed*"
    "|terminally ill|immunocompr*|rehab*|remission*|psychiatric*|medical history|chemo*|overdose*|insulin*"
    "|metformin*|sertralin*|zoloft*|fluoxetin*|prozac*|citalopram*|lexapro*|xanax*|*azolam|*azepam|valium*"
    "|lithium*|seroquel*|quetiapin*|risperid*|olanzap*|clozap*|adderall*|ritalin*|methylphen*|warfarin*"
    "|methadon*|*norphine|suboxone*|oxycodon*|morphin*|fentanyl*|truvada*|biktarvy*|antiretro*|antidepr*"
    "|antipsych*|dialysis*|tamoxifen*|methotrex*|humira*|adalimum*|predniso*|levothyr*|lisinop*|atorvast*"
    "|gabapent*|lamotrig*|levetirac*|ozempic*|viagra*|sildenafil*|prep|leide*|litt*|erkrank*|*krebs|krebs*"
    "|leukämie*|schwanger*|schwerbehind*|sklerose*|*infektion|infektion*|atteint*|souffr*|enceinte*"
    "|grossesse*|séropos*|handicap*|épilep*|dépress*|padec*|sufr*|embaraz*|cáncer*|vih|sida|affett*|soffr*"
    "|incinta*|sieropos*|gravidanza*|cancro*|tumore*"
)
BIOMETRIC: Final = _kind(
    "fingerprint*|iris*|retina*|biometri*|voiceprint*|voice print|palm print|facial recognition|face scan"
    "|faceprint*|fingerabdr*|empreintes?|huella*|impront*"
)
GENETIC: Final = _kind(
    "rs|genetic*|genom*|brca*|dna*|gene|mutation*|genotyp*|andme|chromosom*|gentest*|génétique*|genétic*|adn"
    "|erbgut*|genetisch*"
)
SEXUAL: Final = _kind(
    "trans|gay|lesbi*|bisex*|homosex*|transgen*|transsex*|queer|asexual*|pansex*|heterosex*|nonbinary*"
    "|non-binary|sexual orientation|sex life|schwul*|sexuell*|omosess*|lesbica*|trans woman|trans man"
    "|sexuelle*|sexualidad*|sex worker|orientación sexual"
)
RELIGION: Final = _kind(
    "muslim*|christian*|catholic*|protestant*|jew*|hindu*|buddhis*|sikh*|mormon*|jehovah*|atheis*"
    "|agnostic*|evangelical*|baptist*|lutheran*|methodist*|shia*|sunni*|scientolog*|quaker*|pagan*|wicca*"
    "|bah*|religio*|islam*|judaism*|faith*|converted*|moslem*|katholi*|evangelisch*|jüdisch*|musulm*|juif*"
    "|juive*|catholique*|católic*|judí*|cattolic*|ebre*"
)
POLITICS: Final = _kind(
    "vote*|republican*|democrat*|communist*|socialist*|conservative*|liberal*|political*|party member"
    "|member of the|libertarian*|anarchist*|marxist*|fascist*|labour*|tory|tories*|wähl*|gewählt*|partei*"
    "|parti|politique*|partido*|partito*|votó*|voté*|votat*|votai*"
)
UNION: Final = _kind(
    "union*|shop steward|gewerkschaft*|ig metall|ver.di|syndi*|sindicat*|sindacat*|labor organizer|afl-cio|teamsters*"
)
CRIMINAL: Final = _kind(
    "convict*|arrest*|charged with|sentenced*|jail*|prison*|guilty|probation*|parole*|criminal*|felon*"
    "|inmate*|ex-con|offender*|vorbestraft*|verurteilt*|vorstraf*|casier*|condamn*|antecedentes*|condenad*"
    "|precedenti penali|condannat*|rap sheet|indicted*|warrant*"
)
_TOPICS: Final = HEALTH | BIOMETRIC | GENETIC | SEXUAL | RELIGION | POLITICS | UNION | CRIMINAL

_GENERIC: Final = _TOPICS | IDENTITY | AGE | VERSION


_SPECIFIC: Final = ~_GENERIC


class Around(NamedTuple):
    """The kinds announced around a number: anywhere in the window, before it, and by the closest word before it."""

    near: Cue
    before: Cue
    closest: Cue


class _Hits(NamedTuple):
    """Where the cue words of a page stand, in its order, and what they announce."""

    starts: list[int]
    ends: list[int]
    kinds: list[Cue]


def _hits(page: Page) -> _Hits:
    known = memo(page)
    found: _Hits | None = known.get("hits")
    if found is None:
        found = known["hits"] = _find(page)
    return found


def _find(page: Page) -> _Hits:
    hits = _Hits([], [], [])
    if not page.hints & _ALL:
        return hits
    words = page.letters.split(" ")
    announced = list(map(_LEXICON.__getitem__, words))
    lengths = list(accumulate(map(len, words)))
    for at in compress(range(len(words)), announced):
        word, kinds, end = words[at], announced[at], lengths[at] + at
        if kinds & _PHRASE:
            kinds = kinds & ~_PHRASE | _LEXICON.phrase(page.lower, word, end)
        hits.starts.append(end - len(word))
        hits.ends.append(end)
        hits.kinds.append(kinds)
    return hits


def around(page: Page, start: int, end: int) -> Around:
    """What is announced at most 48 characters before or 24 after `start:end`, or within. Read once for each place."""
    known = memo(page)
    found: Around | None = known.get((start, end))
    if found is None:
        found = known[start, end] = _read(page, start, end)
    return found


def _read(page: Page, start: int, end: int) -> Around:
    starts, ends, all_kinds = _hits(page)
    near = before = closest = 0
    first, last = start - BEFORE, end + AFTER
    for at in range(bisect_left(starts, first), len(starts)):
        behind, kinds = ends[at], all_kinds[at]
        if behind > last:
            break
        near |= kinds
        if behind <= start:
            before |= kinds
            if kinds & _SPECIFIC:
                closest = kinds
    unspaced = _LEXICON.inside(page.lower[max(0, first) : last]) if not page.ascii and _unspaced(page) else 0
    return Around(near | unspaced, before | unspaced, unspaced or closest)


def near(page: Page, cue: Cue, start: int, end: int) -> bool:
    """Whether a cue stands at most 48 characters before or 24 after `start:end`, or within."""
    return bool(around(page, start, end).near & cue)


def leading(page: Page, cue: Cue, start: int, end: int) -> bool:
    """Whether the closest of all cues before `start:end`, generic words aside, is one of `cue`."""
    return bool(around(page, start, end).closest & cue)


def within(page: Page, cue: Cue, first: int, last: int) -> bool:
    """Whether a cue stands between `first` and `last`."""
    hits = _hits(page)
    for at in range(bisect_left(hits.starts, first), len(hits.starts)):
        if hits.ends[at] > last:
            return False
        if hits.kinds[at] & cue:
            return True
    return False


def places(page: Page, cue: Cue) -> list[int]:
    """Where the cues of these kinds begin."""
    hits = _hits(page)
    return [start for start, kinds in zip(hits.starts, hits.kinds, strict=True) if kinds & cue]


def says(page: Page, cue: Cue) -> bool:
    """Whether some word of the page announces one of these kinds, or begins a phrase that could. Cheap and sound."""
    return bool(page.hints & cue) or (not page.ascii and bool(_unspaced(page) & cue))


def _unspaced(page: Page) -> Cue:
    """The kinds that words of scripts without spaces announce, anywhere on the page."""
    known = memo(page)
    kinds: Cue | None = known.get("unspaced")
    if kinds is None:
        there = _SCRIPTS.search(page.lower) is not None
        kinds = known["unspaced"] = _LEXICON.inside(page.lower) if there else 0
    return kinds


_ALL: Final = (1 << _LEXICON.kinds) - 1


def _hint(word: str) -> Cue:
    return (_LEXICON[word] | _LEXICON.possible(word)) & _ALL


register(_hint)
