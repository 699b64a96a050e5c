"""Words that announce a kind of data, in eight languages. A kind is a bit; how words are written: `Lexicon.kind`."""

from typing import Final

from pipeline.adapters.pii.hints import register
from pipeline.adapters.pii.lexicon import Cue, Lexicon

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
    "GENERIC",
    "GENETIC",
    "HEALTH",
    "IBAN",
    "IDENTITY",
    "IMEI",
    "ITIN",
    "LEXICON",
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
]  # fmt: skip

LEXICON: Final = Lexicon()
_kind = LEXICON.kind

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
GENERIC: Final = _TOPICS | IDENTITY | AGE | VERSION
"""Kinds whose words are said of anything: they do not lead."""


_ALL: Final = (1 << LEXICON.kinds) - 1


def _hint(word: str) -> Cue:
    return (LEXICON[word] | LEXICON.possible(word)) & _ALL


register(_hint)
