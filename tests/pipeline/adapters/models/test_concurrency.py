"""How many calls a target bears: fewer where it slows down under them, never beyond its slots."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.models.concurrency import Gradient
from pipeline.policy.models import Concurrency

RULES = Concurrency(minimum=2)


def fed(gradient: Gradient, first_token_ms: float, calls: int, *, busy: bool = True) -> Gradient:
    for _ in range(calls):
        gradient.answered(1000.0, first_token_ms, 10, gradient.slots if busy else 1)
    return gradient


def test_it_starts_at_the_slots_of_the_policy_and_stays_there_while_the_target_is_steady() -> None:
    assert fed(Gradient(RULES, 32), 50.0, 500).slots == 32


def test_a_target_that_slows_down_gets_fewer_calls_and_more_again_when_it_recovers() -> None:
    gradient = fed(Gradient(RULES, 32), 50.0, 50)
    slow = fed(gradient, 400.0, 40).slots
    assert slow < 16
    assert fed(gradient, 50.0, 300).slots > slow


def test_slowness_while_little_runs_says_nothing_about_the_limit() -> None:
    gradient = fed(Gradient(RULES, 32), 50.0, 50)
    assert fed(gradient, 400.0, 100, busy=False).slots == 32


def test_a_long_answer_is_not_a_slow_one() -> None:
    gradient = Gradient(RULES, 32)
    for round_ in range(300):
        tokens = 20 if round_ < 150 else 500
        gradient.answered(10.0 * (16 + tokens), None, tokens, 32)
    assert gradient.slots == 32


def test_overload_takes_a_tenth_each_time_down_to_the_minimum() -> None:
    gradient = Gradient(RULES, 20)
    gradient.overloaded()
    assert gradient.slots == 18
    for _ in range(100):
        gradient.overloaded()
    assert gradient.slots == RULES.minimum


def test_a_policy_may_leave_it_at_the_slots() -> None:
    gradient = Gradient(Concurrency(adaptive=False), 20)
    for _ in range(50):
        gradient.overloaded()
    assert gradient.slots == 20


@given(
    st.integers(1, 64),
    st.integers(1, 64),
    st.lists(st.tuples(st.floats(0, 1e6), st.one_of(st.none(), st.floats(0, 1e6)), st.integers(0, 5000)), max_size=60),
)
def test_it_never_leaves_its_bounds(ceiling: int, minimum: int, calls: list[tuple[float, float | None, int]]) -> None:
    gradient = Gradient(Concurrency(minimum=minimum), ceiling)
    for latency, first, tokens in calls:
        gradient.answered(latency, first, tokens, ceiling)
        assert min(minimum, ceiling) <= gradient.slots <= ceiling
        if latency > 9e5:
            gradient.overloaded()


def test_new_slots_of_the_policy_hold_at_once() -> None:
    gradient = Gradient(RULES, 8)
    gradient.overloaded()
    gradient.update(RULES, 16)
    assert gradient.slots == 16
    assert gradient.limit == pytest.approx(16.0)
