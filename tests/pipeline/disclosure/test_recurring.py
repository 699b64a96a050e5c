"""What was found once is hidden wherever it stands."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from marked_texts import NEEDLE, spans, texts

from pipeline.contracts import Mark
from pipeline.disclosure.recurring import everywhere
from pipeline.disclosure.units import Units


def test_what_is_hidden_once_is_hidden_wherever_it_stands_as_a_word() -> None:
    texts_of_all = ("Ask Odalys.", "odalys Odalys, Odalysson; Odalys", "name: Odalys")
    units = Units(texts_of_all)
    found = everywhere(units, [Mark(0, 4, 10, "PERSON", 0.9)])
    assert [(mark.unit, mark.start, mark.end) for mark in found] == [(0, 4, 10), (1, 7, 13), (1, 26, 32), (2, 6, 12)]
    assert {mark.type for mark in found} == {"PERSON"}


def test_what_is_short_or_marked_already_is_not_marked_again() -> None:
    units = Units(("May Odalys Brandvold", "May Brandvold"))
    marks = [Mark(0, 0, 3, "PERSON", 0.9), Mark(0, 4, 20, "PERSON", 0.9), Mark(1, 4, 13, "ORG", 0.9)]
    assert everywhere(units, marks) == marks


@given(st.lists(texts, min_size=1, max_size=4), st.data())
def test_marks_never_overlap(found: list[str], data: st.DataObject) -> None:
    units = Units(tuple(filter(None, found)) or ("x",))
    marks = spans(units, NEEDLE)[: data.draw(st.integers(0, 3))]
    taken = sorted((mark.unit, mark.start, mark.end) for mark in everywhere(units, marks))
    assert all(one[0] < other[0] or one[2] <= other[1] for one, other in pairwise(taken))
