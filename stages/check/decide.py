"""Accept the answer, ask for more about it, go one tier further, or say that there is none. Pure."""

from collections.abc import Mapping
from typing import Final

from pipeline.confidence.explore import explores
from pipeline.contracts import AMISS, Attempt, Envelope, ErrorBody, Plan, Verdict, unsatisfied
from pipeline.contracts.trusted import changed, trusted
from pipeline.ports import Outcome
from stages.check.ended import FILTERED
from stages.check.findings import Findings
from stages.check.looks import Asking, asks_for
from stages.check.rules import Rules
from stages.check.sure import Facts, calibrated

__all__ = ["Findings", "Rules", "candidate_of", "decide"]

_NO_RULES = Rules()
_LACKS: Final = {None: "sure enough", "empty": "not empty", "filtered": "not filtered", "cut_off": "whole"}


def candidate_of(envelope: Envelope) -> Attempt:
    """The answer that is judged: the last one that came, whatever was asked about it afterwards."""
    last = envelope.attempts[-1] if envelope.attempts else None
    if last is not None and last.error is None and last.made_for in ("answer", "repair"):
        return last
    answers = envelope.answers
    return next((made for made in reversed(answers) if made.error is None), answers[-1])


def decide(
    envelope: Envelope, plan: Plan, found: Findings, rules: Rules = _NO_RULES, candidate: Attempt | None = None
) -> Outcome:
    """Judge the last answer of `envelope` by what was found in it.

    With a calibrator the confidence is the probability that it makes of the signals; the facts then have both, and the
    calibrator's name, which tells its content too. An answer of which the caller has read a part stays. `candidate`:
    the answer that is judged, where the caller has looked for it already.
    """
    found, calibration = calibrated(envelope, found, rules)
    candidate = candidate_of(envelope) if candidate is None else candidate
    objection = _objection(plan, candidate, found, rules)
    asking = asks_for(envelope, plan, candidate, found, rules)
    verdict = _verdict(envelope, plan, candidate, found, rules, asking, stays=objection is None)
    facts = {"confidence": found.confidence, "threshold": plan.threshold, "schema": found.schema_state, **calibration}
    if asking.wants is not None:
        reasons = (objection or "grey_zone", asking.asked[-1])
        return Outcome("unsure", reasons, _waits(envelope, candidate, verdict), facts)
    changes: dict[str, object] = {"verdict": verdict, **_settled(envelope)}
    if objection is None:
        share = rules.accept.explore if rules.accept is not None else 0.0
        if _explores(envelope, plan, candidate, share):
            told: Facts = {"explored": share, "stays": True}
            changes["verdict"] = verdict.model_copy(update={"accepted": False, **told})
            return Outcome("rejected", ("explored",), changes, {**facts, **told})
        if plan.stands_in(candidate.tier, candidate.fallback):
            changes["degraded"] = "budget"
        return Outcome("accepted", found.repairs, changes, facts)
    if candidate.tier < envelope.last_tier and not candidate.streamed:
        return Outcome("rejected", (objection,), changes, facts)
    changes |= _end(envelope, plan, candidate, found, rules)
    return Outcome("exhausted", (objection,), changes, facts)


def _waits(envelope: Envelope, candidate: Attempt, verdict: Verdict) -> dict[str, object]:
    """What is added while more is asked for: a verdict about an answer of an earlier tier is kept beside."""
    earlier = _earlier(envelope, candidate)
    kept = {} if earlier is None or earlier is envelope.earlier else {"earlier": earlier}
    return {"verdict": verdict, **kept}


def _settled(envelope: Envelope) -> dict[str, object]:
    """What is taken away once it is decided: the scores said what they had to say, unless the caller wants them."""
    changes: dict[str, object] = {}
    if envelope.request.logprobs is None and any([made.tokens is not None for made in envelope.attempts]):  # noqa: C419
        bare = [changed(made, {"tokens": None}) if made.tokens else made for made in envelope.attempts]
        changes["attempts"] = tuple(bare)
    if envelope.earlier is not None:
        changes["earlier"] = None
    return changes


def _explores(envelope: Envelope, plan: Plan, candidate: Attempt, share: float) -> bool:
    """Whether an answer that would stay is escalated all the same, for the sake of a label."""
    if candidate.streamed or candidate.tool_calls or plan.stands_in(candidate.tier, candidate.fallback):
        return False
    able = candidate.tier == 0 < envelope.last_tier
    return able and plan.signals is not None and explores(envelope.key, plan.signals.draw, share)


def _objection(plan: Plan, candidate: Attempt, found: Findings, rules: Rules) -> str | None:
    """What speaks against the answer, in one word; None: nothing does.

    That it is no whole answer speaks against it at every tier, that it is not sure only where a surer one can be had.
    """
    if found.schema_state == "invalid":
        return "calls" if not set(AMISS.values()).isdisjoint(found.problems) else "schema"
    if found.unfit is not None:
        return found.unfit
    if candidate.tier >= len(plan.tiers) - 1 and plan.cut is None:
        return None
    return None if _by_schema_alone(candidate, found, rules) else _unsure(plan, found)


