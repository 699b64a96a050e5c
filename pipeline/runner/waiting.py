"""How long a message waits before it is tried again, or a request before its turn; and the step that says it waits."""

from typing import Final

from pipeline.contracts import Envelope, StageName, Step
from pipeline.errors import StepwellError
from pipeline.ports import Random
from pipeline.runner.endings import error_body
from pipeline.topology import AT_PROVIDER, POSTPONED

__all__ = ["as_waiting", "before_retry", "before_turn", "waiting_id"]

RETRY_DELAYS_S: Final = (0.2, 1.0, 5.0, 15.0)
"""Pause before the second, third … delivery of a message whose stage raised; jittered to half as much again."""
POSTPONE_S: Final = 1.0
"""How long a postponed request waits whose error names no pause; a tenth of it at least, whatever the error names."""
SPREAD_S: Final = 1.0
"""Over how long those are spread that wait for the same moment, for instance the end of a budget's window."""


def before_retry(delivered: int, error: Exception, random: Random) -> float:
    """Seconds until a message is delivered again whose stage raised `error` on this delivery."""
    named = _named(error)
    if named is not None:
        return named
    base = RETRY_DELAYS_S[min(delivered, len(RETRY_DELAYS_S)) - 1]
    return base * (1.0 + 0.5 * random.random())


def before_turn(error: Exception, random: Random) -> float:
    """Seconds until a request that `error` postponed has its next turn."""
    named = _named(error)
    pause = max(POSTPONE_S if named is None else named, POSTPONE_S / 10)
    return pause + random.random() * min(SPREAD_S, pause)


def as_waiting(
    envelope: Envelope, stage: StageName, error: Exception, now: float, until: float, worker: str
) -> Envelope:
    """The envelope as it waits. Waiting again adds no step to the trail: however often, it stays one."""
    told = envelope.trail
    before = told[-1] if told and (told[-1].stage, told[-1].outcome) == (stage, POSTPONED) else None
    since = before.at if before else now
    body = error_body(error)
    step = Step.model_construct(
        stage=stage,
        outcome=POSTPONED,
        reasons=(body.code, body.rule) if body.rule else (body.code,),
        facts={"times": int(before.facts.get("times") or 0) + 1 if before else 1, "until": round(until, 3)},
        at=since,
        duration_ms=round((until - since) * 1000, 3),
        worker=worker,
    )
    return envelope.model_copy(update={"trail": (*(told[:-1] if before else told), step)})


def waiting_id(envelope: Envelope, error: Exception) -> str:
    """The id under which a waiting envelope is stored: one for each time that it waits."""
    message_id = f"{envelope.key}.{len(envelope.trail)}.{envelope.trail[-1].facts['times']}"
    if getattr(error, "rule", None) == AT_PROVIDER:
        message_id += f".{AT_PROVIDER}"  # so that its subject alone tells what it waits for
    return message_id


def _named(error: Exception) -> float | None:
    return error.retry_after_s if isinstance(error, StepwellError) else None
