"""Whether what an answer says stands in the question: strings that were extracted, numbers, dates, quotations. Pure.

Of a document every string counts that its schema does not choose from a list, and every number; of other text its
numbers and its quotations. Texts are compared without regard to case and blanks, numbers as they are written in either
way. Of a very long question nothing is said, since looking through it would keep others waiting.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from pipeline.confidence.signals.seen import Seen
from pipeline.contracts import Json

__all__ = ["NAMES", "signals"]

NAMES: Final = ("grounded", "grounded_strings", "grounded_numbers", "grounded_dates", "grounded_quotes")

LONGEST: Final = 40_000
"""Characters of a question that is looked through."""
_MOST: Final = 48
"""Values that are looked for."""
_MOST_NUMBERS: Final = 16
_MOST_DIGITS: Final = 40
"""Digits that someone may write in groups; a number far longer than that cannot be converted at all."""
_DEEPEST: Final = 8
_HEAD: Final = 8_000
_NUMBER: Final = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?(?![\w])")
_QUOTE: Final = re.compile(r"[\"“„«]([^\"“”„«»\n]{8,400})[\"”“»]")
_DIGIT: Final = re.compile(r"\d")
_MARKS: Final = '"“„«'
_DATE: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ].*)?")
_MONTHS: Final = (
    ("jan", "jän", "ene"), ("feb", "fév"), ("mar", "mär"), ("apr", "avr", "abr"), ("may", "mai"), ("jun", "juin"),
    ("jul", "juil"), ("aug", "aoû", "ago"), ("sep",), ("oct", "okt"), ("nov",), ("dec", "dez", "déc", "dic"),
)  # fmt: skip
_NOTHING: Final[dict[str, float | None]] = dict.fromkeys(NAMES)


class _Value(NamedTuple):
    """Something to look for."""

    kind: str
    text: str


def signals(seen: Seen) -> dict[str, float | None]:
    """The share of values that stand in the question, of each kind and of all; None where there is none."""
    if not seen.question or len(seen.question) > LONGEST:
        return _NOTHING
    values = _of_document(seen) if seen.has_document else _of_text(seen.text)
    if not values:
        return _NOTHING
    source = _Source(seen.question)
    found: dict[str, list[bool]] = {}
    for value in values:
        found.setdefault(value.kind, []).append(source.has(value))
    every = [there for kind in found.values() for there in kind]
    shares = {f"grounded_{kind}": sum(there) / len(there) for kind, there in found.items()}
    return {**_NOTHING, "grounded": sum(every) / len(every), **shares}


class _Source:
    """A question that is looked through."""

    __slots__ = ("_joined", "_lower")

    def __init__(self, question: str) -> None:
        self._lower = question.casefold()
        self._joined: str | None = None

    def has(self, value: _Value) -> bool:
        if value.kind == "numbers":
            return any(self._has_number(form) for form in _forms(value.text))
        if value.kind == "dates":
            return self._has_date(value.text)
        return self._has_text(value.text)

    def _has_text(self, text: str) -> bool:
        wanted = text.casefold().strip()
        if wanted in self._lower:
            return True
        if self._joined is None:
            self._joined = " ".join(self._lower.split())
        return " ".join(wanted.split()) in self._joined

    def _has_number(self, form: str) -> bool:
        """Whether the number stands there, and not as a part of a longer one."""
        if len(form) > 2 * _MOST_DIGITS:
            return form in self._lower
        at = self._lower.find(form)
        while at >= 0:
            end = at + len(form)
            before, after = self._lower[max(0, at - 1) : at], self._lower[end : end + 2]
            if not before.isdigit() and before != "." and not after[:1].isdigit() and not _goes_on(after):
                return True
            at = self._lower.find(form, at + 1)
        return False

    def _has_date(self, text: str) -> bool:
        match = _DATE.fullmatch(text)
        if match is None:
            return self._has_text(text)
        year, month, day = match.groups()
        if f"{year}-{month}-{day}" in self._lower:
            return True
        parts = (year, str(int(day)))
        there = all(self._has_number(part) or self._has_number(part.zfill(2)) for part in parts)
        return there and self._has_month(int(month))

    def _has_month(self, month: int) -> bool:
        named = 1 <= month <= len(_MONTHS) and any(name in self._lower for name in _MONTHS[month - 1])
        return named or self._has_number(str(month)) or self._has_number(f"{month:02}")


def _goes_on(after: str) -> bool:
    """Whether a number goes on behind a point or a comma."""
    return after[:1] in (".", ",") and after[1:2].isdigit()


def _forms(text: str) -> Iterator[str]:
    """The ways in which a number may be written: with groups of thousands or not, a point or a comma, and cents."""
    whole, point, rest = text.replace(",", "").lstrip("-").partition(".")
    short = rest.rstrip("0")
    tails = dict.fromkeys((rest, short, short.ljust(2, "0"))) if point else {"": None}
    grouped = f"{int(whole):,}" if 3 < len(whole) <= _MOST_DIGITS and whole.isdigit() else None
    for tail in tails:
        yield f"{whole}.{tail}" if tail else whole
        if tail:
            yield f"{whole},{tail}"
        if grouped is not None:
            yield f"{grouped}.{tail}" if tail else grouped
            yield grouped.replace(",", ".") + (f",{tail}" if tail else "")
            yield grouped.replace(",", " ") + (f".{tail}" if tail else "")


# ------------------------------------------------------------ what is looked for


def _of_text(text: str) -> list[_Value]:
    """Most texts have neither a digit nor a quotation mark; looking for these alone is several times as quick."""
    head = text[:_HEAD]
    found: list[_Value] = []
    if _DIGIT.search(head):
        found += [_Value("numbers", number) for number in dict.fromkeys(_NUMBER.findall(head))][:_MOST_NUMBERS]
    if any(mark in head for mark in _MARKS):
        found += [_Value("quotes", match.group(1)) for match in _QUOTE.finditer(head)][:_MOST]
    return found


def _of_document(seen: Seen) -> list[_Value]:
    return list(_leaves(seen.schema, seen.document, _DEEPEST))[:_MOST]


def _leaves(schema: Json, document: Json, depth: int) -> Iterator[_Value]:
    if depth == 0 or (isinstance(schema, dict) and ("enum" in schema or "const" in schema)):
        return
    parts = schema if isinstance(schema, dict) else {}
    if isinstance(document, dict):
        properties = parts.get("properties")
        known = properties if isinstance(properties, dict) else {}
        for name, value in list(document.items())[:_MOST]:
            yield from _leaves(known.get(name), value, depth - 1)
    elif isinstance(document, list):
        for value in document[:_MOST]:
            yield from _leaves(parts.get("items"), value, depth - 1)
    elif isinstance(document, str):
        if document.strip():
            yield _Value("dates" if _DATE.fullmatch(document) else "strings", document[:_HEAD])
    elif isinstance(document, int | float) and not isinstance(document, bool):
        yield _Value("numbers", f"{document:.15g}")
