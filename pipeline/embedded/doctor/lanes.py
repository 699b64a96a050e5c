"""Whether somebody takes the work of each lane: workers may serve one of them alone."""

from typing import Final

import orjson

from pipeline.contracts import Lane
from pipeline.embedded.doctor.finding import Finding, attention, good, problem
from pipeline.errors import StepwellError
from pipeline.layout import STEPS
from pipeline.ports import Link
from pipeline.settings import Settings
from pipeline.topology import FIRST, LANES, consumer_name
from pipeline.transport.nats import connect

__all__ = ["lanes"]

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
        sentence = f"no worker takes the work of the {missing[0]} lane, so it waits"
        return (attention("lanes", sentence, _ADVICE[missing[0]]),)
    return (good("lanes", "workers take the work of both lanes"),) if all(served.values()) else ()


async def is_served(link: Link, lane: Lane) -> bool | None:
    """Whether somebody asks for the work of the first stage, or has some in hand; None: its queue is not there."""
    conversation = await link.converse(f"$JS.API.CONSUMER.INFO.{STEPS}.{consumer_name(lane, FIRST)}", b"")
    try:
        answer = await conversation.next(2.0)
    finally:
        conversation.close()
    told = orjson.loads(answer.body) if answer is not None else {}
    return told["num_waiting"] + told["num_ack_pending"] > 0 if "config" in told else None
