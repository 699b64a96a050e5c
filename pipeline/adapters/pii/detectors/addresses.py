"""Postal addresses in the forms of Europe and the United States."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from pipeline.adapters.pii import cues
from pipeline.adapters.pii.detectors.base import Detector
from pipeline.adapters.pii.page import Page
from pipeline.adapters.pii.spans import Span

__all__ = ["ADDRESS"]

# ---------------------------------------------------------------- parts of an address

_NUMBER: Final = r"\d{1,5}(?: ?[A-Za-z](?![A-Za-z]))?(?:[-/]\d{1,4})?"
_FREE: Final = r"(?<![\w.,$€£-])"
_CAPITAL: Final = "[A-ZÀ-ÖØ-ÞĀ-Ž]"
_WORD: Final = rf"{_CAPITAL}[\w'’.-]{{0,24}}"
_UNIT: Final = r"(?:,?\s{0,2}(?:Apt|Apartment|Suite|Ste|Unit|Flat|Floor|Room|#)\.? ?#?\w{1,6})?"
_TOWN: Final = rf"(?:[,\s]{{1,3}}(?:{_WORD} ?){{1,3}}(?:[,\s]{{1,3}}[A-Z]{{2,3}}(?!\w))?)?"
_POSTCODE: Final = r"(?:[,\s]{1,3}(?:[A-Z]{1,2}-)?\d{4,5}(?:-\d{4})?(?!\d))?"
_REST: Final = _UNIT + _TOWN + _POSTCODE

_ENGLISH: Final = (
    r"(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Circle|Cir|Terrace|Ter|Parkway|Pkwy"
    r"|Highway|Hwy|Way|Place|Pl|Square|Sq|Trail|Trl|Crescent|Close|Grove|Row|Alley|Loop|Plaza|Walk|Mews|Gardens|Hill"
    r"|Creek|Esplanade|Parade)"
)
_PLAIN: Final = r"(?:street|st|avenue|ave|road|rd|boulevard|blvd|lane|court)"
_FILLER: Final = (
    r"(?:the|a|an|of|in|on|down|along|to|per|each|more|miles?|feet|from|this|that|every|other|and|blocks?|different)"
)
_ROMANCE_WORDS: Final = (
    "rue", "Rue", "avenue", "Avenue", "boulevard", "Boulevard", "place", "Place", "chemin", "Chemin", "allée", "Allée",
    "impasse", "Impasse", "quai", "Quai", "cours", "Cours", "Via", "Viale", "Piazza", "Corso", "Largo", "Vicolo",
    "Strada", "Calle", "Avenida", "Avda", "Plaza", "Paseo", "Camino", "Rua", "Travessa", "Praça", "bd", "Bd",
)  # fmt: skip
_ROMANCE_SHORT: Final = ("av.", "Av.", "bd.", "Bd.", "C/", "Avda.", "ul.", "Ul.", "al.", "Al.", "pl.", "Pl.", "os.")
_ROMANCE: Final = rf"(?:(?:{'|'.join(_ROMANCE_WORDS)}) |(?:{'|'.join(map(re.escape, _ROMANCE_SHORT))}) ?)"
_ARTICLES: Final = r"(?:(?:de|du|des|la|le|les|los|las|del|della|delle|dei|do|da|dos|das|di) |d['’]|l['’])"
_ENDINGS: Final = (
    "straße", "strasse", "str.", "weg", "platz", "allee", "gasse", "ufer", "damm", "straat", "laan", "plein", "gracht",
    "kade", "dijk", "singel", "gatan", "vägen", "gata", "gade", "vej", "veien", "vegen", "katu", "gränd", "götu",
    "gerði", "braut", "vegur", "stræti", "tún", "bakki",
)  # fmt: skip
_NOUNS: Final = (
    "Straße", "Strasse", "Str.", "Weg", "Platz", "Allee", "Gasse", "Ring", "utca", "út", "u.", "tér", "ulica", "ulice",
    "cesta", "trg", "tänav", "iela",
)  # fmt: skip
_STATE: Final = (
    r"(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[AT]"
    r"|W[AIVY])"
)

# ---------------------------------------------------------------- where to look at all

_CAPITAL_FOLLOWS: Final = re.compile(rf"\d(?: ?[A-Za-z](?![A-Za-z]))?(?:[-/]\d{{1,4}})?,? {_CAPITAL}")
_PLAIN_STREET: Final = re.compile(rf" {_PLAIN}(?!\w)")
_DIGIT_RUN: Final = re.compile(r"\d+")
_ROMANCE_SIGNS: Final = (*(f"{word} " for word in _ROMANCE_WORDS), *_ROMANCE_SHORT)
_NOUNS_APART: Final = tuple(f" {noun}" for noun in _NOUNS)
_BOXES: Final = ("box ", "postfach ", "apartado ", "postale ", "bp ")


def _number_before_capital(page: Page) -> bool:
    return _CAPITAL_FOLLOWS.search(page.text) is not None


def _plain_street(page: Page) -> bool:
    return _PLAIN_STREET.search(page.text) is not None


def _romance(page: Page) -> bool:
    return any(sign in page.text for sign in _ROMANCE_SIGNS)


def _street_before_number(page: Page) -> bool:
    text = page.text
    for run in _DIGIT_RUN.finditer(text):
        end = run.start() - text.startswith(" ", max(0, run.start() - 1), run.start())
        if text.endswith(_ENDINGS, 0, end) or text.endswith(_NOUNS_APART, 0, end):
            return True
    return False


def _box(page: Page) -> bool:
    return any(box in page.lower for box in _BOXES)


def _forces(page: Page) -> bool:
    return "PO A" in page.text or "PO, A" in page.text


def _postcode(page: Page) -> bool:
    return page.digits >= 5


# ---------------------------------------------------------------- forms


class _Form(NamedTuple):
    """A way to write an address: when it can occur at all, its score alone, and its score beside a cue."""

    possible: Callable[[Page], bool]
    pattern: re.Pattern[str]
    alone: float
    cued: float


def _form(possible: Callable[[Page], bool], pattern: str, alone: float, cued: float) -> _Form:
    return _Form(possible, re.compile(pattern), alone, cued)


def _any(words: Iterable[str]) -> str:
    return f"(?:{'|'.join(map(re.escape, words))})"


_FORMS: Final = (
    _form(
        _number_before_capital,
        rf"{_FREE}{_NUMBER},? (?:[NSEW]{{1,2}}\.? )?(?:{_WORD} ){{1,4}}{_ENGLISH}(?!\w)\.?{_REST}",
        0.75,
        0.85,
    ),
    _form(_plain_street, rf"{_FREE}\d{{1,5}} (?:(?!{_FILLER} )[a-z]{{2,16}} ){{1,2}}{_PLAIN}(?!\w)", 0.45, 0.7),
    _form(
        _romance,
        rf"(?<!\w){_ROMANCE}{_ARTICLES}{{0,2}}(?:\w[\w'’.-]{{0,24}} ){{1,4}}(?:n[°º.] ?)?{_NUMBER}(?!\w){_REST}",
        0.6,
        0.8,
    ),
    _form(
        _romance,
        rf"{_FREE}{_NUMBER},? (?:bis |ter )?{_ROMANCE}{_ARTICLES}{{0,2}}{_WORD}(?: {_WORD}){{0,3}}{_REST}",
        0.7,
        0.85,
    ),
    _form(
        _street_before_number,
        rf"(?<!\w)(?:{_CAPITAL}[\w.'-]{{0,30}}{_any(_ENDINGS)}|{_WORD} {_any(_NOUNS)}) ?{_NUMBER}(?!\w|[.,]\d){_REST}",
        0.6,
        0.8,
    ),
    _form(
        _box,
        r"(?<!\w)(?:[Pp]\.? ?[Oo]\.? ?[Bb]ox|Postfach|Apartado|Casella Postale|Boîte Postale|BP) \d{1,6}(?!\d)",
        0.65,
        0.8,
    ),
    _form(_forces, r"(?<!\w)(?:FPO|APO|DPO),? A[AEP] \d{5}(?!\d)", 0.8, 0.9),
    _form(
        _number_before_capital,
        rf"{_FREE}\d{{1,5}} (?:{_WORD} ){{1,4}}(?:\d{{1,5}} )?(?:Apt|Suite|Unit|Flat)\.? ?#?\d{{1,5}}"
        rf"{_TOWN}{_POSTCODE}",
        0.7,
        0.8,
    ),
    _form(_postcode, rf"(?<!\w){_STATE},? \d{{5}}(?:-\d{{4}})?(?!\d)", 0.6, 0.75),
)


def _addresses(page: Page) -> Iterator[Span]:
    for form in _FORMS:
        if form.possible(page):
            for match in form.pattern.finditer(page.text):
                cued = cues.near(page, cues.ADDRESS, *match.span())
                yield Span("ADDRESS", *match.span(), form.cued if cued else form.alone)


ADDRESS: Final = Detector("addresses", ("ADDRESS",), lambda page: page.digits >= 1, _addresses)
