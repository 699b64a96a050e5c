"""Identifiers made here from a seed, with right check digits, in sentences of our own: what the data has few of."""

import random
import string
from collections.abc import Callable, Iterator
from typing import Final

import phonenumbers
from stdnum.iban import is_valid

from bench.pii.rows import Row
from pipeline.adapters.pii.spans import Span

__all__ = ["CARDS", "IBANS", "MAKERS", "cards", "grouped", "iban", "luhn", "made", "placed"]

IBANS: Final = {
    "AT": "16n", "BE": "12n", "BG": "4a14n", "CH": "17n", "CY": "24n", "CZ": "20n", "DE": "18n", "DK": "14n",
    "EE": "16n", "ES": "20n", "FI": "14n", "FR": "23n", "GB": "4a14n", "GR": "23n", "HR": "17n", "HU": "24n",
    "IE": "4a14n", "IT": "1a22n", "LI": "17n", "LT": "16n", "LU": "16n", "LV": "4a13n", "MT": "4a23n", "NL": "4a10n",
    "NO": "11n", "PL": "24n", "PT": "21n", "RO": "4a16n", "SE": "20n", "SI": "15n", "SK": "20n", "TR": "22n",
}  # fmt: skip
"""The basic account number of a country as letters (a) and digits (n), from the public IBAN registry."""
CARDS: Final = {
    "Visa": (("4",), (16,)),
    "Visa, 13 and 19 digits": (("4",), (13, 19)),
    "Mastercard": (("51", "52", "53", "54", "55"), (16,)),
    "Mastercard, 2-series": (("2221", "2345", "2500", "2699", "2720"), (16,)),
    "American Express": (("34", "37"), (15,)),
    "Diners": (("300", "305", "36", "38"), (14,)),
    "Discover": (("6011", "644", "65"), (16,)),
    "JCB": (("3528", "3589"), (16,)),
    "UnionPay": (("62",), (16, 19)),
    "Maestro": (("5018", "5020", "6304", "6759"), (12, 13, 16, 18, 19)),
    "Mir": (("2200", "2204"), (16,)),
}
_SAID: Final = {
    "CREDIT_CARD": ("Charge {} please.", "my card {} was declined twice", "card number: {}", "{} exp 11/29"),
    "IBAN": ("Please send it to {} today.", "IBAN: {}", "transfer 40 euros to {}", "{}"),
    "EMAIL": ("write to {}, thanks", "{}", "From: {}\nSubject: hello", "Is {} the right address?"),
    "US_SSN": ("SSN {}", "her social security number is {}.", "my ssn: {}", "SSN on file: {}, please check"),
    "IP": ("login from {} at noon", "ping {}", "client {} was blocked", "the server {} does not answer"),
    "PHONE": ("call {} after six", "Tel. {}", "my number is {}", "WhatsApp: {}"),
    "MAC": ("device {} joined the network", "MAC address {}", "{}"),
    "CRYPTO_WALLET": ("send it to {}", "my wallet is {}", "{}"),
    "COORDINATES": ("I am at {} right now", "GPS: {}", "the parcel is at {}"),
    "DATE_OF_BIRTH": ("born on {}", "DOB: {}", "date of birth: {}", "geboren am {}", "née le {}"),
    "PASSPORT": ("passport number {}", "Passport No. {}", "Reisepass {}", "numéro de passeport : {}"),
    "MEDICAL_ID": ("MRN: {}", "patient number {}", "medical record {}"),
    "DRIVER_LICENSE": ("driver's license number is {}", "my driving licence: {}", "license no. {} was suspended"),
    "VEHICLE_ID": ("VIN {}", "the vehicle identification number is {}"),
}  # fmt: skip
_WORDS: Final = (
    "alder",
    "birch",
    "cedar",
    "dogwood",
    "elm",
    "fir",
    "ginkgo",
    "hazel",
    "ivy",
    "juniper",
    "kapok",
    "larch",
)


def luhn(digits: str) -> str:
    """The digits with their check digit."""
    total = sum(sum(divmod(int(d) * (1 + at % 2), 10)) for at, d in enumerate(reversed(digits + "0")))
    return digits + str(-total % 10)


def iban(country: str, draw: random.Random) -> str:
    """An IBAN that python-stdnum takes, of which some countries check their own digits too."""
    while True:
        value = _iban(country, draw)
        if is_valid(value):
            return value


