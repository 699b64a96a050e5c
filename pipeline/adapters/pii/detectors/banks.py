"""Bank accounts as each country writes them at home, and BICs. All need a word beside them."""

import re
from collections.abc import Iterator
from typing import Final

from pipeline.adapters.pii import cues, nearby
from pipeline.adapters.pii.detectors import check_digits as check
from pipeline.adapters.pii.detectors.base import Detector
from pipeline.adapters.pii.detectors.forms import Form, by_shape, checker, raised
from pipeline.adapters.pii.detectors.pieces import Piece, pieces
from pipeline.adapters.pii.page import Page
from pipeline.adapters.pii.spans import Span

__all__ = ["BANK"]

_FORMS: Final = by_shape(
    [
        Form("US", "9{9}", 0.15, 0.25, check.routing),
        Form("GB", "99-99-99 9{8}|99 99 99 9{8}|9{6} 9{8}|99-99-99/9{8}", 0.4),
        Form("GB", "99-99-99", 0.2),
        Form("DE", "9{3} 9{3} 99", 0.2),
        Form("ES", "9{4}_9{4}_99_9{10}", 0.3, 0.45, "es.ccc"),
        Form("MX AR", "9{18}|9{22}|9{3} 9{3} 9{11} 9", 0.2),
        Form("AU NZ", "9{3}-9{3}|9{3}-9{3} 9{9}|9{3}-9{3} 9{8}|9{3}-9{3} 9{6}", 0.2),
        Form("NZ", "99-9{4}-9{7}-99|99-9{4}-9{7}-9{3}", 0.4, 0.45, "nz.bankaccount"),
        Form("CZ", "9{10}/9{4}|9{9}/9{4}|9{6}-9{10}/9{4}|99-9{10}/9{4}", 0.3, 0.45, "cz.bankaccount"),
        Form("NO", "9{4}.99.9{5}|9{4} 99 9{5}", 0.4, 0.45, "no.kontonr"),
        Form("HU", "9{8}-9{8}|9{8}-9{8}-9{8}", 0.4),
        Form("PL", "99 9{4} 9{4} 9{4} 9{4} 9{4} 9{4}|9{26}", 0.4),
        Form("FR", "9{5} 9{5} 9{11} 99", 0.4),
        Form("SE", "9{4}-9{2} 9{3} 9{2}|9{4}-9{7}", 0.2),
    ]
)
_ANNOUNCED: Final = 0.6
_FEWEST_DIGITS: Final = 6

_BIC: Final = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{6}[A-Za-z0-9]{2}(?:[A-Za-z0-9]{3})?(?![A-Za-z0-9])")


def _is_account(piece: Piece) -> bool:
    """Six to seventeen digits in a row, or in groups parted by one kind of sign."""
    digits = piece.shape.count("9")
    return (
        6 <= digits <= 17
        and piece.alone
        and not piece.dated
        and not piece.shape.strip("9 -")
        and len(set(piece.shape)) <= 2
    )


def _accounts(page: Page) -> Iterator[Span]:
    for piece in pieces(page):
        score = raised(page, _FORMS, cues.BANK, piece)
        if score < _ANNOUNCED and _is_account(piece) and nearby.leading(page, cues.BANK, piece.start, piece.end):
            score = _ANNOUNCED
        if score:
            yield Span("BANK_ACCOUNT", piece.start, piece.end, score)


def _bics(page: Page) -> Iterator[Span]:
    for match in _BIC.finditer(page.text):
        word = match.group()
        if (word.isupper() or any(map(str.isdigit, word))) and nearby.near(page, cues.BIC, *match.span()):
            good = checker("bic")(word.upper())
            yield Span("BANK_ACCOUNT", *match.span(), 0.75 if good else 0.3)


def _banks(page: Page) -> Iterator[Span]:
    if _may_count(page):
        yield from _accounts(page)
    if nearby.says(page, cues.BIC) and nearby.places(page, cues.BIC):
        yield from _bics(page)


def _may_count(page: Page) -> bool:
    return page.digits >= _FEWEST_DIGITS and nearby.says(page, cues.BANK) and page.loose >= _FEWEST_DIGITS


def _may_have_account(page: Page) -> bool:
    return nearby.says(page, cues.BIC) or _may_count(page)


BANK: Final = Detector("bank-accounts", ("BANK_ACCOUNT",), _may_have_account, _banks)
