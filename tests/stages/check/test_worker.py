"""The stage check, which needs nothing from the world but the policy."""

from dataclasses import replace

import pytest
from fakes_models import policy
from fakes_stages import attempt, envelope, plan, scored

from pipeline.contracts import Envelope, Request
from pipeline.errors import Unreadable
from pipeline.policy import CompiledRoute, Policy
from pipeline.policy.calibration import Calibrator, Curve, platt
from pipeline.policy.conditions import compile_condition
from pipeline.policy.models import Route, TierSpec
from pipeline.policy.source import FixedPolicy
from pipeline.ports import Run
from stages.check import Check

DOUBTFUL = attempt(1, text="Oslo", tokens=scored(("Oslo", -1.0)))
NONE = FixedPolicy(policy({}))


async def test_the_last_attempt_is_judged_by_the_routes_threshold() -> None:
    for threshold, kind in ((0.3, "accepted"), (0.4, "rejected")):
        outcome = await Check(NONE).handle(envelope(DOUBTFUL, tiers=plan(threshold=threshold)), Run())
        assert outcome.kind == kind
        assert outcome.facts["confidence"] == pytest.approx(0.3679, abs=1e-4)


async def test_the_same_attempt_is_judged_the_same_again() -> None:
    before = envelope(DOUBTFUL, tiers=plan(threshold=0.4))
    assert await Check(NONE).handle(before, Run()) == await Check(NONE).handle(before, Run(delivered=2))


async def test_its_verdict_travels() -> None:
    """What was made without validation is what a validating reader takes."""
    request = Request(input="x", response_schema={"type": "object"})
    before = envelope(attempt(1, text="```json\n{}\n```", tokens=scored(("{}", -0.2))), request=request)
    outcome = await Check(NONE).handle(before, Run())
    after = before.model_copy(update=dict(outcome.changes))
    again = Envelope.model_validate_json(after.model_dump_json(exclude_none=True))
    assert again.verdict == outcome.changes["verdict"]
    assert again.attempts[0].tokens is None


@pytest.mark.parametrize("missing", [{"plan": None}, {"attempts": ()}])
async def test_without_a_plan_or_an_attempt_it_is_no_message_for_us(missing: dict) -> None:
    with pytest.raises(Unreadable):
        await Check(NONE).handle(envelope(DOUBTFUL).model_copy(update=missing), Run())


CURVE = Curve(
    kind="platt", slope=1.3, intercept=-0.2, signal="logprob_mean", source="a test", fitted="2026-11-01", labels=812
)


def under(calibrator: Calibrator | None, revision: str = "0123456789abcdef") -> FixedPolicy:
    """A policy whose one route, `chat`, has this calibrator."""
    route = Route(name="chat", tiers=(TierSpec(variants={"small": 1.0}),))
    compiled = CompiledRoute(route, compile_condition("true", targets=False), calibrator=calibrator)
    return FixedPolicy(replace(policy({}), routes=(compiled,), revision=revision))


async def test_the_calibrator_of_the_route_makes_the_confidence_and_is_named() -> None:
    """e^-1 is 0.3679, with log-odds of -0.5413; times 1.3, less 0.2: -0.9037, which is a probability of 0.2883."""
    calibrator = Calibrator("calibrators/chat.json@00112233aabbccdd", CURVE)
    for threshold, kind in ((0.28, "accepted"), (0.3, "rejected")):
        before = envelope(DOUBTFUL, tiers=plan(threshold=threshold))
        outcome = await Check(under(calibrator)).handle(before, Run())
        assert outcome.kind == kind
        assert outcome.facts["confidence"] == pytest.approx(0.2883, abs=1e-4)
        assert outcome.changes["verdict"].confidence == outcome.facts["confidence"]
        assert outcome.facts["raw_confidence"] == pytest.approx(0.3679, abs=1e-4)
        assert outcome.facts["calibrator"] == "calibrators/chat.json@00112233aabbccdd"


async def test_its_facts_are_enough_to_judge_again() -> None:
    outcome = await Check(under(Calibrator("a@b", CURVE))).handle(envelope(DOUBTFUL), Run())
    assert platt(outcome.facts["raw_confidence"], CURVE.slope, CURVE.intercept) == outcome.facts["confidence"]


async def test_without_log_probabilities_there_is_nothing_to_calibrate() -> None:
    outcome = await Check(under(Calibrator("a@b", CURVE))).handle(envelope(attempt(1, text="Oslo")), Run())
    assert outcome.facts["confidence"] is None
    assert "calibrator" not in outcome.facts


async def test_the_calibrator_is_that_of_the_revision_the_request_came_with() -> None:
    """The newest revision calibrates; the request began before it."""
    old, new = under(None), under(Calibrator("a@b", CURVE), revision="f" * 16)

    class Both:
        def current(self) -> Policy:
            return new.current()

        def revision(self, digest: str) -> Policy | None:
            return old.revision(digest) or new.revision(digest)

    began = await Check(Both()).handle(envelope(DOUBTFUL), Run())
    later = await Check(Both()).handle(envelope(DOUBTFUL, policy_revision="f" * 16), Run())
    assert "calibrator" not in began.facts
    assert later.facts["calibrator"] == "a@b"


async def test_a_route_that_is_gone_has_no_calibrator() -> None:
    before = envelope(DOUBTFUL, tiers=plan(route="gone"))
    outcome = await Check(under(Calibrator("a@b", CURVE))).handle(before, Run())
    assert "calibrator" not in outcome.facts


@pytest.mark.parametrize(("difficulty", "ease"), [(0.25, 0.75), (None, None)])
async def test_how_alike_questions_fared_is_a_signal_where_the_route_learned_it(
    difficulty: float | None, ease: float | None
) -> None:
    planned = plan(threshold=0.3, signals={"tenant": "default", "difficulty": difficulty})
    outcome = await Check(NONE).handle(envelope(DOUBTFUL, tiers=planned), Run())
    assert outcome.changes["verdict"].signals["ease"] == ease
