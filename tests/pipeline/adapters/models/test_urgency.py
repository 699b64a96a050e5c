"""How urgent an escalation is, and how much urgency a budget asks for whose money goes faster than its time."""

import pytest
from fakes_stages import attempt, envelope, plan, verdict
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.models.urgency import pressure, urgency_of
from pipeline.contracts import BudgetStanding

STAIRS = plan(2, threshold=0.8)
DRAFT = attempt(1, text="x")


@pytest.mark.parametrize(
    ("found", "urgency"),
    [
        (verdict(confidence=0.8), 0.0),
        (verdict(confidence=0.6), 0.25),
        (verdict(confidence=0.0), 1.0),
        (verdict(), 1.0),
        (verdict(confidence=0.7, schema_state="invalid"), 1.0),
        (verdict(confidence=0.9, explored=0.1, stays=True), 0.0),
        (None, 1.0),
    ],
)
def test_the_farther_below_the_threshold_the_more_urgent(found: object, urgency: float) -> None:
    assert urgency_of(envelope(DRAFT, tiers=STAIRS, verdict=found)) == pytest.approx(urgency)


def test_while_as_much_money_is_left_as_time_everything_passes() -> None:
    assert pressure(BudgetStanding(name="b", left=0.5, resets_s=43_200.0), "day") == 0.0
    assert pressure(BudgetStanding(name="b", left=0.25, resets_s=43_200.0), "day") == pytest.approx(0.5)
    assert pressure(BudgetStanding(name="b", left=0.0, resets_s=43_200.0), "day") == 1.0
    assert pressure(BudgetStanding(name="b", left=0.01), "total") == 0.0, "a window that never ends has no pace"


@given(st.floats(0, 1), st.floats(0, 1), st.floats(1, 86_400))
def test_less_money_never_lets_more_pass(one: float, other: float, resets_s: float) -> None:
    less, more = sorted((one, other))
    asks = [pressure(BudgetStanding(name="b", left=left, resets_s=resets_s), "day") for left in (less, more)]
    assert 0.0 <= asks[1] <= asks[0] <= 1.0