def _by_schema_alone(candidate: Attempt, found: Findings, rules: Rules) -> bool:
    """Whether these are calls that were offered, hold their schemas, and stay on this route for that."""
    valid = bool(candidate.tool_calls) and found.schema_state in ("valid", "repaired")
    return valid and rules.accept is not None and rules.accept.calls == "valid"


def _unsure(plan: Plan, found: Findings) -> str | None:
    if plan.threshold is None:
        return None
    if found.confidence is None:
        return "no_confidence"
    return "below_threshold" if found.confidence < plan.threshold else None


def _end(envelope: Envelope, plan: Plan, candidate: Attempt, found: Findings, rules: Rules) -> Mapping[str, object]:
    """How the request ends when this answer is not good enough and no further tier is permitted."""
    degrades = plan.on_exhausted == "degrade"
    earlier = _instead(envelope, candidate, found)
    if earlier is not None and (degrades or earlier.stays):
        # An earlier answer is whole and was only not sure enough: that one is served, and marked. One that would have
        # stayed, and was escalated for a label, is what it always was.
        marked = {} if earlier.stays else {"degraded": _why_below(plan, candidate)}
        return {"status": "answered", "verdict": earlier, **marked}
    if found.schema_state != "invalid":
        if degrades or candidate.streamed:
            return {"status": "answered", "degraded": _why_below(plan, candidate, found)}
        lacks = _LACKS[found.unfit]
        message = f"no permitted tier gave an answer that is {lacks}, and the route would rather fail than degrade"
        return _failed("quality_not_reached", message)
    carries = rules.accept is not None and rules.accept.on_invalid == "candidate"
    return _failed("schema_not_satisfied", unsatisfied(found.problems), candidate.text if carries else None)


def _instead(envelope: Envelope, candidate: Attempt, found: Findings) -> Verdict | None:
    """The verdict about an earlier answer that is served in place of this one, if there is one.

    In place of one that breaks the schema or says nothing; and, where only its end is missing, one that would have
    stayed. The caller has read nothing of it.
    """
    earlier = _earlier(envelope, candidate)
    if earlier is None or earlier.schema_state == "invalid" or candidate.streamed:
        return None
    if not (found.schema_state == "invalid" or found.void or (found.unfit is not None and earlier.stays)):
        return None
    made = next((made for made in envelope.attempts if made.number == earlier.attempt), None)
    said = made is not None and ((made.text or "").strip() or made.tool_calls) and made.finish_reason != FILTERED
    return earlier if said else None


def _earlier(envelope: Envelope, candidate: Attempt) -> Verdict | None:
    """The verdict about an answer of an earlier tier, if there is one."""
    verdict = envelope.verdict
    if envelope.earlier is not None or verdict is None:
        return envelope.earlier
    judged = next((made for made in envelope.attempts if made.number == verdict.attempt), None)
    return verdict if judged is not None and judged.tier != candidate.tier else None


def _why_below(plan: Plan, candidate: Attempt, found: Findings | None = None) -> str:
    """Why an answer is served that does not suffice, in a word of the API: money, where it took better ones away.

    `found`: in the candidate, where that is the one that is served.
    """
    if plan.stands_in(candidate.tier, candidate.fallback):
        return "budget"
    at_end = candidate.tier >= len(plan.tiers) - 1
    if at_end and plan.cut is not None:
        return plan.cut
    return "below_threshold" if found is None else found.unfit or "below_threshold"


def _failed(code: str, message: str, text: str | None = None) -> dict[str, object]:
    return {"status": "failed", "error": ErrorBody(code=code, message=message, candidate=text)}


def _verdict(
    envelope: Envelope, plan: Plan, candidate: Attempt, found: Findings, rules: Rules, asking: Asking, *, stays: bool
) -> Verdict:
    before = _earlier(envelope, candidate)
    fields = {
        "accepted": stays and asking.wants is None,
        "attempt": candidate.number,
        "confidence": found.confidence,
        "threshold": plan.threshold,
        "schema_state": found.schema_state,
        "repairs": found.repairs,
        "problems": found.problems,
        "signals": dict(found.signals),
        "wants": asking.wants,
        "asked": asking.asked,
        "calibrator": rules.calibrator.name if rules.calibrator is not None else None,
        "content": found.content,
        "parsed": found.parsed,
        "tool_calls": found.tool_calls,
        "explored": before.explored if before is not None else None,
        "stays": before is not None and before.stays,
        "drafted": _drafted(before, found) if before is not None else {},
    }
    return trusted(Verdict, fields)


def _drafted(before: Verdict, found: Findings) -> dict[str, float | None]:
    """The signals of the first answer, and how far the one after it agrees with it."""
    return before.drafted or {**before.signals, "agrees_with_next": found.agrees}
