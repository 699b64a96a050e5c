"""Whether the request is answered from memory. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from pipeline.contracts import CacheHit, Envelope
from pipeline.likeness import best
from pipeline.policy.models import CachePolicy
from pipeline.ports import Outcome

__all__ = ["DEFAULT", "Chosen", "choose", "decide", "why_not"]

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


def choose(question: str, candidates: Sequence[tuple[str, float]]) -> Chosen:
    """The candidate whose answer is an answer to this question too.

    Args:
        question: the last question of the request.
        candidates: remembered questions with their similarities.
    """
    place, verdict = best(question, candidates)
    facts: dict[str, str | float | int | bool | None] = {"candidates": len(candidates)}
    if candidates:
        facts["similarity"] = round(max(similarity for _, similarity in candidates), 4)
        facts["sameness"] = round(verdict.confidence, 3)
    if verdict.objections:
        facts["objections"] = ",".join(verdict.objections)
    return Chosen(place, facts)


def decide(
    envelope: Envelope,
    hit: CacheHit | None,
    reason: str | None,
    now: float,
    rules: CachePolicy = DEFAULT,
    seen: Facts | None = None,
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
    """
    if hit is None:
        return _miss(reason, seen)
    age_s = round(max(0.0, now - hit.stored_at), 3)
    objection = _objection(envelope, hit, age_s, rules)
    if objection is not None:
        return _miss(objection, seen)
    facts: dict[str, str | float | int | bool | None] = {"age_s": age_s, "variant": hit.variant, "from": hit.request_id}
    told = {**facts, "kind": hit.kind, **(seen or {})}
    return Outcome("hit", ("remembered",), {"hit": hit, "status": "answered"}, told)


def _miss(reason: str | None, seen: Facts | None) -> Outcome:
    why = reason or "absent"
    return Outcome("miss", (why,), facts={"reason": why, **(seen or {})})


def _objection(envelope: Envelope, hit: CacheHit, age_s: float, rules: CachePolicy) -> str | None:
    request = envelope.request
    if request.quality_floor is not None and (hit.confidence is None or hit.confidence < request.quality_floor):
        return "below_threshold"
    if request.cache_max_age_s is not None and "max-age" in rules.callers_may and age_s > request.cache_max_age_s:
        return "too_old"
    if hit.similarity is not None and hit.similarity < (request.cache_similarity or 0.0):
        return "not_alike"
    return None
