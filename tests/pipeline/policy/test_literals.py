"""Texts that a condition compares with facts are found in the ways in which people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.policy.literals import Compared, compared


def pairs(source: str) -> list[tuple[str, str]]:
    return [(found.fact, found.text) for found in compared(source)]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('req.lane == "a"', [("req.lane", "a")]),
        ("'a' != req.lane", [("req.lane", "a")]),
        ('req . lane=="a"', [("req.lane", "a")]),
        ('"A" in req.types && !("B" in req.types)', [("req.types", "A"), ("req.types", "B")]),
        ('req.lane in ["a", "b"] || req.scan == "c"', [("req.lane", "a"), ("req.lane", "b"), ("req.scan", "c")]),
        ('req.special.exists(kind, kind != "a")', [("req.special", "a")]),
        ('req.types.all(t, t in ["A", r"B"])', [("req.types", "A"), ("req.types", "B")]),
        ('["A", "B"].exists(t, t in req.types)', [("req.types", "A"), ("req.types", "B")]),
        ('req.types == ["A"]', [("req.types", "A")]),
    ],
)
def test_what_is_compared_is_found(source: str, found: list[tuple[str, str]]) -> None:
    assert pairs(source) == found


@pytest.mark.parametrize(
    "source",
    [
        'req.lane + "x" == "y"',
        '"x" + req.lane == "y"',
        'req.lane == "bat" + "ch"',
        'req.lane == "BATCH".lowerAscii()',
        '"a" == req.types[0]',
        'req.metadata["team"] == "x"',
        'req.lane.startsWith("b")',
        'has(req.metadata.team) // req.lane == "a"',
        'req.lane == """a"""',
    ],
)
def test_what_is_more_than_a_comparison_says_nothing(source: str) -> None:
    assert [fact for fact, _ in pairs(source) if fact in ("req.lane", "req.types")] == []


def test_the_place_of_a_text_is_told() -> None:
    assert list(compared('req.has_tools &&\n  req.lane == "a"')) == [Compared("req.lane", "a", 2, 15)]


@given(st.text(alphabet="req.tys[]()\"'in=!,+ \n", max_size=60))
def test_no_text_is_too_strange(source: str) -> None:
    for found in compared(source):
        assert found.text in source
