"""Words that announce a kind of data, in eight languages, and the window in which they count."""

import re
from typing import Final

from pipeline.adapters.pii.page import Page

__all__ = [
    "ADDRESS",
    "BIRTH",
    "BIRTH_WORDS",
    "CARD",
    "HEALTH",
    "HEALTH_WORDS",
    "IBAN",
    "LICENCE",
    "NATIONAL",
    "PASSPORT",
    "PASSPORT_WORDS",
    "PHONE",
    "SOCIAL",
    "VERSION",
    "near",
]

Cues = re.Pattern[str]
BEFORE: Final = 48
AFTER: Final = 24


def _starts(*words: str) -> Cues:
    """Words of which the text may add an ending: `karte` is found in `kartennummer`, not in `landkarte`."""
    return re.compile(r"(?<![^\W\d_])(?:" + "|".join(words) + ")")


CARD: Final = _starts(
    "card", "credit", "debit", "visa", "mastercard", "amex", "maestro", r"cc\b", "kreditkarte", "karte", "carte",
    "tarjeta", "carta", "karta", "kart", "creditcard", "cartão", "payment", "charge",
)  # fmt: skip
IBAN: Final = _starts("iban", "account", "bank", "konto", "compte", "cuenta", "conto", "rekening", "conta", "rachun")
PHONE: Final = _starts(
    "phone", "telephone", r"tel\b", "tele?fon", "telefoon", "téléphone", "teléfono", "call", "mobile", "mobil", "móvil",
    "cell", "fax", "whatsapp", "sms", "text me", "reach", "contact", "handy", "rufnummer", "portable", "komórk",
    "telemóvel", "registered", "ring", "dial", "hotline", "pager",
)  # fmt: skip
SOCIAL: Final = _starts("ssn", "social security", "soc sec", "social", "tax", "itin", "taxpayer")
NATIONAL: Final = _starts(
    "national", "identity", r"id\b", "identification", "citizen", "personal", "social security", "social insurance",
    "insurance number", "tax", r"tin\b", "steuer", r"idnr\b", "ausweis", "sozialversicherung", "numéro de sécurité",
    "sécurité sociale", r"nir\b", r"dni\b", r"nie\b", r"nif\b", "documento", "codice fiscale", "fiscale", "pesel",
    "dowód", r"bsn\b", "burgerservice", "sofi", r"cpf\b", "cartão de cidadão", "contribuinte", "personnummer",
    "henkilötunnus", r"hetu\b", "fødselsnummer", r"cpr\b", "rijksregister", "ahv", r"avs\b", r"cnp\b", r"sin\b",
    r"nino\b", "aadhaar", r"pan\b", r"rrn\b", r"curp\b", r"oib\b", r"egn\b", "rodné", "amka", r"tfn\b", r"pps\b",
    "resident", "registration", "isikukood", "asmens",
)  # fmt: skip
LICENCE: Final = _starts("licen[cs]e", "driving", "führerschein", "permis", "patente", "rijbewijs", "prawo jazdy")
PASSPORT_WORDS: Final = ("passport", "reisepass", "passeport", "pasaporte", "passaporto", "paszport", "paspoort",
                         "passaporte", "travel document")  # fmt: skip
PASSPORT: Final = _starts(*PASSPORT_WORDS)
HEALTH_WORDS: Final = (
    "mrn", "medical", "patient", "nhs", "medicare", "medicaid", "health", "hospital", "krankenvers", "versichert",
    "gesundheit", "patiënt", "carte vitale", "assuré", "sanitaria", "paciente", "paziente", "pacjent", "mbi", "clinic",
)  # fmt: skip
HEALTH: Final = _starts(*HEALTH_WORDS)
BIRTH_WORDS: Final = (
    "born", "birth", "dob", "d.o.b", "geboren", "geb.", "geburt", "né le", "née le", "naissance", "nacid", "nacimiento",
    "nato il", "nata il", "nascita", "urodz", "geboorte", "nascid", "nascimento",
)  # fmt: skip
BIRTH: Final = _starts(*(re.escape(word) for word in BIRTH_WORDS))
ADDRESS: Final = _starts(
    "address", "live", "living", "ship", "deliver", "mail", "located", "reside", "home", "adresse", "anschrift", "wohn",
    "habite", "dirección", "vivo", "indirizzo", "abito", "adres", "mieszka", "woon", "endereço", "moro", "visit",
)  # fmt: skip
VERSION: Final = _starts("version", r"v\b", "release", r"ver\b", "build", "firmware")


def near(page: Page, cues: Cues, start: int, end: int) -> bool:
    """Whether a cue stands at most 48 characters before or 24 after `start:end`, or within."""
    return cues.search(page.lower, max(0, start - BEFORE), end + AFTER) is not None
