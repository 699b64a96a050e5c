"""Check digits that python-stdnum does not know. Each function takes letters and digits in upper case."""

from collections.abc import Callable
from datetime import date
from typing import Final

Check = Callable[[str], bool]

__all__ = [
    "Check", "date_in", "dea", "emirates", "hong_kong", "hungarian_tax", "icelandic", "kvnr", "luhn", "luxembourg",
    "npi", "pension", "routing", "singapore", "snils", "spanish_social", "sv", "taiwan",
]  # fmt: skip


_VALUES: Final = bytes.maketrans(b"0123456789", bytes(range(10)))
_DOUBLED: Final = bytes.maketrans(b"0123456789", bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)))
"""Twice a digit, and the sum of the digits of that."""


def luhn(digits: str) -> bool:
    """Luhn's sum of a string of digits (ISO/IEC 7812-1, annex B)."""
    signs = digits.encode("ascii")
    return (sum(signs[-1::-2].translate(_VALUES)) + sum(signs[-2::-2].translate(_DOUBLED))) % 10 == 0


def _weighted(digits: str, weights: tuple[int, ...]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


def date_in(digits: str, order: str = "ymd") -> bool:
    """Whether six digits, in the order given, can be a day of some year."""
    parts = dict(zip(order, (digits[0:2], digits[2:4], digits[4:6]), strict=True))
    try:
        date(2000 + int(parts["y"]), int(parts["m"]), int(parts["d"]))
    except ValueError:
        return False
    return True


def snils(digits: str) -> bool:
    """Russian pension insurance: nine digits and their weighted sum modulo 101."""
    return _weighted(digits[:9], (9, 8, 7, 6, 5, 4, 3, 2, 1)) % 101 % 100 == int(digits[9:11])


def hong_kong(number: str) -> bool:
    """Hong Kong identity card: one or two letters, six digits, a check character modulo 11."""
    head = number[:-7].rjust(2)
    values = [36 if sign == " " else ord(sign) - 55 for sign in head] + [int(digit) for digit in number[-7:-1]]
    check = 10 if number[-1] == "A" else int(number[-1]) if number[-1].isdigit() else -1
    return (_sum(values, range(9, 1, -1)) + check) % 11 == 0


def _sum(values: list[int], weights: range) -> int:
    return sum(value * weight for value, weight in zip(values, weights, strict=True))


_SINGAPORE: Final = {
    "S": (0, "JZIHGFEDCBA"), "T": (4, "JZIHGFEDCBA"), "F": (0, "XWUTRQPNMLK"), "G": (4, "XWUTRQPNMLK"),
    "M": (3, "KLJNPQRTUWX"),
}  # fmt: skip


def singapore(number: str) -> bool:
    """Singapore NRIC and FIN: a letter, seven digits, a check letter modulo 11."""
    if number[0] not in _SINGAPORE:
        return False
    offset, letters = _SINGAPORE[number[0]]
    rest = (_weighted(number[1:8], (2, 7, 6, 5, 4, 3, 2)) + offset) % 11
    return letters[10 - rest if number[0] == "M" else rest] == number[8]


_TAIWAN: Final = "ABCDEFGHJKLMNPQRSTUVXYWZIO"


def taiwan(number: str) -> bool:
    """Taiwanese national id: a letter worth two digits, nine digits, modulo 10."""
    code = _TAIWAN.index(number[0]) + 10
    digits = f"{code}{number[1:]}"
    return _weighted(digits, (1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1)) % 10 == 0


def luxembourg(digits: str) -> bool:
    """Luxembourgish matricule: a date of birth, then a Luhn digit over eleven and a Verhoeff digit."""
    return luhn(digits[:12]) and digits[:2] in ("18", "19", "20") and date_in(digits[2:8])


def spanish_social(digits: str) -> bool:
    """Spanish social security: the first ten digits modulo 97."""
    province, number = digits[:2], digits[2:10].lstrip("0")
    return int(province + (number if len(number) == 8 else number.rjust(7, "0"))) % 97 == int(digits[10:])


def sv(number: str) -> bool:
    """German pension insurance number: area, date of birth, letter, serial, digit sums with weights (VSNR, VKVV)."""
    digits = f"{number[:8]}{ord(number[8]) - 64:02d}{number[9:11]}"
    sums = sum(sum(divmod(int(d) * w, 10)) for d, w in zip(digits, (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1), strict=True))
    return sums % 10 == int(number[11])


def kvnr(number: str) -> bool:
    """German health insurance number: a letter worth two digits, eight digits, Luhn with weights 1 and 2."""
    digits = f"{ord(number[0]) - 64:02d}{number[1:9]}"
    return sum(sum(divmod(int(d) * (1 + n % 2), 10)) for n, d in enumerate(digits)) % 10 == int(number[9])


def pension(digits: str) -> bool:
    """Hungarian TAJ: eight digits weighted 3 and 7, modulo 10."""
    return _weighted(digits[:8], (3, 7, 3, 7, 3, 7, 3, 7)) % 10 == int(digits[8])


def hungarian_tax(digits: str) -> bool:
    """Hungarian tax number of a person: begins with 8, nine digits weighted by their place, modulo 11."""
    return digits[0] == "8" and sum(int(d) * n for n, d in enumerate(digits[:9], 1)) % 11 == int(digits[9])


def icelandic(digits: str) -> bool:
    """Icelandic kennitala of a person: day, month, year, serial, check digit modulo 11, century."""
    if not date_in(digits[:6], "dmy") or digits[9] not in "890":
        return False
    return _weighted(digits[:9], (3, 2, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0


def emirates(digits: str) -> bool:
    """Emirates id: 784, year of birth, serial, Luhn."""
    return digits[:3] == "784" and digits[3:5] in ("19", "20") and luhn(digits)


def dea(number: str) -> bool:
    """Drug Enforcement Administration number: two letters, six digits, their weighted sum modulo 10."""
    digits = [int(digit) for digit in number[2:]]
    return (sum(digits[0:5:2]) + 2 * sum(digits[1:6:2])) % 10 == digits[6]


def npi(digits: str) -> bool:
    """National Provider Identifier: Luhn over the number behind the prefix 80840."""
    return digits[0] in "12" and luhn(f"80840{digits}")


def routing(digits: str) -> bool:
    """ABA routing transit number: weights 3, 7, 1, and a first pair that the ABA gives out."""
    pair = int(digits[:2])
    given = pair <= 12 or 21 <= pair <= 32 or 61 <= pair <= 72 or pair == 80
    return given and digits != "000000000" and _weighted(digits, (3, 7, 1) * 3) % 10 == 0
