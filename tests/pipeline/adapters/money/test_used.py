"""What a request really used is told to the rates of tokens when it has ended."""

import asyncio
from collections.abc import Sequence
from typing import cast

from fakes_stages import attempt, envelope, plan

from pipeline.adapters.money.used import UsedTokens, more_than_counted
from pipeline.contracts import Metered, Reply, Usage
from pipeline.ports import RateCheck, RateVerdict

RATE = Metered(rate="minute", scope="tenant=acme", tokens=30)
REPLY = cast("Reply", None)


class Meter:
    def __init__(self) -> None:
        self.settled: list[tuple[str, tuple[RateCheck, ...]]] = []

    async def hit(self, request: str, checks: Sequence[RateCheck]) -> RateVerdict:
        raise AssertionError

    async def settle(self, request: str, checks: Sequence[RateCheck]) -> None:
        self.settled.append((request, tuple(checks)))


async def told(*used: int, metered: tuple[Metered, ...] = (RATE,)) -> list[tuple[str, tuple[RateCheck, ...]]]:
    meter = Meter()
    made = [
        attempt(n, usage=Usage(input_tokens=10, output_tokens=tokens - 10)) for n, tokens in enumerate(used, start=1)
    ]
    UsedTokens(meter).finished(envelope(*made, tiers=plan(2, metered=metered)), REPLY)
    await asyncio.sleep(0)
    return meter.settled


async def test_the_tokens_of_all_attempts_less_those_counted_are_settled() -> None:
    ((_, checks),) = await told(40, 60)
    assert checks == (RateCheck("minute", "tenant=acme", 70),)


async def test_nothing_is_told_where_no_more_was_used_or_nothing_is_metered() -> None:
    assert await told(30) == []
    assert await told() == []
    assert await told(100, metered=()) == []


def test_each_rate_is_told_what_it_was_not_counted_for() -> None:
    other = Metered(rate="day", scope="all", tokens=100)
    assert list(more_than_counted((RATE, other), 90)) == [RateCheck("minute", "tenant=acme", 60)]
