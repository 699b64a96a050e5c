"""Whether vectors are what was asked for: as many as texts, as long as they have to be, of finite numbers. Pure."""

from collections.abc import Mapping
from typing import Final

from pipeline.contracts import Attempt, Embed, Envelope, ErrorBody, Verdict
from pipeline.contracts.vectors import broken, count_of
from pipeline.ports import Outcome

__all__ = ["decide_vectors", "fault_of"]

_CODE: Final = "target_unavailable"


def decide_vectors(envelope: Envelope, embed: Embed, made: Attempt, usual: int | None) -> Outcome:
    """Accept vectors, or ask the next tier for better ones; nobody is served a part of them.

    Args:
        envelope: the request.
        embed: what it asks for.
        made: the attempt that brought them.
        usual: how many numbers a vector of that target has; None: nobody said so.
    """
    fault = fault_of(made.embeddings or (), embed, usual)
    verdict = Verdict(accepted=fault is None, attempt=made.number, problems=(fault,) if fault is not None else ())
    changes: dict[str, object] = {"verdict": verdict}
    facts: dict[str, str | float | int | bool | None] = {"inputs": len(embed.texts)}
    if fault is None:
        if envelope.plan is not None and envelope.plan.stands_in(made.tier, made.fallback):
            changes["degraded"] = "budget"
        return Outcome("accepted", (), changes, {**facts, "dimensions": count_of((made.embeddings or ("",))[0])})
    message = f"target {made.target} sent {fault}: see its model and vectors.dimensions in the policy"
    error = ErrorBody(code=_CODE, message=message)
    # A call that brought nothing of use is one that failed, and what it brought is not carried on.
    spoilt = {"embeddings": None, "error": error}
    changes["attempts"] = tuple([_but(each, made, spoilt) for each in envelope.attempts])
    if made.tier < envelope.last_tier:
        return Outcome("rejected", ("vectors",), changes, facts)
    return Outcome("exhausted", ("vectors",), {**changes, "status": "failed", "error": error}, facts)


def _but(each: Attempt, made: Attempt, changed: Mapping[str, object]) -> Attempt:
    return each.model_copy(update=changed) if each.number == made.number else each


def fault_of(rows: tuple[str, ...], embed: Embed, usual: int | None) -> str | None:
    """What is wrong with vectors, as the end of a sentence; None: nothing is."""
    if len(rows) != len(embed.texts):
        return f"{len(rows)} vectors for {len(embed.texts)} texts"
    wanted = embed.dimensions or usual or count_of(rows[0])
    odd = next((count_of(row) for row in rows if count_of(row) != wanted), None)
    if odd is not None:
        return f"a vector of {odd} numbers where it should have {wanted}"
    if any(map(broken, rows)):
        return "a vector that is none, or holds a number that is not finite"
    return None
