"""The stage check, which needs nothing from the world."""

import pytest
from fakes_stages import attempt, envelope, plan, scored

from pipeline.contracts import Envelope, Request
from pipeline.errors import Unreadable
from pipeline.ports import Run
from stages.check import Check

DOUBTFUL = attempt(1, text="Oslo", tokens=scored(("Oslo", -1.0)))


async def test_the_last_attempt_is_judged_by_the_routes_threshold() -> None:
    for threshold, kind in ((0.3, "accepted"), (0.4, "rejected")):
        outcome = await Check().handle(envelope(DOUBTFUL, tiers=plan(threshold=threshold)), Run())
        assert outcome.kind == kind
        assert outcome.facts["confidence"] == pytest.approx(0.3679, abs=1e-4)


async def test_the_same_attempt_is_judged_the_same_again() -> None:
    before = envelope(DOUBTFUL, tiers=plan(threshold=0.4))
    assert await Check().handle(before, Run()) == await Check().handle(before, Run(delivered=2))


async def test_its_verdict_travels() -> None:
    """What was made without validation is what a validating reader takes."""
    request = Request(input="x", response_schema={"type": "object"})
    before = envelope(attempt(1, text="```json\n{}\n```", tokens=scored(("{}", -0.2))), request=request)
    outcome = await Check().handle(before, Run())
    after = before.model_copy(update=dict(outcome.changes))
    again = Envelope.model_validate_json(after.model_dump_json(exclude_none=True))
    assert again.verdict == outcome.changes["verdict"]
    assert again.attempts[0].tokens is None


@pytest.mark.parametrize("missing", [{"plan": None}, {"attempts": ()}])
async def test_without_a_plan_or_an_attempt_it_is_no_message_for_us(missing: dict) -> None:
    with pytest.raises(Unreadable):
        await Check().handle(envelope(DOUBTFUL).model_copy(update=missing), Run())