def _iban(country: str, draw: random.Random) -> str:
    pattern = IBANS[country]
    letters, _, digits = pattern[:-1].rpartition("a")
    body = "".join(draw.choices(string.ascii_uppercase, k=int(letters or 0)))
    body += "".join(draw.choices(string.digits, k=int(digits)))
    numeric = "".join(str(int(sign, 36)) for sign in body + country)
    return f"{country}{98 - int(numeric + '00') % 97:02d}{body}"


def grouped(text: str, size: int = 4, by: str = " ") -> str:
    """In groups, as people write it."""
    return by.join(text[at : at + size] for at in range(0, len(text), size))


def _digits(draw: random.Random, length: int) -> str:
    return "".join(draw.choices(string.digits, k=length))


def card(series: str, draw: random.Random) -> str:
    """A card number of a series that passes Luhn, grouped or not."""
    prefixes, lengths = CARDS[series]
    prefix, length = draw.choice(prefixes), draw.choice(lengths)
    number = luhn(prefix + _digits(draw, length - len(prefix) - 1))
    if length == 15:
        return draw.choice([number, f"{number[:4]} {number[4:10]} {number[10:]}"])
    return draw.choice([number, grouped(number), grouped(number, by="-")]) if length == 16 else number


def _ssn(draw: random.Random) -> str:
    area = draw.choice([*range(1, 666), *range(667, 900)])
    parts = f"{area:03d}", f"{draw.randint(1, 99):02d}", f"{draw.randint(1, 9999):04d}"
    return draw.choice(["-", "-", " ", ""]).join(parts)


def _email(draw: random.Random) -> str:
    first, second = draw.sample(_WORDS, 2)
    local = draw.choice([f"{first}.{second}", f"{first}_{second}{draw.randint(1, 99)}", f"{first[0]}-{second}+news"])
    end = draw.choice(["org", "co.uk", "io", "museum", "de"])
    return f"{local}@{draw.choice(['mail.', ''])}{draw.choice(_WORDS)}.{end}"


def _ip4(draw: random.Random) -> str:
    """An address of a host: neither loopback nor multicast nor reserved."""
    first = draw.choice([*range(1, 127), *range(128, 224)])
    return ".".join(map(str, (first, *(draw.randint(1, 254) for _ in range(3)))))


def _ip6(draw: random.Random) -> str:
    words = [f"{draw.randrange(1, 65536):x}" for _ in range(8)]
    words[0] = draw.choice(["2001", "2a02", "fe80", "fd12"])
    whole = ":".join(words)
    short = f"{':'.join(words[: draw.randint(2, 4)])}::{':'.join(words[-draw.randint(1, 2) :])}"
    return draw.choice([whole, whole.upper(), short, f"::ffff:{_ip4(draw)}"])


def _phone(region: str, draw: random.Random) -> str | None:
    """A possible number of the region in international form, drawn near the example of the library."""
    example = phonenumbers.example_number(region)
    if example is None:
        return None
    for _ in range(50):
        text = str(example.national_number)
        changed = int(text[:-4] + _digits(draw, 4))
        number = phonenumbers.PhoneNumber(country_code=example.country_code, national_number=changed)
        if phonenumbers.is_valid_number_for_region(number, region):
            form = draw.choice([phonenumbers.PhoneNumberFormat.INTERNATIONAL, phonenumbers.PhoneNumberFormat.E164])
            return phonenumbers.format_number(number, form)
    return phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def _foreign_phone(draw: random.Random) -> str:
    return (
        _phone(draw.choice(["US", "GB", "DE", "FR", "ES", "IT", "NL", "PL", "SE", "CH", "AU", "IN", "BR"]), draw) or ""
    )


def _national_phone(draw: random.Random) -> str:
    region = draw.choice(["US", "GB", "DE", "FR", "ES", "IT", "NL", "PL", "SE", "CH", "AU", "IN", "BR", "PT", "BE"])
    number = phonenumbers.parse(_phone(region, draw) or "", None)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)


def _mac(draw: random.Random) -> str:
    pairs = [f"{draw.randrange(256):02x}" for _ in range(6)]
    text = draw.choice([":".join(pairs), "-".join(pairs), ".".join("".join(pairs[at : at + 2]) for at in (0, 2, 4))])
    return draw.choice([text, text.upper()])


_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def _wallet(draw: random.Random) -> str:
    from hashlib import sha256

    payload = draw.choice([b"\x00", b"\x05"]) + draw.randbytes(20)
    raw = payload + sha256(sha256(payload).digest()).digest()[:4]
    number, text = int.from_bytes(raw, "big"), ""
    while number:
        number, rest = divmod(number, 58)
        text = _BASE58[rest] + text
    base58 = "1" * (len(raw) - len(raw.lstrip(b"\0"))) + text
    return draw.choice([base58, "0x" + draw.randbytes(20).hex()])


