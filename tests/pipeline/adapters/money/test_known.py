"""What is remembered about payers is what would be found anew: for each tenant, policy, window, stage and variant."""

from dataclasses import replace
from typing import Any

import pytest
from fakes_money import NOON, budget, charge, with_money
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.money.known import KEPT, KnownPayers
from pipeline.adapters.money.payers import payers_of
from pipeline.contracts import Cover
from pipeline.policy import Policy
from pipeline.ports import Charge

DAY_S = 86_400.0
TEAM = Cover(budget="team", scope="variant={variant}/target={target}")
COVERS = tuple(Cover(budget=name, scope=f"tenant={tenant}") for name in ("day", "late") for tenant in ("acme", "other"))


def policies(usd: float) -> Policy:
    late = budget("late", usd=usd, per="hour", stages="escalate")
    return with_money(budget("day", usd=usd, per="day"), late, budget("team", usd=usd, per="total"))


SMALL, LARGE = policies(0.01), policies(5.0)

CHARGES = st.builds(
    charge,
    stage=st.sampled_from(["draft", "escalate"]),
    variant=st.sampled_from(["small", "large"]),
    target=st.sampled_from(["eu", "us"]),
    covers=st.lists(st.sampled_from([*COVERS, TEAM]), max_size=3, unique_by=lambda cover: cover.budget).map(tuple),
    free=st.frozensets(st.sampled_from(["day", "team"])),
)
TIMES = st.sampled_from([NOON - DAY_S, NOON, NOON + 1.0, NOON + 3_600.0, NOON + DAY_S / 2])


@given(st.lists(st.tuples(CHARGES, st.sampled_from([SMALL, LARGE]), TIMES), max_size=30))
def test_whatever_was_asked_before_the_answer_is_that_of_nobody_who_remembers(
    asked: list[tuple[Charge, Policy, float]],
) -> None:
    """A key that left something out would answer one of these with what another was told."""
    known = KnownPayers()
    for one, policy, now in asked:
        assert known.of(one, policy, now) == payers_of(one, policy, now)


@pytest.mark.parametrize(
    "differs",
    [
        {"stage": "escalate"},
        {"variant": "large"},
        {"target": "us"},
        {"free": frozenset({"day"})},
        {"covers": (COVERS[1], COVERS[2], TEAM)},
        {"covers": (COVERS[0], COVERS[2])},
    ],
    ids=lambda differs: "-".join(differs),
)
def test_charges_that_differ_in_one_thing_are_told_apart(differs: dict[str, Any]) -> None:
    """Whichever of the two was asked for first."""
    usual = charge(covers=(COVERS[0], COVERS[2], TEAM))
    other = replace(usual, **differs)
    for asked in ((usual, other), (other, usual)):
        known = KnownPayers()
        assert [known.of(one, SMALL, NOON) for one in asked] == [payers_of(one, SMALL, NOON) for one in asked]
        assert payers_of(usual, SMALL, NOON) != payers_of(other, SMALL, NOON)


def test_a_tenant_is_never_paid_for_by_the_counter_of_another() -> None:
    known, other = KnownPayers(), (Cover(budget="day", scope="tenant=other"),)
    mine, theirs = known.of(charge(), SMALL, NOON), known.of(charge(covers=other), SMALL, NOON)
    assert [payer.slot.scope for payer in (*mine, *theirs)] == ["tenant=acme", "tenant=other"]


def test_another_policy_has_its_own_limits_at_once() -> None:
    known = KnownPayers()
    (before,), (after,) = known.of(charge(), SMALL, NOON), known.of(charge(), LARGE, NOON)
    assert (before.spec.limit.usd, after.spec.limit.usd) == (0.01, 5.0)


@pytest.mark.parametrize("later_s", [DAY_S / 2, -DAY_S])
def test_another_window_has_its_own_counter(later_s: float) -> None:
    """The moment a window ends belongs to the next one; a clock that was set back finds the one before."""
    known = KnownPayers()
    (before,), (after,) = known.of(charge(), SMALL, NOON), known.of(charge(), SMALL, NOON + later_s)
    assert after.slot.frame.begins == before.slot.frame.begins + (DAY_S if later_s > 0 else -DAY_S)


def test_within_its_window_the_answer_is_given_again() -> None:
    known, again = KnownPayers(), replace(charge(2), usd=None, tokens=7)
    assert known.of(again, SMALL, NOON + 60.0) == known.of(charge(), SMALL, NOON)
    assert known.of(again, SMALL, NOON) is known.of(charge(), SMALL, NOON + 1.0)


def test_no_more_kinds_are_remembered_than_there_is_room_for() -> None:
    known = KnownPayers()
    first = known.of(charge(), SMALL, NOON)
    for number in range(KEPT):
        known.of(charge(covers=(Cover(budget="day", scope=f"user={number}"),)), SMALL, NOON)
    assert known.of(charge(), SMALL, NOON) is not first
