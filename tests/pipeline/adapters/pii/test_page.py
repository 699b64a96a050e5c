"""Disguises come off, and every offset finds its way back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.pii.page import Page


def test_ascii_text_is_not_touched() -> None:
    text = "plain text, 42"
    assert Page(text).text is text


@given(st.text())
def test_lower_case_has_the_length_of_the_text(text: str) -> None:
    page = Page(text)
    assert len(page.lower) == len(page.text)


@given(st.text(alphabet=st.sampled_from("ab1é\u200b\u200d٣１Ａİ\u00a0")))
def test_each_character_comes_from_where_its_offset_points(text: str) -> None:
    page = Page(text)
    for at in range(len(page.text)):
        start, end = page.original(at, at + 1)
        assert Page(text[start:end]).text == page.text[at]


@given(st.text())
def test_digits_are_counted_after_folding(text: str) -> None:
    page = Page(text)
    assert page.digits == sum(sign in "0123456789" for sign in page.text)


def test_a_chain_is_broken_by_words_and_not_by_separators() -> None:
    assert Page("12 apples and 345 pears").chain == 3
    assert Page("(030) 90-18.20").chain == 9
    assert Page("no digits").chain == 0


@given(st.text(alphabet=st.sampled_from("ab1. \n\t\u200b\u00a0٣"), max_size=80))
def test_long_words_stand_where_the_page_says(text: str) -> None:
    page = Page(text)
    words = [page.text[start:end] for start, end in page.long_places]
    assert words == page.long_words.split() == [word for word in page.text.split() if len(word) >= 15]


def test_words_of_one_character_count_in_a_row() -> None:
    page = Page("4 1 1 1 and 2 (3")
    assert page.lone(4)
    assert not page.lone(5)


@pytest.mark.parametrize(
    ("disguised", "plain"),
    [
        ("４１１１", "4111"),
        ("𝟒𝟏𝟏𝟏", "4111"),
        ("4̶1̶1̶1̶", "4111"),
        ("1️⃣2️⃣", "12"),
        ("а1@ехаmрlе", "a1@example"),
        ("ｊｏｅ＠ｘ．ｏｒｇ", "joe@x.org"),
        ("536‑90–4399", "536-90-4399"),
        ("1\u00a0234", "1 234"),
        ("203·0·113·77", "203.0.113.77"),
    ],
)
def test_disguises_come_off(disguised: str, plain: str) -> None:
    assert Page(disguised).text == plain


@pytest.mark.parametrize("control", ["\0", "\x01", "\x1b", "\x7f"])
def test_control_characters_are_dropped_and_offsets_lead_back(control: str) -> None:
    original = f"ask odalys@{control}example.org"
    page = Page(original)
    assert page.text == "ask odalys@example.org"
    start = page.text.index("odalys")
    assert page.original(start, len(page.text)) == (original.index("odalys"), len(original))


def test_tabs_and_line_ends_stay_where_they_are() -> None:
    assert Page("a\tb\r\nc").text == "a\tb\r\nc"


def test_letters_written_as_tags_are_read() -> None:
    assert Page("".join(chr(0xE0000 + ord(letter)) for letter in "odalys@example.org")).text == "odalys@example.org"
