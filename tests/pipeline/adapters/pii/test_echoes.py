"""Names that stand again where a model did not see them, and names with a title."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.pii.echoes import echoes


def heard(text: str, *people: str) -> list[str]:
    taken = [(text.index(name), text.index(name) + len(name)) for name in people]
    return [text[start:end] for start, end in echoes(text, people, taken)]


def test_a_name_that_stands_again_is_a_name_again() -> None:
    assert heard("Odalys Brandvold called. Then Odalys Brandvold left.", "Odalys Brandvold") == ["Odalys Brandvold"]


def test_a_part_of_a_whole_name_is_a_name() -> None:
    assert heard("Odalys Brandvold called. Brandvold left.", "Odalys Brandvold") == ["Brandvold"]


@pytest.mark.parametrize("text", ["Odalys Brandvold in Brandvoldby", "Odalys Brandvold, brandvold.example.org"])
def test_a_part_of_another_word_is_not(text: str) -> None:
    assert heard(text, "Odalys Brandvold") == []


def test_an_ordinary_word_is_no_name_though_somebody_bears_it() -> None:
    assert heard("Odalys Headaches has Headaches", "Odalys Headaches") == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ask Mr. Brandvold now", "Brandvold"),
        ("Dr Odalys van der Brandvold came", "Odalys van der Brandvold"),
        ("dear Mrs Ångström,", "Ångström"),
        ("Prof. J. Brandvold", "J. Brandvold"),
    ],
)
def test_who_has_a_title_is_a_person(text: str, name: str) -> None:
    assert heard(text) == [name]


@pytest.mark.parametrize("text", ["Mr. 4711", "the dr is in", "Miss you", "MS Headaches"])
def test_not_everything_behind_a_title_is_a_person(text: str) -> None:
    assert heard(text) == []


@given(st.text(alphabet="Mr. AbO'va\n", max_size=60), st.lists(st.text(alphabet="AbOva. '", max_size=8), max_size=4))
def test_echoes_never_overlap_what_is_taken_or_each_other(text: str, people: list[str]) -> None:
    taken = [(0, 5), (9, 14)]
    found = sorted([*taken, *echoes(text, people, taken)])
    assert all(one[1] <= two[0] for one, two in pairwise(found))
