"""What words make possible: without a hint, nothing of what it stands for is in a text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.pii import hints
from pipeline.adapters.pii.page import Page

LITERALS = ("api_key", "passw", "mot de passe", "2fa", "one-time", "hasło", "at]", "'m fine")
SAID = hints.literals(*LITERALS)
EACH = {text: hints.literals(text) for text in LITERALS}
WORDS = hints.words("pin", "jahr*", "né")
pieces = st.sampled_from([*LITERALS, " ", "_", "x", "Ä", "1", "-", "pas", "sw", "API", "key", "\u0301", "İ", "\n"])


@given(st.lists(pieces, max_size=8).map("".join))
def test_a_text_that_contains_a_literal_has_its_hint(text: str) -> None:
    page = Page(text)
    for literal, bit in EACH.items():
        assert page.hints & bit or literal not in page.lower
    assert bool(page.hints & SAID) == any(page.hints & bit for bit in EACH.values())


@pytest.mark.parametrize(("text", "said"), [
    ("my pin is", True), ("PIN:12", True), ("né1", True), ("Jahre", True), ("shopping", False), ("pins", False),
    ("trajahr", False), ("née", False), ("", False),
])  # fmt: skip
def test_a_word_counts_as_a_whole_or_from_its_beginning(text: str, said: bool) -> None:
    assert bool(Page(text).hints & WORDS) == said


def test_a_literal_must_have_a_letter() -> None:
    with pytest.raises(ValueError, match="no letter"):
        hints.literals("=")


def test_what_is_asked_for_later_is_seen_in_words_known_before() -> None:
    assert hints.hints_of(["quincunx"]) == 0
    bit = hints.words("quincunx")
    assert hints.hints_of(["quincunx", "x"]) == bit


def test_words_beyond_what_is_remembered_are_judged_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hints, "_REMEMBERED", 2)
    for word in ("pin", "a", "b", "c", "pin"):
        assert bool(hints.hints_of([word]) & WORDS) == (word == "pin")
