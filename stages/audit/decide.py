"""What the reply says, and what the record holds. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from pipeline.contracts import (
    Attempt,
    AttemptRecord,
    CacheHit,
    Chunk,
    Envelope,
    ErrorBody,
    Json,
    Plan,
    Remembered,
    Reply,
    Served,
    Status,
    TokenLogprob,
    ToolCall,
    Usage,
    unsatisfied,
)
from pipeline.contracts.trusted import changed, trusted
from pipeline.policy import Policy
from pipeline.topology import LAST
from stages.audit.counterfactual import counterfactual_usd

__all__ = ["chunks", "conflict", "decide", "leads", "record_fields", "rememberable"]

CHUNK: Final = 200
"""Characters in one piece of an answer that is streamed after it is complete."""


_NOTHING: Final = Usage()
_RECORDED: Final = tuple(name for name in AttemptRecord.model_fields if name != "error_code")
"""What a record tells of an attempt under the name that it has there."""


class _Answer(NamedTuple):
    """The part of a reply that differs between a remembered answer and a fresh one."""

    served: Served
    content: str | None
    parsed: Json
    tool_calls: tuple[ToolCall, ...] | None
    finish_reason: str | None
    confidence: float | None
    reasoning: str | None = None
    logprobs: tuple[TokenLogprob, ...] | None = None
    embeddings: tuple[str, ...] | None = None


def decide(envelope: Envelope, now: float) -> Reply:
    """The reply that ends this request. Its receipt (`audit_*`) is added when the record is durable."""
    answer = _answer(envelope)
    error = envelope.error if answer is None else None
    status: Status = "answered" if answer else "refused" if envelope.status == "refused" else "failed"
    attempts = envelope.attempts
    values: dict[str, object] = {
        "id": envelope.id,
        "tenant": envelope.tenant,
        "status": status,
        "attempts": sum([attempt.calls for attempt in attempts]),
        "escalated": "escalate" in [attempt.stage for attempt in attempts],
        "cache": _cache(envelope),
        "usage": _usage(attempts),
        "cost_usd": _cost(attempts),
        "duration_ms": round(max(0.0, now - envelope.received_at) * 1000, 3),
        "completed_at": now,
        "policy_revision": envelope.policy_revision,
        "fingerprint": envelope.fingerprint,
        "path": tuple([f"{step.stage}:{step.outcome}" for step in envelope.trail if step.stage != LAST]),
        "rates": envelope.plan.rates if envelope.plan else (),
        "provisional": envelope.provisional,
        "error": error or (None if answer else _unexplained(envelope)),
    }
    if answer is not None:
        values |= answer._asdict()
        values["degraded"] = envelope.degraded
        values["remembered"] = _origin(envelope.hit, now)
    return trusted(Reply, values)


def _answer(envelope: Envelope) -> _Answer | None:
    """Where the answer comes from: memory, or the attempt that the verdict speaks of; None: there is none.

    An attempt that was not accepted is an answer only when a stage marked it as degraded.
    """
    if envelope.status in ("refused", "failed"):
        return None
    if envelope.hit is not None:
        return _remembered(envelope)
    verdict, attempt = envelope.verdict, _judged(envelope)
    if verdict is None or attempt is None:
        return None
    content = verdict.content if verdict.content is not None else attempt.text
    served = _served(envelope, attempt.variant, attempt.target, attempt.model, attempt.tier)
    return _Answer(
        served,
        content,
        verdict.parsed,
        verdict.tool_calls or attempt.tool_calls,
        attempt.finish_reason,
        verdict.confidence,
        attempt.reasoning,
        _logprobs(attempt, content) if envelope.request.logprobs is not None else None,
        attempt.embeddings,
    )


def _logprobs(attempt: Attempt, content: str | None) -> tuple[TokenLogprob, ...] | None:
    """The scored tokens of the answer as the model gave it; None where its caller has another text than that.

    Where something was masked or put back, tokens of the model are none of the answer's, and the alternatives might
    even tell what was hidden.
    """
    changed = bool(attempt.found) or any(each.action != "omit" for each in attempt.shielded)
    if attempt.tokens is None or changed or not content or content != attempt.text:
        return None
    return attempt.tokens


def _judged(envelope: Envelope) -> Attempt | None:
    """The attempt that the verdict lets be the answer; None: it lets none."""
    verdict = envelope.verdict
    if verdict is None or not (verdict.accepted or envelope.degraded or envelope.status == "answered"):
        return None
    attempt = next((made for made in reversed(envelope.attempts) if made.number == verdict.attempt), None)
    return attempt if attempt is not None and attempt.error is None else None


def _remembered(envelope: Envelope) -> _Answer | None:
    hit, plan = envelope.hit, envelope.plan
    if hit is None:
        return None
    names = [tier.variant for tier in plan.tiers] if plan else []
    tier = names.index(hit.variant) if hit.variant in names else 0
    served = _served(envelope, hit.variant, hit.target, hit.model, tier)
    return _Answer(served, hit.content, hit.parsed, hit.tool_calls, hit.finish_reason, hit.confidence)


def _served(envelope: Envelope, variant: str, target: str, model: str, tier: int) -> Served:
    plan = envelope.plan
    values = {
        "route": plan.route if plan else variant,
        "variant": variant,
        "target": target,
        "model": model,
        "tier": tier,
        "tiers": len(plan.tiers) if plan else 1,
    }
    return trusted(Served, values)


def _unexplained(envelope: Envelope) -> ErrorBody:
    """Why there is no answer, when no stage said so: the last attempt's own error, or that none was acceptable."""
    last = envelope.answers[-1] if envelope.answers else None
    if last is not None and last.error is not None:
        return last.error
    if envelope.verdict is not None and envelope.verdict.schema_state == "invalid":
        return ErrorBody(code="schema_not_satisfied", message=unsatisfied(envelope.verdict.problems))
    return ErrorBody(code="target_unavailable", message="no model gave an answer that the policy accepts")


