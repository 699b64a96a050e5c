"""What makes a number an identifier: its shape, its check digits, and the words beside it add up to the score."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Final, NamedTuple

from pipeline.adapters.pii import cues
from pipeline.adapters.pii.detectors.pieces import Piece, pieces, shapes
from pipeline.adapters.pii.page import Page
from pipeline.adapters.pii.spans import Span

__all__ = ["Form", "best", "by_shape", "checker", "raised", "spans_of"]

TOP: Final = 0.95
_CLOSEST: Final = 0.4
_NEAR: Final = 0.3
_GENERIC: Final = 0.25
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


ByShape = Mapping[str, Sequence[Form]]


def by_shape(forms: Iterable[Form]) -> ByShape:
    """The forms under each of their shapes."""
    table: dict[str, list[Form]] = {}
    for form in forms:
        for shape in shapes(form.shapes):
            table.setdefault(shape, []).append(form)
    return table


def best(forms: Sequence[Form], piece: Piece) -> float:
    """The highest score that one of the forms gives to the piece."""
    compact = piece.compact
    return max(form.score(compact) for form in forms)


def raised(page: Page, cue: int, piece: Piece, score: float) -> float:
    """The score of a piece with the words around it.

    The closest cue before a number says most. Where it announces something else, a farther one says little, and where
    it announces what is no one's, as the number of an order, the piece counts for nothing without a distinct form.
    """
    around = cues.around(page, piece.start, piece.end)
    if around.closest & cue:
        return _sum(score, _CLOSEST)
    if around.closest & cues.OTHER:
        return min(score, _NOBODYS) if score < TOP else score
    if around.near & cue:
        return _sum(score, _CONTESTED if around.closest else _NEAR)
    if around.before & cues.IDENTITY and not around.closest:
        return _sum(score, _GENERIC)
    return score


def _sum(score: float, more: float) -> float:
    return round(min(max(TOP, score), score + more), 2)


def spans_of(kind: str, table: ByShape, cue: int, page: Page) -> Iterator[Span]:
    """All pieces of the page that have one of the forms, as spans of `kind`."""
    for piece in pieces(page):
        forms = table.get(piece.shape)
        if forms is not None and (score := best(forms, piece)):
            yield Span(kind, piece.start, piece.end, raised(page, cue, piece, score))
