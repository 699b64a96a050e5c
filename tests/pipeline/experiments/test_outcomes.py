"""Whom an outcome speaks of, and the tally as it is stored."""

import pytest
from decisions import reply
from hypothesis import given
from hypothesis import strategies as st

from pipeline.experiments.outcomes import Pending, Tally, arm_of, dump_tally, parse_tally
from pipeline.experiments.thompson import Counts


def test_an_outcome_is_that_of_the_variant_that_served() -> None:
    assert arm_of(reply()) == ("chat", 0, "small")


@pytest.mark.parametrize(
    "changes",
    [{"cache": "hit"}, {"degraded": "low_confidence"}, {"served": None}, {"status": "failed"}, {"status": "refused"}],
)
def test_what_was_not_earned_counts_for_nobody(changes: dict[str, object]) -> None:
    assert arm_of(reply(**changes)) is None


ARMS = st.dictionaries(
    st.sampled_from(["chat", "labels"]),
    st.lists(
        st.dictionaries(st.sampled_from(["a", "b"]), st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)), max_size=2),
        max_size=3,
    ),
)
WAITING = st.builds(
    Pending, tenant=st.just("t"), request_id=st.text("abc"), reward=st.floats(0, 1), since=st.floats(0, 9)
)


@given(st.integers(0, 2**53 - 1), ARMS, st.lists(WAITING, max_size=3))
def test_a_tally_survives_being_written(applied: int, arms: dict, waiting: list[Pending]) -> None:  # type: ignore[type-arg]
    tally = Tally(applied=applied, arms=arms, pending=tuple(waiting), counted=3)
    assert parse_tally(dump_tally(tally)) == tally


def test_what_is_not_there_yet_is_an_empty_tally_and_what_is_damaged_is_none() -> None:
    assert parse_tally(None) == Tally()
    assert parse_tally(b"{") is None
    assert parse_tally(b'{"applied": "many"}') is None


def test_counts_of_unknown_tiers_are_empty() -> None:
    tally = Tally(arms={"chat": [{"a": (2.0, 1.0)}]})
    assert tally.counts("chat", 0) == {"a": Counts(2.0, 1.0)}
    assert (tally.counts("chat", 1), tally.counts("labels", 0)) == ({}, {})
    assert (tally.samples("chat"), tally.samples("labels")) == (3.0, 0)
