"""Whether a worker takes the work of a lane: there may be workers of the other one alone."""

import asyncio
from typing import Final

import orjson

from pipeline.contracts import Lane
from pipeline.layout import STEPS
from pipeline.ports import Link
from pipeline.topology import FIRST, consumer_name

__all__ = ["is_served"]

LOOKS: Final = 3
BETWEEN_S: Final = 0.2


async def is_served(link: Link, lane: Lane) -> bool | None:
    """Whether somebody asks for the work of the first stage, or has some in hand; None: its queue is not there.

    Between two questions of a worker there are moments without one, so it is looked for more than once.
    """
    served = await _look(link, lane)
    for _ in range(LOOKS - 1):
        if served is not False:
            break
        await asyncio.sleep(BETWEEN_S)
        served = await _look(link, lane)
    return served


async def _look(link: Link, lane: Lane) -> bool | None:
    conversation = await link.converse(f"$JS.API.CONSUMER.INFO.{STEPS}.{consumer_name(lane, FIRST)}", b"")
    try:
        answer = await conversation.next(2.0)
    finally:
        conversation.close()
    told = orjson.loads(answer.body) if answer is not None else {}
    return told["num_waiting"] + told["num_ack_pending"] > 0 if "config" in told else None
