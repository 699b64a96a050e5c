"""Driving licences. Their numbers have as many forms as there are issuers, so a word must announce them."""

from collections.abc import Iterator
from typing import Final

from pipeline.adapters.pii import cues, nearby
from pipeline.adapters.pii.detectors.base import Detector
from pipeline.adapters.pii.detectors.pieces import Piece, pieces, shapes
from pipeline.adapters.pii.page import Page
from pipeline.adapters.pii.spans import Span

__all__ = ["LICENCE"]

_FORMS: Final = frozenset(
    shapes(
        "A9{3}-9{3}-99-9{3}-9|A9{3}-9{4}-9{4}|A9{4}-9{5}-9{5}|A-9{3}-9{3}-9{3}-9{3}|A9{3} 9{3} 9{3} 9{3}"  # US
        "|A99-99-9{4}|A9{3}-9{3}-9{3}|9{4}-99-9{4}|9{3}-99-9{4}|9{3}-9{3}-9{3}|99-9{3}-9{4}|9{3} 9{3} 9{3}|99AAA99A9"
        "|99AAA9{5}|99AAA9{4}|A9A9A|AA9{6}A|AAA99AA99A|99-9{3}-9{3}|9{3}-99-99|A 9{3} 9{3} 9{3} 9{3}|A9{2}-9{2}-9{4}"
        "|A{5}9{6}AA9AA|A{5} 9{6} AA9AA|A{4}9{7}AA9AA|AAA9{8}AA9AA|A{5}9{6}A99AA|A{5} 9{6} A99AA"  # GB
        "|AA9{7}A|A9A9{7}A|A99AAA99A99|A9{3}AAA9A99|9{12}|9{5}/99/9{4}|9{4}/99/9{4}|AA-9{6} 9|A-9{6} 9|AA-9{7}|9{8}A"
        "|9{2} 9{2} 9{6}|99 99 9{6}|AA99 9{11}|AA-9{13}|AA99-9{11}"  # IT DE FR PL PT ES RU IN
    )
)
_SURE, _LIKELY, _POSSIBLE = 0.85, 0.6, 0.55
_FEWEST_DIGITS: Final = 4


def _may_be(piece: Piece) -> bool:
    """One word of letters and digits, or a form of some issuer."""
    if piece.shape in _FORMS:
        return True
    if not 5 <= len(piece.shape) <= 18 or not piece.shape.isalnum() or piece.shape.count("9") < _FEWEST_DIGITS:
        return False
    return piece.shape != "9999"


def _score(page: Page, piece: Piece) -> float:
    around = nearby.around(page, piece.start, piece.end)
    if around.closest & cues.PLATE and not around.before & cues.LICENCE_ALONE:
        return 0.0
    if around.closest & cues.LICENCE_ALONE or (around.before & cues.LICENCE_ALONE and around.closest & cues.LICENCE):
        return _SURE
    if around.near & cues.LICENCE_ALONE and not around.closest:
        return _LIKELY
    return _POSSIBLE if around.closest & cues.LICENCE and piece.shape.count("9") >= _FEWEST_DIGITS + 2 else 0.0


def _says_licence(page: Page) -> bool:
    return page.digits >= _FEWEST_DIGITS and nearby.says(page, cues.LICENCE | cues.LICENCE_ALONE)


def _licences(page: Page) -> Iterator[Span]:
    if not _says_licence(page):
        return
    for piece in pieces(page):
        if _may_be(piece) and (score := _score(page, piece)):
            yield Span("DRIVER_LICENSE", piece.start, piece.end, score)


LICENCE: Final = Detector("licences", ("DRIVER_LICENSE",), _says_licence, _licences)
