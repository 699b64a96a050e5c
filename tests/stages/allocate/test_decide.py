"""Attribution and the tally, as functions."""

import random

import pytest
from decisions import reply
from hypothesis import given
from hypothesis import strategies as st

from pipeline.experiments.outcomes import Pending, Tally
from stages.allocate.decide import RULES, Judged, Rules, apply, judge, weights


def _outcome(request_id: str = "r1", reward: float = 1.0, since: float = 0.0) -> Pending:
    return Pending(tenant="acme", request_id=request_id, reward=reward, since=since)


def test_an_outcome_waits_for_its_reply_and_is_given_up_after_the_window() -> None:
    assert judge(_outcome(), None, 3599.0, RULES).fate == "wait"
    assert judge(_outcome(), None, 3600.0, RULES).fate == "give_up"


def test_a_provisional_reply_is_not_yet_a_reply() -> None:
    assert judge(_outcome(), reply(status="failed", provisional=True), 1.0, RULES).fate == "wait"


def test_an_outcome_of_a_served_answer_counts_for_its_variant() -> None:
    assert judge(_outcome(), reply(), 1.0, RULES) == Judged(_outcome(), "count", ("chat", 0, "small"))


@pytest.mark.parametrize("changes", [{"cache": "hit"}, {"degraded": "x"}, {"status": "failed", "served": None}])
def test_an_outcome_of_nobody_is_ignored(changes: dict[str, object]) -> None:
    assert judge(_outcome(), reply(**changes), 1.0, RULES).fate == "ignore"


@given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from(["small", "tiny"]), st.integers(0, 2)), max_size=30))
def test_good_and_bad_together_are_the_number_of_outcomes(told: list[tuple[float, str, int]]) -> None:
    judged = [Judged(_outcome(reward=reward), "count", ("chat", tier, variant)) for reward, variant, tier in told]
    tally = apply(Tally(), judged, 30, RULES)
    assert tally.counted == len(told)
    assert tally.samples("chat") == pytest.approx(len(told))
    for tier in range(3):
        for variant, counts in tally.counts("chat", tier).items():
            rewards = [reward for reward, name, place in told if (name, place) == (variant, tier)]
            assert counts.good == pytest.approx(sum(rewards))


def test_each_fate_is_counted_under_its_own_name() -> None:
    judged = [
        Judged(_outcome("r1"), "count", ("chat", 1, "large")),
        Judged(_outcome("r2"), "ignore"),
        Judged(_outcome("r3"), "wait"),
        Judged(_outcome("r4"), "give_up"),
    ]
    tally = apply(Tally(applied=5), judged, 9, RULES)
    assert (tally.applied, tally.counted, tally.uncounted, tally.unattributed) == (9, 1, 1, 1)
    assert tally.pending == (_outcome("r3"),)
    assert tally.arms == {"chat": [{}, {"large": (1.0, 0.0)}]}


def test_when_too_many_wait_the_oldest_are_given_up() -> None:
    judged = [Judged(_outcome(f"r{number}"), "wait") for number in range(5)]
    tally = apply(Tally(), judged, 5, Rules(waiting=2))
    assert [outcome.request_id for outcome in tally.pending] == ["r3", "r4"]
    assert tally.unattributed == 3


def test_applying_changes_nothing_in_the_tally_before() -> None:
    before = Tally(arms={"chat": [{"small": (1.0, 1.0)}]})
    apply(before, [Judged(_outcome(), "count", ("chat", 0, "small"))], 1, RULES)
    assert before.arms == {"chat": [{"small": (1.0, 1.0)}]}


def test_a_route_without_enough_evidence_keeps_the_weights_of_the_policy() -> None:
    assert weights(Tally(), "chat", [{"a": 0.5, "b": 0.5}], random.Random(1), RULES) is None


def test_tiers_that_did_not_move_are_published_as_the_policy_has_them() -> None:
    tally = Tally(arms={"chat": [{"a": (90.0, 10.0), "b": (50.0, 50.0)}]})
    moved = weights(
        tally, "chat", [{"a": 0.5, "b": 0.5}, {"large": 1.0}, {"c": 0.3, "d": 0.7}], random.Random(1), RULES
    )
    assert moved is not None
    assert moved[0]["a"] > 0.98
    assert moved[1:] == [{"large": 1.0}, {"c": 0.3, "d": 0.7}]
