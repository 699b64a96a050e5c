"""What is announced around a place of a page: the cues that stand near it, before it, and closest to it.

What stands around a number is read in one pass however many detectors ask. Of several cues the closest one before a
number says most about it.
"""

import re
from bisect import bisect_left
from itertools import accumulate, compress
from typing import Final, NamedTuple

from pipeline.adapters.pii.cues import GENERIC, LEXICON
from pipeline.adapters.pii.lexicon import PHRASE, Cue
from pipeline.adapters.pii.memo import memo
from pipeline.adapters.pii.page import Page

__all__ = ["around", "leading", "near", "places", "says", "within"]

BEFORE: Final = 48
AFTER: Final = 24
_SCRIPTS: Final = re.compile("[\u3000-\U0010ffff]")
_ALL: Final = (1 << LEXICON.kinds) - 1
_SPECIFIC: Final = ~GENERIC


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
    announced = list(map(LEXICON.__getitem__, words))
    lengths = list(accumulate(map(len, words)))
    for at in compress(range(len(words)), announced):
        word, kinds, end = words[at], announced[at], lengths[at] + at
        if kinds & PHRASE:
            kinds = kinds & ~PHRASE | LEXICON.phrase(page.lower, word, end)
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
    unspaced = LEXICON.inside(page.lower[max(0, first) : last]) if not page.ascii and _unspaced(page) else 0
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
        kinds = known["unspaced"] = LEXICON.inside(page.lower) if there else 0
    return kinds