def _cache(envelope: Envelope) -> Literal["hit", "miss", "off"]:
    if envelope.hit is not None:
        return "hit"
    asked = "recall" in [step.stage for step in envelope.trail]
    off = envelope.plan is None or not envelope.plan.cacheable
    return "miss" if asked and not off else "off"


def _origin(hit: CacheHit | None, now: float) -> Remembered | None:
    """Which answer was served again."""
    if hit is None:
        return None
    age_s = round(max(0.0, now - hit.stored_at), 3)
    values = {"kind": hit.kind, "age_s": age_s, "similarity": hit.similarity, "guard": hit.guard}
    return trusted(Remembered, {"request_id": hit.request_id, **values})


def _usage(attempts: Sequence[Attempt]) -> Usage:
    if not attempts:
        return _NOTHING
    first, *others = [attempt.usage for attempt in attempts]
    return sum(others, first)


def _cost(attempts: Sequence[Attempt]) -> float | None:
    """US dollars for all attempts; None when one price is unknown, because a partial sum would pass for the whole."""
    costs = [attempt.cost_usd for attempt in attempts]
    known = [cost for cost in costs if cost is not None]
    return sum(known, 0.0) if len(known) == len(costs) else None


def conflict(envelope: Envelope, now: float) -> Reply:
    """The reply to a request whose id stands for another one. It shows nothing of that other one."""
    message = f"the request id {envelope.id} was used before with other content: send a new id"
    error = ErrorBody(code="idempotency_conflict", message=message, param="id")
    ended = {"status": "failed", "error": error, "hit": None, "verdict": None, "provisional": False}
    return decide(changed(envelope, ended), now)


def rememberable(envelope: Envelope, reply: Reply) -> bool:
    """Whether a later request may be served this answer: fresh, accepted, undegraded, and permitted to be kept."""
    return (
        reply.status == "answered"
        and reply.cache != "hit"
        and reply.degraded is None
        and envelope.verdict is not None
        and envelope.verdict.accepted
        and envelope.plan is not None
        and envelope.plan.cacheable
    )


def leads(envelope: Envelope) -> bool:
    """Whether others wait for the answer to this request, since it took the lease to make it."""
    return any(step.stage == "recall" and step.facts.get("flight") == "leads" for step in envelope.trail)


