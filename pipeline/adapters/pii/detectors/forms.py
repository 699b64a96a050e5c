"""What makes a number an identifier: its shape, its check digits, and the words beside it add up to the score."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Final, NamedTuple

from pipeline.adapters.pii import cues, nearby
from pipeline.adapters.pii.detectors.pieces import Piece, pieces, shapes
from pipeline.adapters.pii.page import Page
from pipeline.adapters.pii.spans import Span

__all__ = ["ByShape", "Form", "by_shape", "checker", "raised", "spans_of"]

TOP: Final = 0.95
_CLOSEST: Final = 0.4
_NEAR: Final = 0.3
_GENERIC: Final = 0.15
_CONTESTED: Final = 0.1
_NOBODYS: Final = 0.4
Check = Callable[[str], bool]


@cache
def checker(name: str) -> Check:
    """The check of `stdnum.<name>`, loaded with the first candidate. What it cannot read does not check out."""
    module = import_module(f"stdnum.{name}")

    def check(compact: str) -> bool:
        try:
            return bool(module.is_valid(compact))
        except Exception:  # noqa: BLE001 - whatever a library makes of a hostile number, the number is only not valid
            return False

    return check


class Form(NamedTuple):
    """A way to write an identifier.

    Attributes:
        country: who gives it out (ISO 3166), or an empty string.
        shapes: see `pieces.shapes`.
        plain: the score by shape alone.
        checked: the score with right check digits.
        check: `stdnum.<check>`, or a function of the letters and digits in upper case.
        fits: a condition without which the shape is that of something else.
    """

    country: str
    shapes: str
    plain: float
    checked: float = 0.0
    check: str | Check | None = None
    fits: Check | None = None

    def score(self, compact: str) -> float:
        """By shape and check digits; 0 when it is not this identifier at all."""
        if self.fits is not None and not self.fits(compact):
            return 0.0
        if self.check is None:
            return self.plain
        check = checker(self.check) if isinstance(self.check, str) else self.check
        return self.checked if check(compact) else self.plain


class ByShape(NamedTuple):
    """The forms under each of their shapes: all of them, and those that may count without a word beside them."""

    all: Mapping[str, Sequence[Form]]
    distinct: Mapping[str, Sequence[Form]]


_COUNTS: Final = 0.5


def by_shape(forms: Iterable[Form]) -> ByShape:
    """The forms under each of their shapes."""
    table: dict[str, list[Form]] = {}
    distinct: dict[str, list[Form]] = {}
    for form in forms:
        for shape in shapes(form.shapes):
            table.setdefault(shape, []).append(form)
            if max(form.plain, form.checked) >= _COUNTS:
                distinct.setdefault(shape, []).append(form)
    return ByShape(table, distinct)


def raised(page: Page, table: ByShape, cue: int, piece: Piece) -> float:
    """The score of a piece by its forms and the words around it; 0 when it has no form, or no word and no own one.

    The closest cue before a number says most. Where it announces something else, a farther one says little, and where
    it announces what is no one's, as the number of an order, the piece counts for nothing without a distinct form.
    """
    if piece.shape not in table.all:
        return 0.0
    if not nearby.says(page, cue | cues.IDENTITY):
        return _best(table.distinct.get(piece.shape, ()), piece)
    around = nearby.around(page, piece.start, piece.end)
    if around.closest & cue:
        return _sum(_best(table.all[piece.shape], piece), _CLOSEST)
    if around.near & cue:
        score = _best(table.all[piece.shape], piece)
        if around.closest & cues.OTHER:
            return min(score, _NOBODYS) if score < TOP else score
        return _sum(score, _CONTESTED if around.closest else _NEAR)
    if cue & cues.NATIONAL and around.before & cues.IDENTITY and not around.closest:
        return _sum(_best(table.all[piece.shape], piece), _GENERIC)
    score = _best(table.distinct.get(piece.shape, ()), piece)
    return min(score, _NOBODYS) if around.closest & cues.OTHER and score < TOP else score


def _best(forms: Sequence[Form], piece: Piece) -> float:
    """The highest score that one of the forms gives to the piece."""
    if not forms:
        return 0.0
    compact, best = piece.compact, 0.0
    for form in forms:
        if max(form.plain, form.checked) > best:
            best = max(best, form.score(compact))
    return best


def _sum(score: float, more: float) -> float:
    return round(min(max(TOP, score), score + more), 2) if score else 0.0


def spans_of(kind: str, table: ByShape, cue: int, page: Page) -> Iterator[Span]:
    """All pieces of the page that have one of the forms, as spans of `kind`."""
    for piece in pieces(page):
        if score := raised(page, table, cue, piece):
            yield Span(kind, piece.start, piece.end, score)
