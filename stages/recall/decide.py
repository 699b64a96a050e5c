"""Whether the request is answered from memory. Pure."""

from pipeline.contracts import CacheHit, Envelope
from pipeline.ports import Outcome

__all__ = ["decide", "why_not"]


def why_not(envelope: Envelope) -> str | None:
    """Why memory is not asked at all; None: it is.

    `refresh` asks for a fresh answer, which is then remembered in place of the old one.
    """
    if envelope.plan is None or not envelope.plan.cacheable:
        return "not_cacheable"
    return None if envelope.request.cache == "use" else f"cache_{envelope.request.cache}"


def decide(envelope: Envelope, hit: CacheHit | None, reason: str | None, now: float) -> Outcome:
    """`hit` with the remembered answer, or `miss` with the reason.

    An answer below the confidence that this request asks for is no answer to it.
    """
    if hit is None:
        return _miss(reason)
    if not _sure_enough(envelope, hit):
        return _miss("below_threshold")
    age_s = round(max(0.0, now - hit.stored_at), 3)
    facts: dict[str, str | float] = {"age_s": age_s, "variant": hit.variant, "from": hit.request_id}
    return Outcome("hit", ("remembered",), {"hit": hit, "status": "answered"}, facts)


def _miss(reason: str | None) -> Outcome:
    why = reason or "absent"
    return Outcome("miss", (why,), facts={"reason": why})


def _sure_enough(envelope: Envelope, hit: CacheHit) -> bool:
    floor = envelope.request.quality_floor
    return floor is None or (hit.confidence is not None and hit.confidence >= floor)
