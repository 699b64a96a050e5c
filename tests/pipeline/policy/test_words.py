"""A misspelt word is told from another word."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.policy.kinds import KINDS_OF_DATA
from pipeline.policy.words import nearest


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("IBANN", "IBAN"),
        ("EMIAL", "EMAIL"),
        ("person", "PERSON"),
        ("CREDIT-CARD", "CREDIT_CARD"),
        ("CREDITCARDS", "CREDIT_CARD"),
        ("PASPORT", "PASSPORT"),
        ("IPS", "IP"),
    ],
)
def test_a_slip_is_recognised(word: str, meant: str) -> None:
    assert nearest(word, KINDS_OF_DATA) == meant


@pytest.mark.parametrize(
    "word", ["BADGE", "STAFF_NUMBER", "SERVICE_ID", "VIN", "PIN", "UK_NINO", "TICKET", "COST_CENTRE"]
)
def test_a_type_of_ones_own_is_no_slip(word: str) -> None:
    assert nearest(word, KINDS_OF_DATA) is None


def test_what_differs_in_a_digit_is_another_word() -> None:
    assert nearest("eu-west-2", ["eu-west-1"]) is None
    assert nearest("US", ["EU"]) is None


@given(st.sampled_from(sorted(KINDS_OF_DATA)), st.data())
def test_two_neighbours_exchanged_are_one_slip(kind: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(kind) - 2))
    word = kind[:at] + kind[at + 1] + kind[at] + kind[at + 2 :]

    assert len(kind) <= 3 or nearest(word, KINDS_OF_DATA) is not None
