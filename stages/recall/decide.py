"""Whether the request is answered from memory. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from pipeline.confidence.weigh import said_by
from pipeline.contracts import Attempt, CacheHit, Envelope
from pipeline.likeness import BUILTIN, best
from pipeline.policy.guards import Guard
from pipeline.policy.models import CachePolicy, Verifier
from pipeline.ports import Made, Outcome

__all__ = [
    "DEFAULT",
    "Chosen",
    "Verified",
    "choose",
    "decide",
    "no_vector",
    "not_verified",
    "objection_to",
    "of_vector",
    "verified",
    "why_not",
    "with_vector",
]

DEFAULT: Final = CachePolicy()
"""What holds where the route is not known any more."""

Facts = Mapping[str, str | float | int | bool | None]


class Chosen(NamedTuple):
    """Which candidate means the same, and what the trail says of the comparison; no word of either question."""

    place: int | None
    facts: Facts


def why_not(envelope: Envelope, rules: CachePolicy = DEFAULT) -> str | None:
    """Why memory is not asked at all; None: it is.

    `refresh` asks for a fresh answer, which is then remembered in place of the old one. A wish that the route does not
    grant is passed over.
    """
    if envelope.plan is None or not envelope.plan.cacheable:
        return "not_cacheable"
    wish = envelope.request.cache
    granted = {"refresh": "no-cache", "off": "no-store"}.get(wish)
    return f"cache_{wish}" if granted in rules.callers_may else None


def choose(question: str, candidates: Sequence[tuple[str, float]], guard: Guard | None = None) -> Chosen:
    """The candidate whose answer is an answer to this question too.

    Args:
        question: the last question of the request.
        candidates: remembered questions with their similarities.
        guard: the learned one of the route; None: the one that comes along.
    """
    place, verdict = best(question, candidates, weights=BUILTIN if guard is None else guard.weights)
    facts: dict[str, str | float | int | bool | None] = {"candidates": len(candidates)}
    if candidates:
        facts["similarity"] = round(max(similarity for _, similarity in candidates), 4)
        facts["sameness"] = round(verdict.confidence, 3)
    if guard is not None:
        facts["guard"] = guard.name
    if verdict.objections:
        facts["objections"] = ",".join(verdict.objections)
    return Chosen(place, facts)


class Verified(NamedTuple):
    """Whether a model lets the remembered answer through, and what the trail says of it."""

    passes: bool
    facts: Facts


def verified(verifier: Verifier, made: Made) -> Verified:
    """What follows from asking whether both questions have the same answer: only a clear yes lets it through."""
    attempt = made.last
    if attempt is None:
        return not_verified(verifier, _why_not_asked(made))
    facts: dict[str, str | float | int | bool | None] = {"made_for": attempt.made_for, "made": len(made.attempts)}
    facts["cost_usd"] = attempt.cost_usd
    if attempt.replayed:
        facts["replayed"] = True
    said = said_by(attempt)
    if said is None:
        why = f"failed:{attempt.error.code}" if attempt.error is not None else "unclear"
        return not_verified(verifier, why, facts)
    facts["verified"] = round(said, 4)
    if said < verifier.above:
        return not_verified(verifier, "said_no", facts)
    return Verified(True, {**facts, "verifier": verifier.variant})


def not_verified(verifier: Verifier, why: str, facts: Facts | None = None) -> Verified:
    """The remembered answer is not served, and why."""
    return Verified(False, {**(facts or {}), "verifier": verifier.variant, "not_verified": why})


def no_vector(embedder: str, why: str) -> Facts:
    """What the trail says where a target made no vector of the question, so that nothing was compared."""
    return {"likeness": "no_vector", "embedder": embedder, "no_vector": why}


def of_vector(embedder: str, made: Made, *, used: bool) -> Facts:
    """What the trail says of a vector that a target was asked for."""
    attempt = made.last
    if attempt is None:
        return no_vector(embedder, _why_not_asked(made))
    facts: dict[str, str | float | int | bool | None] = {"made_for": attempt.made_for, "made": len(made.attempts)}
    facts |= {"embedder": embedder, "cost_usd": attempt.cost_usd}
    if used:
        return facts
    why = f"failed:{attempt.error.code}" if attempt.error is not None else "unfit"
    return {**no_vector(embedder, why), **facts}


def with_vector(vector: Facts, compared: Facts) -> Facts:
    """What the trail says of a comparison and of the vector it went by: calls and costs of both together."""
    calls = (vector.get("made"), compared.get("made"))
    facts = {**vector, **compared, "made": sum(int(count) for count in calls if count is not None)}
    costs = [said["cost_usd"] for said in (vector, compared) if "cost_usd" in said]
    known = [float(cost) for cost in costs if cost is not None]
    return {**facts, "cost_usd": sum(known) if len(known) == len(costs) else None}


def _why_not_asked(made: Made) -> str:
    if made.denial is not None:
        return "not_paid"
    return "no_time" if made.out_of_time else "not_permitted"


def decide(
    envelope: Envelope,
    hit: CacheHit | None,
    reason: str | None,
    now: float,
    rules: CachePolicy = DEFAULT,
    seen: Facts | None = None,
    made: Sequence[Attempt] = (),
) -> Outcome:
    """`hit` with the remembered answer, or `miss` with the reason.

    An answer below the confidence that this request asks for is no answer to it, and neither is one that is older than
    it wants, or of a question less alike.

    Args:
        envelope: the request.
        hit: what memory says.
        reason: why it says nothing.
        now: Unix time.
        rules: of the route.
        seen: for the trail: what was compared, and whether this request makes the answer that others wait for.
        made: who was asked about the remembered question. Whatever follows, it was paid.
    """
    changes: dict[str, object] = {"attempts": (*envelope.attempts, *made)} if made else {}
    stopped = next((one.error for one in made if one.error is not None and one.error.code == "cancelled"), None)
    if stopped is not None:
        return Outcome("cancelled", ("cancelled",), {**changes, "status": "failed", "error": stopped}, seen or {})
    objection = (reason or "absent") if hit is None else objection_to(envelope, hit, now, rules)
    if hit is None or objection is not None:
        why = objection or "absent"
        return Outcome("miss", (why,), changes, {"reason": why, **(seen or {})})
    age_s = _age_s(hit, now)
    facts: dict[str, str | float | int | bool | None] = {"age_s": age_s, "variant": hit.variant, "from": hit.request_id}
    told = {**facts, "kind": hit.kind, **(seen or {})}
    return Outcome("hit", ("remembered",), {**changes, "hit": hit, "status": "answered"}, told)


def _age_s(hit: CacheHit, now: float) -> float:
    return round(max(0.0, now - hit.stored_at), 3)


def objection_to(envelope: Envelope, hit: CacheHit, now: float, rules: CachePolicy = DEFAULT) -> str | None:
    """Why a remembered answer is none to this request, as far as it can be said without comparing questions."""
    request, age_s = envelope.request, _age_s(hit, now)
    if request.quality_floor is not None and (hit.confidence is None or hit.confidence < request.quality_floor):
        return "below_threshold"
    if request.cache_max_age_s is not None and "max-age" in rules.callers_may and age_s > request.cache_max_age_s:
        return "too_old"
    if hit.similarity is not None and hit.similarity < (request.cache_similarity or 0.0):
        return "not_alike"
    return None
