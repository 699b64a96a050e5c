"""What is mended in the entities of a model, without any model."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.pii.entities import believable, mended, readable, trimmed
from pipeline.adapters.pii.entity import Entity


def entities(text: str, *labelled: tuple[str, str]) -> list[Entity]:
    """One entity for each label and words, where the words first stand."""
    return [Entity(label, text.index(words), text.index(words) + len(words), words) for label, words in labelled]


def after(text: str, *labelled: tuple[str, str]) -> list[tuple[str, str]]:
    return [(one.label_, one.text) for one in mended(text, entities(text, *labelled))]


@pytest.mark.parametrize("text", ["self.x_y", "StopIteration()", "v2", "a::b", "x=1", "--", "<b>"])
def test_code_is_no_name(text: str) -> None:
    assert not believable(text)


@pytest.mark.parametrize("text", ["Odalys Brandvold", "J. Ó Árnason", "al-Rashid", "O'Hara"])
def test_a_name_is_believable(text: str) -> None:
    assert believable(text)


def test_what_stands_on_a_further_line_is_cut_off() -> None:
    assert trimmed(Entity("PERSON", 5, 20, "Odalys B.\nPhone")) == Entity("PERSON", 5, 14, "Odalys B.")


@pytest.mark.parametrize(
    ("text", "name", "whole"),
    [
        ("ask Mr. Brandvold now", "Brandvold", "Mr. Brandvold"),
        ("ask dr odalys brandvold", "odalys brandvold", "dr odalys brandvold"),
        ("Odalys Brandvold, Ph.D. spoke", "Odalys Brandvold", "Odalys Brandvold, Ph.D."),
        ("the summer Brandvold came", "Brandvold", "Brandvold"),
    ],
)
def test_title_and_degree_belong_to_the_name(text: str, name: str, whole: str) -> None:
    assert after(text, ("PERSON", name)) == [("PERSON", whole)]


def test_a_street_and_the_towns_behind_it_are_one_address() -> None:
    text = "Send it to 12 Elm Row, Flat 3\nUpper Brook, Norway 48213 today"
    found = after(
        text, ("ADDRESS", "12 Elm Row, Flat 3"), ("GPE", "Upper Brook"), ("GPE", "Norway"), ("ADDRESS", "48213")
    )
    assert found == [("ADDRESS", "12 Elm Row, Flat 3\nUpper Brook, Norway 48213")]


def test_a_town_before_a_street_stays_a_town() -> None:
    text = "in Oslo 12 Elm Row"
    assert after(text, ("GPE", "Oslo"), ("ADDRESS", "12 Elm Row")) == [("GPE", "Oslo"), ("ADDRESS", "12 Elm Row")]


def test_the_corner_of_two_streets_is_one_address() -> None:
    text = "at Elm Row and Oak Lane 9"
    assert after(text, ("ADDRESS", "Elm Row"), ("ADDRESS", "Oak Lane 9")) == [("ADDRESS", "Elm Row and Oak Lane 9")]


def test_a_line_between_street_and_country_is_a_town() -> None:
    text = "| 12 Elm Row\n| Brandvold\n| Norway"
    found = after(text, ("ADDRESS", "12 Elm Row"), ("PERSON", "Brandvold"), ("GPE", "Norway"))
    assert ("PERSON", "Brandvold") not in found


def test_a_person_behind_a_street_in_a_sentence_stays_a_person() -> None:
    text = "from 12 Elm Row came Brandvold to Norway"
    assert ("PERSON", "Brandvold") in after(text, ("ADDRESS", "12 Elm Row"), ("PERSON", "Brandvold"), ("GPE", "Norway"))


def test_the_title_of_a_work_is_nobody() -> None:
    text = 'play "Silver Odalys" by Jo Brandvold'
    assert after(text, ("PERSON", "Silver Odalys"), ("PERSON", "Jo Brandvold")) == [("PERSON", "Jo Brandvold")]


@given(st.text(alphabet="ab\\nrt\"' \n", max_size=60))
def test_what_a_model_reads_is_as_long_as_the_text(text: str) -> None:
    assert len(readable(text)) == len(text)
    assert "\\" not in readable(text)


@given(st.text(max_size=80), st.data())
def test_mending_stays_within_the_text_and_in_order(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    labels = st.sampled_from(["PERSON", "GPE", "ORG", "ADDRESS", "FAC"])
    given_spans = [
        Entity(data.draw(labels), a, b, text[a:b]) for a, b in zip(cuts[::2], cuts[1::2], strict=False) if a < b
    ]
    found = mended(text, given_spans)
    assert all(0 <= one.start_char <= one.end_char <= len(text) for one in found)
    assert all(text[one.start_char : one.end_char] == one.text for one in found)
    assert [one.end_char for one in found] == sorted(one.end_char for one in found)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("12 Alder Lane\nBrandvold", "GPE"),
        ("12 Alder Lane\nBrandvold\n", "GPE"),
        ("12 Alder Lane, Brandvold", "PERSON"),
        ("12 Alder Lane\nBrandvold is away", "PERSON"),
    ],
)
def test_who_is_alone_on_the_line_below_a_street_is_a_town(text: str, label: str) -> None:
    found = mended(text, entities(text, ("ADDRESS", "12 Alder Lane"), ("PERSON", "Brandvold")))
    assert ("PERSON" in {one.label_ for one in found}) == (label == "PERSON")


def test_in_a_list_of_people_and_their_streets_they_stay_people() -> None:
    text = "12 Alder Lane\nBrandvold\n7 Larch Row"
    found = after(text, ("ADDRESS", "12 Alder Lane"), ("PERSON", "Brandvold"), ("ADDRESS", "7 Larch Row"))
    assert ("PERSON", "Brandvold") in found