def _coordinates(draw: random.Random) -> str:
    north, east = draw.uniform(-80, 80), draw.uniform(-170, 170)
    minutes = f"{abs(int(north))}°{draw.randint(0, 59)}'{draw.randint(0, 59)}\"{'NS'[north < 0]}"
    more = f"{abs(int(east))}°{draw.randint(0, 59)}'{draw.randint(0, 59)}\"{'EW'[east < 0]}"
    return draw.choice([f"{north:.5f}, {east:.5f}", f"{north:.6f},{east:.6f}", f"{minutes} {more}"])


def _birth(draw: random.Random) -> str:
    day, month, year = draw.randint(1, 28), draw.randint(1, 12), draw.randint(1930, 2008)
    return draw.choice(
        [f"{day:02d}.{month:02d}.{year}", f"{month:02d}/{day:02d}/{year}", f"{year}-{month:02d}-{day:02d}"]
    )


def _vin(draw: random.Random) -> str:
    signs = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"
    values = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9],
                      strict=True))  # fmt: skip
    body = [draw.choice(signs) for _ in range(17)]
    weights = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2]
    rest = sum(w * (values.get(s) or int(s if s.isdigit() else 0)) for w, s in zip(weights, body, strict=True)) % 11
    body[8] = "X" if rest == 10 else str(rest)
    return "".join(body)


def _license(draw: random.Random) -> str:
    letter = draw.choice(string.ascii_uppercase)
    return draw.choice([letter + _digits(draw, 7), f"{letter}{_digits(draw, 3)}-{_digits(draw, 4)}-{_digits(draw, 4)}"])


Maker = Callable[[random.Random], str]
MAKERS: Final[dict[str, tuple[str, Maker]]] = {
    **{f"card, {series}": ("CREDIT_CARD", lambda draw, series=series: card(series, draw)) for series in CARDS},
    "IBAN, whole": ("IBAN", lambda draw: iban(draw.choice(sorted(IBANS)), draw)),
    "IBAN, in groups": ("IBAN", lambda draw: grouped(iban(draw.choice(sorted(IBANS)), draw))),
    "IBAN, lower case": ("IBAN", lambda draw: iban(draw.choice(sorted(IBANS)), draw).lower()),
    "e-mail": ("EMAIL", _email),
    "SSN": ("US_SSN", _ssn),
    "IP v4": ("IP", _ip4),
    "IP v6": ("IP", _ip6),
    "phone, with its country": ("PHONE", _foreign_phone),
    "phone, national form": ("PHONE", _national_phone),
    "MAC": ("MAC", _mac),
    "crypto wallet": ("CRYPTO_WALLET", _wallet),
    "coordinates": ("COORDINATES", _coordinates),
    "date of birth": ("DATE_OF_BIRTH", _birth),
    "passport": ("PASSPORT", lambda draw: draw.choice(string.ascii_uppercase) + _digits(draw, 8)),
    "medical record": ("MEDICAL_ID", lambda draw: _digits(draw, 8)),
    "driving licence": ("DRIVER_LICENSE", _license),
    "vehicle": ("VEHICLE_ID", _vin),
}


def placed(kind: str, value: str, draw: random.Random, said: str | None = None) -> Row:
    """The value in a sentence that people write around values of this type."""
    before, _, after = (said or draw.choice(_SAID[kind])).partition("{}")
    return Row(before + value + after, (Span(kind, len(before), len(before) + len(value), 1.0),))


def made(name: str, number: int, seed: int) -> list[Row]:
    """`number` sentences with an identifier of this name in `MAKERS`."""
    kind, make = MAKERS[name]
    draw = random.Random(f"{seed} {name}")
    return [placed(kind, make(draw), draw) for _ in range(number)]


def phones(seed: int) -> list[Row]:
    """One number of every region of the world that has numbers, in international form."""
    draw = random.Random(f"{seed} phones")
    found = (_phone(region, draw) for region in sorted(phonenumbers.SUPPORTED_REGIONS))
    return [placed("PHONE", number, draw) for number in found if number]


def cards(number: int, seed: int) -> Iterator[Row]:
    """Cards of all series in turn."""
    for series in CARDS:
        yield from made(f"card, {series}", number, seed)