def chunks(text: str, size: int = CHUNK, reasoning: str | None = None) -> Iterator[Chunk]:
    """The reasoning in one piece, if there is any, and the text in pieces of `size` characters; numbered from 0."""
    if reasoning:
        yield Chunk.model_construct(seq=0, text="", reasoning=reasoning)
    for seq, start in enumerate(range(0, len(text), size), 1 if reasoning else 0):
        yield Chunk.model_construct(seq=seq, text=text[start : start + size])


# ------------------------------------------------------------ the record


def record_fields(envelope: Envelope, reply: Reply, policy: Policy | None = None) -> Mapping[str, object]:
    """The fields of the audit record: who asked, what was found, decided, paid and answered. Never text.

    `policy` is the one that the request was planned under, for what the request would have cost; None: not known.
    """
    found, verdict = envelope.classification, envelope.verdict
    return {
        "version": "1.0",
        "kind": "decision",
        "at": reply.completed_at,
        "tenant": reply.tenant,
        "request_id": reply.id,
        "fingerprint": reply.fingerprint,
        "lane": envelope.lane,
        "inputs": len(envelope.request.embed.texts) if envelope.request.embed is not None else None,
        "status": reply.status,
        "error": _without_text(reply.error),
        "degraded": reply.degraded,
        "served": reply.served,
        "cache": reply.cache,
        "remembered": reply.remembered,
        "origin": found.origin if found else None,
        "data_class": found.data_class if found else None,
        "scan": found.scan if found else None,
        "findings": found.findings if found else (),
        "residency": found.residency if found else (),
        **_planned(envelope.plan),
        "confidence": reply.confidence,
        "threshold": verdict.threshold if verdict else None,
        "signals": verdict.signals if verdict else {},
        **_judgement(envelope),
        "attempts": [_attempt(attempt) for attempt in envelope.attempts],
        "usage": reply.usage,
        "cost_usd": reply.cost_usd,
        "counterfactual_usd": _counterfactual(envelope, reply, policy),
        "policy_revision": reply.policy_revision,
        "received_at": envelope.received_at,
        "deadline_at": envelope.deadline_at,
        "trail": envelope.trail,
    }


def _without_text(error: ErrorBody | None) -> ErrorBody | None:
    """The error as a record may hold it."""
    return error if error is None or error.candidate is None else error.model_copy(update={"candidate": None})


def _judgement(envelope: Envelope) -> Mapping[str, object]:
    """What made the confidence, the signals of the first tier's answer, and whether it was escalated for a label."""
    verdict = envelope.verdict
    if verdict is None:
        return {}
    judged = next((made for made in envelope.attempts if made.number == verdict.attempt), None)
    first = judged is not None and judged.tier == 0
    return {
        "drafted": verdict.drafted or (verdict.signals if first else {}),
        "calibrator": verdict.calibrator,
        "explored": verdict.explored,
        "stays": verdict.stays,
    }


def _planned(plan: Plan | None) -> Mapping[str, object]:
    """What planning saw and decided; of a request that it refused, what it saw."""
    if plan is None:
        return {}
    return {
        "excluded": plan.excluded,
        "propensities": {tier.variant: tier.propensity for tier in plan.tiers},
        "weights_version": max((tier.weights_version for tier in plan.tiers), default=0),
        "skipped": plan.skipped,
        "signals_seen": plan.signals,
        "snapshot": plan.snapshot,
        "chose": plan.chose,
    }


def _counterfactual(envelope: Envelope, reply: Reply, policy: Policy | None) -> float | None:
    """What an answered request would have cost without the stairs; what was not answered has no such cost."""
    if reply.status != "answered":
        return None
    return counterfactual_usd(envelope, policy, None if envelope.hit is not None else _judged(envelope))


def _attempt(attempt: Attempt) -> AttemptRecord:
    known = attempt.__dict__
    values = {name: known[name] for name in _RECORDED}
    values["error_code"] = attempt.error.code if attempt.error else None
    return trusted(AttemptRecord, values)
