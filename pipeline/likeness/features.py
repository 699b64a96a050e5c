"""What is measured of a pair of questions, for the sum that says how surely they have one answer."""

from pipeline.likeness.correction import has_cue
from pipeline.likeness.direction import direction, opposites, sides
from pipeline.likeness.names import names, quoted
from pipeline.likeness.negation import denies, negation
from pipeline.likeness.numbers import numbers, spelling_of_numbers
from pipeline.likeness.pair import Pair
from pipeline.likeness.question import question
from pipeline.likeness.token import Token
from pipeline.likeness.units import units
from pipeline.likeness.words import ARTICLES, FUNCTION

__all__ = ["FEATURES", "measured"]

FEATURES = (
    "similarity", "margin", "missing", "extra", "small_missing", "small_extra", "articles", "disorder", "alike",
    "numbers", "spelling", "units", "names", "quoted", "negation", "opposites", "direction", "sides", "question",
    "same_words", "same_text", "left_out", "share_left_out", "forms",
    "repaired", "small_repaired", "restarted", "denied", "cues", "length", "short", "any_missing", "any_extra",
)  # fmt: skip


def measured(pair: Pair, similarity: float, margin: float) -> dict[str, float]:
    """The measures by name. Those of checks are 1 where the check objects."""
    missing, extra = _content(pair.missing), _content(pair.extra)
    words = max(1, len(pair.old), len(pair.new))
    alike = _alike(missing, extra)
    return {
        "similarity": similarity,
        "margin": margin,
        "missing": float(len(missing)),
        "extra": float(len(extra)),
        "any_missing": float(bool(missing)),
        "any_extra": float(bool(extra)),
        "small_missing": float(_small(pair.missing)),
        "small_extra": float(_small(pair.extra)),
        "articles": float(sum(token.word in ARTICLES for token in pair.differing)),
        "disorder": pair.disorder / words,
        "alike": alike,
        "numbers": float(not numbers(pair)),
        "spelling": float(not spelling_of_numbers(pair)),
        "units": float(not units(pair)),
        "names": float(not names(pair)),
        "quoted": float(not quoted(pair)),
        "negation": float(not negation(pair)),
        "opposites": float(not opposites(pair)),
        "direction": float(not direction(pair)),
        "sides": float(not sides(pair)),
        "question": float(not question(pair)),
        "same_words": float(not pair.differing),
        "same_text": float(not pair.differing and not pair.disorder),
        "left_out": float(bool(pair.taken_back)),
        "share_left_out": len(pair.taken_back) / max(1, len(pair.first.tokens)),
        "forms": float(len(pair.forms)),
        "repaired": float(len(_content(pair.repaired))),
        "small_repaired": float(_small(pair.repaired)),
        "restarted": float(pair.restarted),
        "denied": float(denies(pair.taken_back)),
        "cues": float(has_cue(pair.extra)),
        "length": min(words, 40) / 10.0,
        "short": float(words < 4),
    }


def _content(tokens: tuple[Token, ...]) -> list[Token]:
    return [token for token in tokens if token.word not in FUNCTION]


def _small(tokens: tuple[Token, ...]) -> int:
    return sum(token.word in FUNCTION and token.word not in ARTICLES for token in tokens)


def _alike(missing: list[Token], extra: list[Token]) -> float:
    """How many words of one stand in the other in another form: they begin alike."""
    found = 0
    for token in missing:
        stem = token.stem
        if token.number is None and len(stem) > 3:
            root = stem[: max(4, len(stem) - 3)]
            found += any(other.stem.startswith(root) and abs(len(other.stem) - len(stem)) < 4 for other in extra)
    return float(found)
