"""Whether somebody takes the work of each lane: workers may serve one of them alone."""

from typing import Final

from pipeline.batch.served import is_served
from pipeline.contracts import Lane
from pipeline.embedded.doctor.finding import Finding, attention, good, problem
from pipeline.errors import StepwellError
from pipeline.settings import Settings
from pipeline.topology import LANES
from pipeline.transport.nats import connect

__all__ = ["lanes"]

_WITHOUT: Final[dict[Lane, str]] = {
    "interactive": "no worker takes the work of the interactive lane, so callers are turned away (no_worker)",
    "batch": "no worker takes the work of the batch lane, so batches wait",
}
_ADVICE: Final[dict[Lane, str]] = {
    "interactive": "start a worker: stepwell worker, or stepwell worker --lanes interactive",
    "batch": "start a worker: stepwell worker --lanes batch",
}


async def lanes(settings: Settings) -> tuple[Finding, ...]:
    """Each lane has somebody who asks for its work. Nothing is said where that cannot be known: others say why."""
    try:
        link = await connect(settings, name="doctor")
        try:
            served = {lane: await is_served(link, lane) for lane in LANES}
        finally:
            await link.close()
    except StepwellError:
        return ()
    missing = [lane for lane, taken in served.items() if taken is False]
    if len(missing) == len(LANES):
        return (problem("lanes", "no worker takes any work", _ADVICE["interactive"]),)
    if missing:
        return (attention("lanes", _WITHOUT[missing[0]], _ADVICE[missing[0]]),)
    return (good("lanes", "workers take the work of both lanes"),) if all(served.values()) else ()
