"""A text as a string of word classes: one letter for each word, number and sign of an address.

| class | part | | class | part |
|---|---|---|---|---|
| `s` | street type after a name, certain | | `n`, `f` | number to four digits, `12b`, `12-14`; of four digits |
| `y` | the same, also a common word | | `z` | five or six digits, or a post code in one piece |
| `S` | street type between name and number | | `w`, `v` | halves of a British or Canadian post code |
| `p` | street type before a name | | `O` | ordinal, `5th` |
| `b` | street type on either side | | `u`, `U` | flat, suite; floor and other common words |
| `P` | the same, also a common word | | `B` | post box |
| `e` | compound that ends in a street type | | `k` | country |
| `c`, `i`, `T` | capital, initial, two or three capitals | | `a`, `+`, `#` | particle; and; sign of a number |
| `l` | common word | | `o` | other word without a capital |
| `,`, `.` | comma, full stop | | `r`, `R` | new line; new line with a mark of a list or quotation |
| | | | `x` | anything else |
"""

import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple

from pipeline.adapters.pii.detectors import address_words as words
from pipeline.adapters.pii.hints import Hints, judged
from pipeline.adapters.pii.page import Page

__all__ = ["PROMISING", "Reading", "promising", "read"]

# ---------------------------------------------------------------- the classes of known words

_DOTTED_KIND, _OPENING, _BOX_END = "D", "K", "Q"
_LAYERS: Final = (
    ("l", words.STOP), ("k", words.COUNTRIES), ("y", words.COMMON), ("S", words.AFTER), ("p", words.BEFORE),
    ("b", words.EITHER), ("P", words.WEAK), ("s", words.CERTAIN), ("U", words.COMMON_UNITS), ("u", words.UNITS),
    ("B", words.BOXES), (_BOX_END, words.BOX_ENDS), ("#", words.NUMBER_SIGNS), ("+", "and und et"),
)  # fmt: skip
"""A word in several lists has the class of the last."""
_SHORTEST: Final = 2
_CAPITALS: Final = 3


def _plain(listed: str) -> list[str]:
    """Listed words as detectors see them, without look-alike letters."""
    return [Page(word).text.lower() for word in listed.split()]


_CAPITAL_ONLY: Final = frozenset(_plain(words.CAPITAL))
_DOTTED: Final = {Page(entry[:-2]).text: entry[-1] for entry in words.DOTTED.split()}


def _spellings(word: str) -> Iterable[str]:
    yield word.capitalize()
    if len(word) > _SHORTEST or word in ("st", "rd", "ln", "ul"):
        yield word.upper()


def _base(*, lower: bool) -> dict[str, str]:
    table: dict[str, str] = {}
    for kind, listed in _LAYERS:
        for word in _plain(listed):
            hidden = kind in "yUk" or word in _CAPITAL_ONLY
            table[word] = kind if lower or not hidden else table.get(word, "o")
            table.update(dict.fromkeys(_spellings(word), kind))
            if kind == "l" and len(word) > _CAPITALS:
                del table[word.upper()]
    table.update(dict.fromkeys(_plain(words.LOWER_STOP), "l"))
    table.update(dict.fromkeys(_plain(words.PARTICLES), "a"))
    for word in _plain(words.LIKELY):
        table.update({word: table.get(word, "y" if lower else "o"), word.capitalize(): "s"})
    if not lower:
        table["suite"] = "U"
    return table


def _openings(base: dict[str, str], *, lower: bool) -> dict[str, str]:
    return {
        spelling: base.get(spelling, "c" if lower or not spelling.islower() else "o")
        for word in words.OPENINGS.split()
        for spelling in (word, word.capitalize(), word.upper())
    }


