"""Tells the meter of rates, when a request has ended, how many tokens it really used."""

import asyncio
from collections.abc import Iterator

from pipeline.contracts import Envelope, Lane, Metered, Reply, StageName
from pipeline.ports import RateCheck, RateMeter

__all__ = ["UsedTokens", "more_than_counted"]


class UsedTokens:
    """An `Observer` that settles rates of tokens, beside the reply and never in its way."""

    def __init__(self, meter: RateMeter) -> None:
        self._meter = meter
        self._tasks: set[asyncio.Task[None]] = set()

    def finished(self, envelope: Envelope, reply: Reply) -> None:  # noqa: ARG002  the signature of an observer
        """Count what the attempts used beyond what the request was counted for."""
        metered = envelope.plan.metered if envelope.plan is not None else ()
        if not metered or not envelope.attempts:
            return
        used = sum(attempt.usage.input_tokens + attempt.usage.output_tokens for attempt in envelope.attempts)
        checks = tuple(more_than_counted(metered, used))
        if checks:
            task = asyncio.create_task(self._meter.settle(envelope.key, checks))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def step(self, stage: StageName, outcome: str, lane: Lane, seconds: float) -> None:
        """Nothing is counted by stage."""

    def trouble(self, stage: StageName, action: str, code: str) -> None:
        """Nothing is counted for trouble."""


def more_than_counted(metered: tuple[Metered, ...], used: int) -> Iterator[RateCheck]:
    """What each rate was not told yet. What was counted and not used is not given back: it held others off already."""
    for one in metered:
        if used > one.tokens:
            yield RateCheck(one.rate, one.scope, used - one.tokens)
