"""All checks of one pair, by the word that stands in the record."""

from collections.abc import Callable
from typing import Final

from pipeline.likeness.case import same_case
from pipeline.likeness.correction import has_cue
from pipeline.likeness.direction import direction, opposites, sides
from pipeline.likeness.names import names, quoted
from pipeline.likeness.negation import denies, negation
from pipeline.likeness.numbers import numbers
from pipeline.likeness.order import crossed, order
from pipeline.likeness.pair import Pair
from pipeline.likeness.question import asks, question
from pipeline.likeness.reading import LONGEST
from pipeline.likeness.script import script
from pipeline.likeness.units import units
from pipeline.likeness.words import ARTICLES

__all__ = ["CHECKS", "objections"]

_FREE: Final = ARTICLES | frozenset({"of", "'s", "that"})
_LONGEST_TAKEN_BACK: Final = 40


def _words(pair: Pair) -> bool:
    return all(token.word in _FREE for token in pair.differing)


def _forms(pair: Pair) -> bool:
    return not any(token.name for token in pair.forms)


def _correction(pair: Pair) -> bool:
    """A correction must be explained whole: nothing new in it, no denial lost with it, no second one left."""
    if not pair.taken_back:
        return True
    lost = denies(pair.taken_back) or pair.restarted or has_cue(pair.extra)
    return not (lost or pair.repaired or len(pair.taken_back) > _LONGEST_TAKEN_BACK)


def _repair(pair: Pair) -> bool:
    """What was said instead names nobody and no number that the remembered question lacks."""
    return not any(token.name or token.number is not None for token in pair.repaired)


def _instructions(pair: Pair) -> bool:
    return not pair.first.orders and not pair.second.orders


def _case(pair: Pair) -> bool:
    """Short words, units and flags of commands are written in the same large and small letters."""
    first, second = pair.first, pair.second
    if first.flags != second.flags and not pair.taken_back:
        return False
    if not first.cased and not second.cased:
        return True
    words = [[word for token in each for word in token.word.split()] for each in (pair.new, pair.old)]
    return same_case(first.cased, second.cased, words, only_last=bool(pair.taken_back))


def _length(pair: Pair) -> bool:
    return 0 < len(pair.old) <= LONGEST and 0 < len(pair.new) <= LONGEST


CHECKS: Final[dict[str, Callable[[Pair], bool]]] = {
    "length": _length,
    "script": lambda pair: script(pair.first, pair.second),
    "instructions": _instructions,
    "symbols": lambda pair: bool(pair.taken_back) or pair.first.signs == pair.second.signs,
    "layout": lambda pair: pair.first.layout == pair.second.layout,
    "case": _case,
    "numbers": numbers,
    "units": units,
    "names": names,
    "quotes": quoted,
    "negation": negation,
    "opposites": opposites,
    "direction": direction,
    "sides": sides,
    "asks": asks,
    "question": question,
    "crossed": crossed,
    "order": order,
    "words": _words,
    "forms": _forms,
    "repair": _repair,
    "correction": _correction,
}
"""Each says whether the pair passes. The name of one that does not is the objection."""


def objections(pair: Pair, asked: tuple[str, ...]) -> tuple[str, ...]:
    """The checks among those asked for that the pair does not pass."""
    return tuple(name for name in asked if not CHECKS[name](pair))
