"""Ways in which people and programs write an identifier so that a plain expression misses it."""

import random
import re
from collections.abc import Callable
from typing import Final

from bench.pii.made import MAKERS, placed
from bench.pii.rows import Row

__all__ = ["DISGUISES", "IDENTIFIERS", "disguised"]

Disguise = Callable[[str, random.Random], str]
_CYRILLIC: Final = str.maketrans("aceopxyABCEHKMOPTX", "асеорхуАВСЕНКМОРТХ")
_ARABIC: Final = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
_UNBROKEN: Final = str.maketrans({" ": "\u00a0", "-": "\u2011"})
_WIDE: Final = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}


def _zero_width(text: str, draw: random.Random) -> str:
    signs = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
    return "".join(sign + (draw.choice(signs) if draw.random() < 0.3 else "") for sign in text[:-1]) + text[-1]


def _separators(text: str, draw: random.Random) -> str:
    if "@" in text:
        at, dot = draw.choice([(" [at] ", " [dot] "), ("(at)", "(dot)"), ("[at]", "[dot]"), (" at ", " dot ")])
        return text.replace("@", at).replace(".", dot)
    if re.fullmatch(r"[\d.]+", text):
        return text.replace(".", draw.choice(["[.]", "(.)", "[dot]"]))
    return re.sub(r"[ -]", ".", text)


DISGUISES: Final[dict[str, Disguise]] = {
    "zero-width signs": _zero_width,
    "full width": lambda text, _: text.translate(_WIDE),
    "look-alike letters": lambda text, _: text.translate(_CYRILLIC),
    "Arabic-Indic digits": lambda text, _: text.translate(_ARABIC),
    "unbroken space and hyphen": lambda text, _: text.translate(_UNBROKEN),
    "spelled separators, dots": _separators,
    "spaced characters": lambda text, _: " ".join(text.replace(" ", "")),
}
IDENTIFIERS: Final = {
    "e-mail": "e-mail",
    "card": "card, Visa",
    "IBAN": "IBAN, in groups",
    "phone": "phone, with its country",
    "SSN": "SSN",
    "IP": "IP v4",
}
"""What is disguised, and the maker that draws it."""


def disguised(disguise: str, identifier: str, number: int, seed: int) -> list[Row]:
    """`number` sentences with a disguised identifier; the label spans all of it."""
    kind, make = MAKERS[IDENTIFIERS[identifier]]
    draw = random.Random(f"{seed} {disguise} {identifier}")
    return [placed(kind, DISGUISES[disguise](_with_separators(kind, make(draw)), draw), draw) for _ in range(number)]


def _with_separators(kind: str, value: str) -> str:
    """A disguise of separators needs some."""
    if kind == "US_SSN" and value.isdigit():
        return f"{value[:3]}-{value[3:5]}-{value[5:]}"
    if kind == "CREDIT_CARD" and value.isdigit():
        return " ".join(value[at : at + 4] for at in range(0, len(value), 4))
    return value
