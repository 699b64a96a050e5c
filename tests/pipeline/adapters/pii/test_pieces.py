"""The numbers of a page, cut into what could be an identifier."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.pii.detectors import DETECTORS
from pipeline.adapters.pii.detectors.pieces import pieces, shapes
from pipeline.adapters.pii.page import Page

assert DETECTORS  # the forms of all detectors are known


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("SSN 536-90-4399.", "999-99-9999"), ("756.9217.0769.85", "999.9999.9999.99"), ("C01X00T47", "A99A99A99"),
        ("MRN-123456", "999999"), ("A123456(3)", "A999999(9)"), ("00123/45/6789", "99999/99/9999"),
        ("a,536904399,b", "999999999"), ("身份证11010519491231002X号", "99999999999999999A"),
        ("X-1234567-L", "A-9999999-A"), ("15 070649 C 103", "99 999999 A 999"),
    ],
)  # fmt: skip
def test_a_run_has_a_shape(text: str, shape: str) -> None:
    assert shape in [piece.shape for piece in pieces(Page(text))]


@pytest.mark.parametrize(
    "text", ["$123456", "1,234,567", "12345,67", "3.14159", "0x123456", "/a/123456", "12345%", "1234567890%"]
)
def test_amounts_fractions_and_paths_are_no_pieces(text: str) -> None:
    assert pieces(Page(text)) == []


def test_a_known_form_is_cut_out_of_its_neighbours() -> None:
    found = [piece.text for piece in pieces(Page("12 34 536-90-4399 2024"))]
    assert "536-90-4399" in found


def test_the_parts_of_a_form_are_spelled_out() -> None:
    assert set(shapes("9{3}_99")) == {"99999", "999 99", "999-99", "999.99"}
    assert set(shapes("A-?99|9")) == {"A-99", "A99", "9"}


@given(st.text(alphabet="0123456789ABx -./+(),", max_size=80))
def test_a_piece_stands_where_it_says_and_its_number_is_bounded(text: str) -> None:
    page = Page(text)
    found = pieces(page)
    assert len(found) <= 9 * (len(text) + 1)
    for piece in found:
        assert text[piece.start : piece.end].upper() == piece.text
        assert len(piece.shape) == len(piece.text)
        assert piece.compact.isalnum()


def test_a_page_is_cut_in_time_that_grows_with_its_length() -> None:
    for seed in ("1 ", "1-", "AB12 ", "12 34 ", "A 1 "):
        few, many = (len(pieces(Page(seed * times))) for times in (500, 5000))
        assert many <= 11 * few + 11
