"""Words around a number, read once for all kinds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.pii import cues, nearby
from pipeline.adapters.pii.page import Page

NUMBER = "467 3395"


def page(text: str) -> tuple[Page, int, int]:
    at = text.index(NUMBER)
    return Page(text), at, at + len(NUMBER)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (f"phone {NUMBER}", cues.PHONE), (f"{NUMBER} is my cell", cues.PHONE), (f"Kartennummer {NUMBER}", cues.CARD),
        (f"sort code {NUMBER}", cues.BANK), (f"ЕГН {NUMBER}", cues.NATIONAL), (f"我的护照{NUMBER}", cues.PASSPORT),
        (f"d.o.b {NUMBER}", cues.BIRTH), (f"PASSPORT {NUMBER}", cues.PASSPORT), (f"né le {NUMBER}", cues.BIRTH),
    ],
)  # fmt: skip
def test_a_word_before_or_behind_a_number_announces_it(text: str, kind: int) -> None:
    assert nearby.near(*page(text)[:1], kind, *page(text)[1:])


@pytest.mark.parametrize(
    "text",
    [
        f"phone {'x' * 60} {NUMBER}",
        f"{NUMBER} {'x' * 30} phone",
        f"earphone {NUMBER}",
        f"né {NUMBER}",
        f"sort {NUMBER}",
    ],
)
def test_a_word_far_off_or_a_part_of_a_word_does_not(text: str) -> None:
    where = page(text)
    assert not nearby.near(where[0], cues.PHONE | cues.BIRTH | cues.BANK, *where[1:])


def test_the_closest_word_before_a_number_leads() -> None:
    where = page(f"my passport is lost, call {NUMBER} about the card")
    assert nearby.leading(where[0], cues.PHONE, *where[1:])
    assert not nearby.leading(where[0], cues.PASSPORT, *where[1:])
    assert nearby.near(where[0], cues.PASSPORT & cues.PASSPORT, *where[1:])
    assert not nearby.leading(where[0], cues.CARD, *where[1:])


def test_a_general_word_does_not_lead() -> None:
    where = page(f"passport id {NUMBER}")
    assert nearby.leading(where[0], cues.PASSPORT, *where[1:])


@given(
    st.lists(
        st.sampled_from(["phone", "né", "le", "sort", "code", "Karte", "x", "date", "born", "护照", "d.o.b"]),
        max_size=8,
    )
)
def test_what_a_page_does_not_say_stands_nowhere_on_it(words: list[str]) -> None:
    text = Page(" ".join(words))
    for kind in (cues.PHONE, cues.BIRTH, cues.BANK, cues.CARD, cues.PASSPORT):
        assert nearby.says(text, kind) or not nearby.places(text, kind)
        assert nearby.says(text, kind) or not nearby.near(text, kind, 0, len(text.text))