class _Lexicon(NamedTuple):
    """What is known of words, in texts with capitals or in those without.

    Attributes:
        kinds: the class of a word, or that it is one of the next two.
        openings: the class of a word that may open the name of a country, where it does not.
        dotted: the class of an abbreviation where no full stop follows.
        plain: the class of any other word without a capital.
        learned: the classes of words in no list, as far as remembered.
    """

    kinds: dict[str, str]
    openings: dict[str, str]
    dotted: dict[str, str]
    plain: str
    learned: dict[str, str]


def _lexicon(*, lower: bool) -> _Lexicon:
    base = _base(lower=lower)
    openings = _openings(base, lower=lower)
    plain = "c" if lower else "o"
    dotted = {
        spelling: base.get(spelling, plain if spelling.islower() else "i" if len(spelling) == 1 else "c")
        for word in _DOTTED
        for spelling in (word, word.capitalize())
    }
    base["C/"] = base["c/"] = "p"
    base |= dict.fromkeys(";:!?()[]{}@+-*/=\"'", "x") | {",": ",", "#": "#"}
    kinds = base | dict.fromkeys(openings, _OPENING) | dict.fromkeys(dotted, _DOTTED_KIND)
    return _Lexicon(kinds, openings, dotted, plain, {})


_MIXED: Final = _lexicon(lower=False)
_LOWER: Final = _lexicon(lower=True)
_ANCHORS: Final = {
    low: frozenset(word for word, kind in lexicon.kinds.items() if word.islower() and kind in "sSpPbukB")
    for low, lexicon in ((False, _MIXED), (True, _LOWER))
}
"""Words without a capital that are reason enough to look: those with one stand beside a number."""

_COUNTRY: Final = re.compile(rf"(?:{words.LONG_COUNTRIES})(?!\w)", re.IGNORECASE)
_ENDINGS: Final = tuple(sorted(set(_plain(words.ENDING))))
_LAST: Final = frozenset(ending[-3:] for ending in _ENDINGS) | {"str"}
_LONG: Final = 5


_RUN: Final = re.compile(r"[^\W\d_]+")
_ANCHOR_RUNS: Final = frozenset(_RUN.findall(" ".join(_ANCHORS[False] | _ANCHORS[True])))


_ANCHORED: Final = judged(_ANCHOR_RUNS.__contains__)
_COMPOUND: Final = judged(lambda word: word.endswith(_ENDINGS))
PROMISING: Final = _ANCHORED | _COMPOUND
"""A text without these hints has no promising word."""


def compound(word: str) -> bool:
    """Whether a word can be a street name with its type in it: `Hauptstrasse`."""
    return len(word) > _LONG and word[-3:].lower() in _LAST and word.lower().endswith(_ENDINGS)


def promising(seen: AbstractSet[str], hints: Hints, *, low: bool) -> bool:
    """Whether one of these words makes it worth to look for an address in all of the text with these hints."""
    if hints & _ANCHORED and not _ANCHORS[low].isdisjoint(seen):
        return True
    return hints & _COMPOUND != 0 and any(map(compound, [word for word in seen if word[-3:] in _LAST]))


# ---------------------------------------------------------------- the classes of words, numbers and signs in a text

