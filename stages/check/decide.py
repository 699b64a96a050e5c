"""Accept the answer, go one tier further, or say that there is none. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from pipeline.contracts import Attempt, Envelope, ErrorBody, Json, Plan, Verdict
from pipeline.policy.calibration import Calibrator
from pipeline.ports import Outcome

__all__ = ["Findings", "decide"]


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found in an attempt.

    Attributes:
        schema_state: how it stands to the response schema.
        content: the repaired text; None: the attempt's own text is the answer.
        parsed: the document, where it satisfies the schema.
        repairs: what was changed, in words.
        problems: where it breaks the schema; places in the schema, never text of the answer.
        confidence: how sure it sounds, between 0 and 1, before any calibration; None: nothing is known.
        signals: all scores.
        empty: there is neither text nor a call of a tool.
    """

    schema_state: Literal["none", "valid", "repaired", "invalid"] = "none"
    content: str | None = None
    parsed: Json = None
    repairs: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    confidence: float | None = None
    signals: Mapping[str, float | None] = field(default_factory=dict)
    empty: bool = False


def decide(envelope: Envelope, plan: Plan, found: Findings, calibrator: Calibrator | None = None) -> Outcome:
    """Judge the last attempt of `envelope` by what was found in it.

    With a calibrator the confidence is the probability that it makes of how sure the attempt sounds; the facts then
    have both, and the calibrator's name, which tells its content too.
    """
    found, calibration = _calibrated(envelope, found, calibrator)
    attempt = envelope.attempts[-1]
    objection = _objection(plan, attempt, found)
    verdict = _verdict(plan, attempt, found, accepted=objection is None)
    facts = {"confidence": found.confidence, "threshold": plan.threshold, "schema": found.schema_state, **calibration}
    changes: dict[str, object] = {"verdict": verdict}
    if attempt.tokens is not None:
        # The scores have said what they had to say, and the tokens are the answer once more.
        changes["attempts"] = (*envelope.attempts[:-1], attempt.model_copy(update={"tokens": None}))
    if objection is None:
        if plan.stands_in(attempt.tier, attempt.fallback):
            changes["degraded"] = "budget"
        return Outcome("accepted", found.repairs, changes, facts)
    if attempt.tier < envelope.last_tier:
        return Outcome("rejected", (objection,), changes, facts)
    changes |= _end(envelope, plan, found)
    return Outcome("exhausted", (objection,), changes, facts)


def _calibrated(
    envelope: Envelope, found: Findings, calibrator: Calibrator | None
) -> tuple[Findings, dict[str, str | float | None]]:
    """The findings with the probability in place of the raw score, and what the story has to say about that."""
    if calibrator is None:
        return found, {}
    task = envelope.request.metadata.get("task")
    sure = calibrator.probability(found.signals, found.confidence, task, envelope.request.tenant)
    if sure is None:
        return found, {}
    told = {"raw_confidence": found.confidence, "calibrator": calibrator.name}
    return replace(found, confidence=sure), told


def _objection(plan: Plan, attempt: Attempt, found: Findings) -> str | None:
    """What speaks against the answer, in one word; None: nothing does."""
    if found.schema_state == "invalid":
        return "schema"
    if attempt.tier >= len(plan.tiers) - 1 and plan.cut is None:
        return None
    if found.empty:
        return "empty"
    if plan.threshold is None:
        return None
    if found.confidence is None:
        return "no_confidence"
    return "below_threshold" if found.confidence < plan.threshold else None


def _end(envelope: Envelope, plan: Plan, found: Findings) -> dict[str, object]:
    """How the request ends when this answer is not good enough and no further tier is permitted."""
    degrades = plan.on_exhausted == "degrade"
    if found.schema_state != "invalid":
        if degrades:
            return {"status": "answered", "degraded": _why_below(envelope, plan)}
        message = "no permitted tier gave an answer that is sure enough, and the route would rather fail than degrade"
        return _failed("quality_not_reached", message)
    earlier = envelope.verdict
    if degrades and earlier is not None and earlier.schema_state != "invalid":
        # An earlier answer satisfied the schema and was only not sure enough: that one is served, and marked.
        return {"status": "answered", "degraded": _why_below(envelope, plan), "verdict": earlier}
    message = "no tier gave an answer that satisfies the response schema: simplify it, or allow an escalation"
    return _failed("schema_not_satisfied", message)


def _why_below(envelope: Envelope, plan: Plan) -> str:
    """Why an answer is served that is not sure enough, in a word of the API: money, where it took better ones away."""
    last = envelope.attempts[-1]
    if plan.stands_in(last.tier, last.fallback):
        return "budget"
    at_end = last.tier >= len(plan.tiers) - 1
    return plan.cut if at_end and plan.cut is not None else "below_threshold"


def _failed(code: str, message: str) -> dict[str, object]:
    return {"status": "failed", "error": ErrorBody(code=code, message=message)}


def _verdict(plan: Plan, attempt: Attempt, found: Findings, *, accepted: bool) -> Verdict:
    return Verdict.model_construct(
        accepted=accepted,
        attempt=attempt.number,
        confidence=found.confidence,
        threshold=plan.threshold,
        schema_state=found.schema_state,
        repairs=found.repairs,
        problems=found.problems,
        signals=dict(found.signals),
        content=found.content,
        parsed=found.parsed,
    )
