"""A name of which a model saw a part is completed, and nothing else becomes part of a name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.pii.entity import Entity
from pipeline.adapters.pii.wholes import completed


def after(text: str, *labelled: tuple[str, str]) -> list[tuple[str, str]]:
    seen = [Entity(label, text.index(words), text.index(words) + len(words), words) for label, words in labelled]
    found = completed(text, seen)
    assert all(text[one.start_char : one.end_char] == one.text for one in found)
    return [(one.label_, one.text) for one in found]


@pytest.mark.parametrize(
    ("text", "part", "whole"),
    [
        ("Mail jo@example.org for Odalys Brandvold", "Odalys", "Odalys Brandvold"),
        ("for Odalys Brandvold, please", "Odalys", "Odalys Brandvold"),
        ("Odalys Maria Brandvold", "Odalys", "Odalys Maria Brandvold"),
        ('who is Jürgen "Jo" Müller-O\'Brien?', "Jürgen", 'Jürgen "Jo" Müller-O\'Brien'),
        ('Anne-Marie "Ann" D\'Souza', "Anne-Marie", 'Anne-Marie "Ann" D\'Souza'),
        ("Regards,\nPriya R.", "Priya", "Priya R."),
        ("Priya R. Brandvold", "Priya", "Priya R. Brandvold"),
        ("Odalys van der Brandvold", "Odalys", "Odalys van der Brandvold"),
        ("Call ODALYS BRANDVOLD now", "ODALYS", "ODALYS BRANDVOLD"),
        ("for Odalys Brandvold", "Brandvold", "Odalys Brandvold"),
    ],
)
def test_half_a_name_becomes_whole(text: str, part: str, whole: str) -> None:
    assert after(text, ("PERSON", part)) == [("PERSON", whole)]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Odalys is a nurse", "Odalys"),
        ("Odalys\nBrandvold", "Odalys"),
        ("Odalys. Brandvold came", "Odalys"),
        ("Odalys, Brandvold", "Odalys"),
        ("on Monday Odalys Meeting", "Odalys"),
        ("Odalys March", "Odalys"),
        ("Odalys NYC", "Odalys"),
        ("Odalys I've seen", "Odalys"),
        ("Odalys Brandvold@example.org", "Odalys"),
        ("Brandvold: Odalys", "Odalys"),
        ("Please Odalys, come", "Odalys"),
        ("Ring Odalys", "Odalys"),
    ],
)
def test_what_is_no_name_stays_outside(text: str, name: str) -> None:
    assert after(text, ("PERSON", name)) == [("PERSON", name)]


def test_a_name_does_not_grow_into_what_is_something_else() -> None:
    assert after("Odalys Brandvold Oslo", ("PERSON", "Odalys"), ("GPE", "Brandvold")) == [
        ("PERSON", "Odalys"), ("GPE", "Brandvold"),
    ]  # fmt: skip


def test_the_second_half_that_was_seen_alone_is_part_of_the_whole() -> None:
    text = "ask Odalys Müller-O'Brien"
    assert after(text, ("PERSON", "Odalys"), ("PERSON", "O'Brien")) == [("PERSON", "Odalys Müller-O'Brien")]


def test_a_place_does_not_grow() -> None:
    assert after("in Oslo Brandvold", ("GPE", "Oslo")) == [("GPE", "Oslo")]


@given(st.text(alphabet="AbÖ. \n\"'-", max_size=60), st.integers(0, 59), st.integers(1, 20))
def test_a_name_only_grows(text: str, start: int, length: int) -> None:
    part = text[start : start + length]
    if part:
        (whole,) = completed(text, [Entity("PERSON", start, start + len(part), part)])
        assert whole.start_char <= start
        assert whole.end_char >= start + len(part)
        assert text[whole.start_char : whole.end_char] == whole.text
