"""Stand-ins that keep the form of a value, for places where a schema or a parser asks for that form.

Each comes from what its standard sets aside for examples, or cannot be real: the names of RFC 2606, the addresses of
RFC 5737 and RFC 3849, telephone numbers 555-01xx, card numbers without a valid check digit. Pure; chance is `mac`, the
keyed digest of the value.
"""

import calendar
import re
from collections.abc import Callable, Iterator
from datetime import date
from typing import Final

__all__ = ["surrogate"]

_DIGIT: Final = re.compile(r"\d")
_ISO_DATE: Final = re.compile(r"(\d{4})(\D)(\d{1,2})\2(\d{1,2})")
_DATE: Final = re.compile(r"(\d{1,2})(\D)(\d{1,2})\2(\d{4}|\d{2})")
_LETTERS: Final = "bcdfghjkmnpqrstvwxyz23456789"


def surrogate(word: str, value: str, mac: bytes) -> str | None:
    """A stand-in for `value` in the form of its kind; None where the kind has none: then a token must do.

    Args:
        word: the kind, as in tokens (`EMAIL`, `PHONE`, …).
        value: what stands there; only its shape is used.
        mac: at least 16 bytes that depend on the value and a key.
    """
    make = _MAKERS.get(word)
    return make(value, mac) if make is not None else None


def _code(mac: bytes, length: int = 8) -> str:
    return "".join(_LETTERS[byte % len(_LETTERS)] for byte in mac[:length])


def _email(_: str, mac: bytes) -> str:
    return f"u-{_code(mac)}@redacted.invalid"


def _url(value: str, mac: bytes) -> str:
    scheme = value.partition("://")[0] if "://" in value else "https"
    return f"{scheme}://{_code(mac)}.invalid/"


def _ip(value: str, mac: bytes) -> str:
    if ":" in value:
        return "2001:db8::" + ":".join(f"{int.from_bytes(mac[at : at + 2]) | 0x1000:x}" for at in (0, 2, 4))
    return f"192.0.2.{1 + mac[0] % 254}"


def _mac_address(value: str, mac: bytes) -> str:
    """A locally administered address, with the separator of the original."""
    separator = "-" if "-" in value else ":"
    return separator.join(f"{byte:02x}" for byte in (0x02, *mac[:5]))


def _phone(value: str, mac: bytes) -> str | None:
    """The same shape, ending in 555 01xx, which no subscriber in North America has. The zone of E.164 stays."""
    digits = _DIGIT.findall(value)
    if len(digits) < 8:
        return None
    first = digits[0] if value.lstrip().startswith("+") else str(2 + mac[12] % 8)
    between = f"{int.from_bytes(mac[4:12]):020d}"[: len(digits) - 8]
    return _shaped(value, iter(f"{first}{between}55501{int.from_bytes(mac[:4]) % 100:02d}"))


def _card(value: str, mac: bytes) -> str | None:
    """Digits in the same groups, beginning with 9 (no issuer of payment cards), with a check digit that is wrong."""
    digits = len(_DIGIT.findall(value))
    if digits < 8:
        return None
    body = "9" + f"{int.from_bytes(mac[:12]):040d}"[-(digits - 2) :]
    return _shaped(value, iter(body + str((_check_digit(body) + 1 + mac[12] % 9) % 10)))


def _check_digit(body: str) -> int:
    """The digit that makes `body` and itself pass ISO/IEC 7812-1, annex B (Luhn)."""
    doubled = [int(digit) * (2 - at % 2) for at, digit in enumerate(reversed(body))]
    return -sum(number // 10 + number % 10 for number in doubled) % 10


def _digits(value: str, mac: bytes) -> str | None:
    """Every digit and letter by another of its kind; a leading digit becomes 9, which no social security number has."""
    if len(value) < 6 or not value.isascii():
        return None
    chance = int.from_bytes(mac)
    made = []
    for character in value:
        chance, part = divmod(chance, 260)
        made.append(_other(character, part))
    return "9" + "".join(made[1:]) if made[0].isdigit() else "".join(made)


def _other(character: str, part: int) -> str:
    if character.isdigit():
        return str(part % 10)
    if character.isalpha():
        return chr((ord("A") if character.isupper() else ord("a")) + part % 26)
    return character


def _shaped(value: str, digits: Iterator[str]) -> str:
    return _DIGIT.sub(lambda _: next(digits), value)


def _date(value: str, mac: bytes) -> str | None:
    """Another day that exists, written the same way: a 29th of February does not become one in a common year."""
    year = 1930 + int.from_bytes(mac[:2]) % 70
    month = 1 + mac[2] % 12
    day = 1 + mac[3] % calendar.monthrange(year, month)[1]
    iso = _ISO_DATE.fullmatch(value)
    if iso:
        return f"{year:04d}{iso[2]}{month:0{len(iso[3])}d}{iso[2]}{day:0{len(iso[4])}d}"
    plain = _DATE.fullmatch(value)
    if plain is None:
        return None
    # Whoever reads day and month the other way round finds a day as well.
    day = 1 + mac[3] % 12
    year_text = f"{date(year, month, day):%Y}"[-len(plain[4]) :]
    return f"{day:0{len(plain[1])}d}{plain[2]}{month:0{len(plain[3])}d}{plain[2]}{year_text}"


_Maker = Callable[[str, bytes], str | None]

_MAKERS: Final[dict[str, _Maker]] = {
    "EMAIL": _email,
    "URL": _url,
    "IP": _ip,
    "MAC": _mac_address,
    "PHONE": _phone,
    "CARD": _card,
    "DATE": _date,
    "SSN": _digits,
    "ID": _digits,
    "IBAN": _digits,
    "PASSPORT": _digits,
    "MEDICAL": _digits,
    "LICENCE": _digits,
    "ACCOUNT": _digits,
    "VEHICLE": _digits,
    "DEVICE": _digits,
}