_TOKEN: Final = re.compile(
    r"[ACDEFHKNPRTVWXY]\d[\dW] ?[\dAC-FHKNPRTV-Y]{4}(?!\w)"
    r"|[sS]/[nN](?!\w)|[cC]/(?= ?\w)|\d{3} \d{2}(?![\w.,:/-]?\d)(?!\w)"
    r"|\d\w*(?:[.,:]\d+|[/-]\w+)*[%°º]?|\w+(?:['’-]\w+)*°?"
    r"|\n[ \t]*[^\w\n,.]{0,6}(?=[\w,])|[,.\n]|[^\s\w]|[ \t]{3,}"
)
_BOX: Final = re.compile(
    r"(?<!\w)(?:p\.? ?o\.? ?|post office |gpo |casella |caixa |case |bo[iî]te |private |locked |skrytka )$",
    re.IGNORECASE,
)
_BOX_REACH: Final = 14
_HOUSE: Final = re.compile(r"\d{1,4}(?:-?[a-zA-Z])?(?:[-/]\d{1,4}[a-zA-Z]?)?")
_POSTAL: Final = re.compile(
    r"\d{5,6}|\d{3} \d{2}|\d{5}-\d{3,4}|\d{4}-\d{3}|\d{3}-\d{4}|\d{2}-\d{3}|[A-Za-z]{1,2}-\d{4,5}|[A-Z][a-z]+-\d{6}"
    r"|[A-Z]\d[A-Z]\d[A-Z]\d|\d{4}[A-Z]{2}|[A-Z]\d[\dW] ?[\dA-Z]{4}"
)
_ORDINAL: Final = re.compile(r"\d{1,3}(?:st|nd|rd|th|-[^\W\d_]{1,3})", re.IGNORECASE)
_OUTWARD: Final = re.compile(
    rf"(?:{'|'.join(words.UK_AREAS.split())})\d[A-Z\d]?|[A-CEGHJ-NPR-TVXY]\d[A-Z]", re.IGNORECASE
)
_INWARD: Final = re.compile(r"\d[A-Z]{2}|\d[A-Z]\d", re.IGNORECASE)
_GLUE: Final = frozenset("$€£¥./-_=@:\\*+^<>")
_ABBREVIATIONS: Final = ("r.", "o.", "n.", "u.", "l.", "v.", "t.", "д.", "c/")
_SHORT: Final = 5
_LONGEST_CODE: Final = 6
_LONGEST_NUMBER: Final = 11
_HOUSE_DIGITS: Final = 4


class Reading(NamedTuple):
    """A text as classes: `classes[i]` is the class of `text[starts[i]:ends[i]]`."""

    classes: str
    starts: list[int]
    ends: list[int]


class _Draft(NamedTuple):
    """A reading in the making."""

    classes: list[str]
    starts: list[int]
    ends: list[int]


def read(text: str, start: int = 0, end: int | None = None, *, low: bool = False) -> Reading:
    """Read words, numbers and signs of `text[start:end]`; a country of several words is one, and spaces are none.

    Args:
        text: the text.
        start: where to begin.
        end: where to stop.
        low: whether the whole text is without capitals, so that they cannot be asked for.
    """
    lexicon = _LOWER if low else _MIXED
    draft = _Draft([], [], [])
    classes, starts, ends = draft
    over = 0
    for token in _TOKEN.finditer(text, start, len(text) if end is None else end):
        start, end = token.span()
        if start < over:
            continue
        word = token[0]
        kind = lexicon.kinds.get(word) or lexicon.learned.get(word) or _learn(text, start, word, lexicon)
        if kind in _IN_CONTEXT:
            kind, start, end = _in_context(kind, text, start, end, draft, lexicon)
            over = end
        if kind:
            classes.append(kind)
            starts.append(start)
            ends.append(end)
    return Reading("".join(classes), starts, ends)


_IN_CONTEXT: Final = frozenset((_OPENING, _BOX_END, _DOTTED_KIND, "."))


def _in_context(kind: str, text: str, start: int, end: int, draft: _Draft, lexicon: _Lexicon) -> tuple[str, int, int]:
    """The class of what depends on its neighbours, and where it stands; none for a full stop that abbreviates."""
    if kind == ".":
        if _abbreviates(start, draft):
            draft.ends[-1] = end
            return "", start, end
        return ".", start, end
    word = text[start:end]
    if kind == _OPENING:
        kind, end = _country(text, start, end, lexicon.openings[word])
        return kind, start, end
    if kind == _BOX_END:
        kind, start = _box(text, start, draft)
        return kind, start, end
    dotted = text.startswith(".", end) and not text[end + 1 : end + 2].isalpha()
    return _DOTTED[word.lower()] if dotted else lexicon.dotted[word], start, end


