"""Numbers that hospitals, health services and insurers give to patients and to those who treat them."""

import re
from collections.abc import Iterator
from typing import Final

from pipeline.adapters.pii import cues, nearby
from pipeline.adapters.pii.detectors import check_digits as check
from pipeline.adapters.pii.detectors.base import Detector
from pipeline.adapters.pii.detectors.forms import Form, by_shape, raised
from pipeline.adapters.pii.detectors.pieces import Piece, pieces
from pipeline.adapters.pii.page import Page
from pipeline.adapters.pii.spans import Span

__all__ = ["MEDICAL"]

_MBI: Final = re.compile(
    r"[1-9][AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9]\d[AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9]\d[AC-HJKMNP-RT-Y]{2}\d{2}"
)


def _mbi(number: str) -> bool:
    return _MBI.fullmatch(number) is not None


def _dea(number: str) -> bool:
    return number[0] in "ABCDEFGHJKLMPRSTUX" and check.dea(number)


_FORMS: Final = by_shape(
    [
        Form("US", "9AA9_AA9_AA99|9AA9_A99_AA99|9A99_AA9_AA99|9A99_A99_AA99", 0.8, fits=_mbi),
        Form("US", "AA9{7}", 0.2, 0.55, _dea),
        Form("US", "9{10}", 0.2, 0.3, check.npi),
        Form("GB", "9{3} 9{3} 9{4}|9{3}-9{3}-9{4}|9{10}", 0.2, 0.35, "gb.nhs"),
        Form("DE", "A9{9}", 0.2, 0.45, check.kvnr),
        Form("AU", "9{4} 9{5} 9|9{10}|9{4} 9{5} 9-9|9{11}", 0.2),
        Form("CA", "9{4}-9{3}-9{3}|9{4} 9{3} 9{3}|9{4}-9{3}-9{3}-AA|9{10}AA|A{4} 9{4} 9{4}", 0.2, 0.3, "ca.bc_phn"),
    ]
)  # fmt: skip
_CUES: Final = cues.PATIENT | cues.PRESCRIBER
_RECORD: Final = 0.88
_FEWEST_DIGITS: Final = 5
_LINK: Final = re.compile(
    r"(?<![^\W_])(?:mrns?|nhs|medicare|medicaid|mbi|hicn|npi|dea|kvnr|egk|ohip|phn|ihi|ehic|ik-nr|tis"
    r"|cip)(?![^\W\d_])[^\d\n]{0,20}$"
    r"|(?<![^\W_])(?:medical|patient|health|hospital|clinic|kranken|versichert|gesundheit|sanitaria|assuré"
    r"|insurance member|insured"
    r"|paciente|paziente|pacient|pacjent|carte vitale|patiënt|zorgverzeker|utente|ubezpiecz|tarjeta sanitaria"
    r"|tessera sanit"
    r"|mutuelle|member|prescription|rx|chart)[^\n.]{0,24}"
    r"(?:id|no|nr|num|number|nummer|record|card|karte|chart|policy|code|numéro|número|numero|nº|n°|#|kaart"
    r"|dossier|tsi)"
    r"[^\d\n]{0,20}$"
)


def _is_record(page: Page, piece: Piece) -> bool:
    """Whether the words straight before the number say that it is one of a patient."""
    digits = piece.shape.count("9")
    if not piece.alone or not _FEWEST_DIGITS <= digits <= 20 or "/" in piece.text:
        return False
    if not nearby.around(page, piece.start, piece.end).before & cues.PATIENT:
        return False
    at = piece.start + next(n for n, sign in enumerate(piece.text) if sign.isdigit())
    return _LINK.search(page.lower[max(0, at - 64) : at]) is not None


def _medical(page: Page) -> Iterator[Span]:
    told = nearby.says(page, cues.PATIENT)
    for piece in pieces(page):
        score = raised(page, _FORMS, _CUES, piece)
        if told and score < _RECORD and _is_record(page, piece):
            score = _RECORD
        if score:
            yield Span("MEDICAL_ID", piece.start, piece.end, score)


def _may_have_number(page: Page) -> bool:
    if page.digits < _FEWEST_DIGITS:
        return False
    return page.loose >= _FEWEST_DIGITS or nearby.says(page, cues.PATIENT)


MEDICAL: Final = Detector("medical-ids", ("MEDICAL_ID",), _may_have_number, _medical)