def _learn(text: str, start: int, word: str, lexicon: _Lexicon) -> str:
    """The class of a word in no list, remembered if it is of letters and what follows says nothing."""
    kind = _unknown(text, start, word, lexicon.plain)
    if word.isalpha() and len(word) <= _LEARNED_LENGTH and not word.endswith("str"):
        if len(lexicon.learned) >= _LEARNED:
            lexicon.learned.clear()
        lexicon.learned[word] = kind
    return kind


_LEARNED: Final = 8192
_LEARNED_LENGTH: Final = 24


def _country(text: str, start: int, end: int, otherwise: str) -> tuple[str, int]:
    country = _COUNTRY.match(text, start)
    return (otherwise, end) if country is None else ("k", country.end())


def _box(text: str, start: int, draft: _Draft) -> tuple[str, int]:
    """A post box, with the words before that make it one."""
    before = _BOX.search(text, max(0, start - _BOX_REACH), start)
    if before is None:
        return "U", start
    while draft.starts and draft.starts[-1] >= before.start():
        for column in draft:
            column.pop()
    return "B", before.start()


def _unknown(text: str, start: int, word: str, plain: str) -> str:
    first = word[0]
    if word.isalpha():
        return _word(text, start, word, plain)
    if first.isdigit():
        return _number(text, start, word)
    if first == "\n":
        return "R" if word.strip() else "r"
    return _compound(word, plain) if first.isalpha() else "." if word == "." else "x"


def _number(text: str, start: int, word: str) -> str:
    if start and text[start - 1] in _GLUE and not _free(text, start):
        return "x"
    if len(word) > _LONGEST_NUMBER:
        return "x"
    if word.isdigit():
        return "n" if len(word) < _HOUSE_DIGITS else _digits(word)
    if _INWARD.fullmatch(word):
        return "v"
    if _POSTAL.fullmatch(word):
        return "z"
    if _HOUSE.fullmatch(word):
        return "n"
    return "O" if _ORDINAL.fullmatch(word) else "x"


def _free(text: str, start: int) -> bool:
    """Whether the sign before a number marks its line, or abbreviates the word before it."""
    return text.startswith("\n", max(0, start - 2)) or text.endswith(_ABBREVIATIONS, 0, start)


def _digits(word: str) -> str:
    if len(word) == _HOUSE_DIGITS:
        return "n" if word.startswith(("19", "20")) else "f"
    return "z" if len(word) <= _LONGEST_CODE else "x"


def _word(text: str, start: int, word: str, plain: str) -> str:
    """The class of a word of letters in no list; `plain` is that of words without a capital."""
    if word[-3:] in _LAST and (compound(word) or (word.endswith("str") and text.startswith(".", start + len(word)))):
        return "e"
    if word.islower():
        return plain if len(word) > 1 else "a"
    if word.isupper() and compound(word):
        return "e"
    if not word[0].isupper():
        return plain
    if len(word) == 1:
        return "i"
    return "T" if len(word) <= _CAPITALS and word.isupper() else "c"


def _compound(word: str, plain: str) -> str:
    """The class of a word with digits, hyphens or other signs in it."""
    if word in ("S/N", "s/n"):
        return "n"
    if word.endswith("°"):
        return "#"
    if _OUTWARD.fullmatch(word):
        return "w"
    if _POSTAL.fullmatch(word):
        return "z"
    if any(map(str.isdigit, word)) or "_" in word:
        return "x"
    return "e" if compound(word) else "c" if word[0].isupper() else plain


def _abbreviates(dot: int, draft: _Draft) -> bool:
    """Whether this full stop belongs to the word or house number before it."""
    classes, starts, ends = draft
    if not classes or ends[-1] != dot or classes[-1] not in "sySpPbuUBe#in":
        return False
    if classes[-1] == "n":
        return len(classes) > 1 and classes[-2] in "Sepb"
    return classes[-1] == "e" or dot - starts[-1] <= _SHORT
