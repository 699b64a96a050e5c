"""A target that hangs longer than its callers wait, over real HTTP. The clock moves by what a call seems to wait."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from pipeline.adapters.models.breaker import State
from pipeline.errors import Cancelled, TargetTimeout, TargetUnavailable
from pipeline.policy.models import Breaker, Retry
from pipeline.ports import Completion

ONE_TRY = Retry(tries=1)
RULES = Breaker(streak=5, silence=1.0, open=10.0, probes=2)
DEADLINE_S = 0.04
WORD = b'data: {"choices":[{"delta":{"content":"hi"}}]}\n\n'
END = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
PLAIN = b'{"model":"m","choices":[{"message":{"content":"fine"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}'
STREAMED = {"timeouts": {"first_token": 30.0}}


@dataclass
class Moody:
    """An endpoint that does as it is told, and moves the clock by what that takes.

    Attributes:
        mood: `answers`, `hangs`, `opens` (a stream without a word, then nothing), or `stalls` (a word, then nothing).
        takes_s: what the clock moves by.
    """

    mood: str = "answers"
    takes_s: float = 0.2
    calls: int = 0
    moves: Callable[[float], None] = field(default=lambda _: None)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.calls += 1
        wants = await request.json()
        self.moves(self.takes_s)
        if self.mood == "hangs":
            await asyncio.sleep(3600)
        if not wants.get("stream"):
            return web.Response(body=PLAIN, content_type="application/json")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        if self.mood == "opens":
            await response.write(b': ping\n\ndata: {"choices":[{"delta":{"role":"assistant"}}]}\n\n')
            await asyncio.sleep(3600)
        await response.write(WORD)
        if self.mood == "stalls":
            await asyncio.sleep(3600)
        await response.write(END)
        return response


@dataclass
class Bench:
    """A client in front of one such target."""

    desk: object
    target: Moody
    number: int = 0

    async def ask(self, tenant: str = "acme", *, deadline_s: float = DEADLINE_S, **others: object) -> Completion:
        self.number += 1
        spec = others.pop("spec", STREAMED)
        call = self.desk.call("m", spec=spec, idempotency_key=f"k{self.number}", deadline_s=deadline_s)
        object.__setattr__(call, "tenant", tenant)
        for name, value in others.items():
            object.__setattr__(call, name, value)
        return await self.desk.client.complete(call)

    async def answers(self, count: int, *tenants: str, **others: object) -> None:
        self.target.mood, self.target.takes_s = "answers", 0.2
        for number in range(count):
            await self.ask((tenants or ("acme", "bolt"))[number % len(tenants or "ab")], deadline_s=5.0, **others)

    async def waits(self, *tenants: str, seconds: float = 3.0, mood: str = "hangs", **others: object) -> None:
        """One call of each of them that runs out of its caller's time, which was so many seconds."""
        self.target.mood, self.target.takes_s = mood, seconds
        for tenant in tenants:
            with pytest.raises(TargetTimeout, match="the deadline"):
                await self.ask(tenant, **others)

    @property
    def shut(self) -> bool:
        return not self.desk.client.healthy("m")


@pytest.fixture
async def bench(desks, serve: Callable[..., Awaitable[str]]) -> AsyncIterator[Bench]:
    target = Moody()
    desk = desks(ONE_TRY, RULES, url=await serve(target.handle))

    def moves(seconds: float) -> None:
        desk.clock.time += seconds

    target.moves = moves
    return Bench(desk, target)


FIVE = ("acme", "bolt", "acme", "bolt", "acme")


@pytest.mark.parametrize("mood", ["hangs", "opens"])
@pytest.mark.parametrize("known", [0, 40])
async def test_calls_without_a_word_leave_the_target_alone(bench: Bench, mood: str, known: int) -> None:
    await bench.answers(known)
    await bench.waits(*FIVE[:-1], mood=mood)
    assert not bench.shut
    await bench.waits(FIVE[-1], mood=mood)
    assert bench.shut
    with pytest.raises(TargetUnavailable, match="left alone"):
        await bench.ask()
    assert bench.target.calls == known + len(FIVE)


async def test_calls_that_are_answered_in_one_piece_are_seen_to_hang_too(bench: Bench) -> None:
    await bench.answers(20, spec={})
    await bench.waits(*FIVE, spec={})
    assert bench.shut


async def test_short_deadlines_say_nothing(bench: Bench) -> None:
    await bench.answers(20)
    await bench.waits(*FIVE * 2, seconds=0.05)
    assert not bench.shut


async def test_an_answer_that_began_and_stops_is_no_silence(bench: Bench) -> None:
    await bench.waits(*FIVE * 2, mood="stalls")
    assert not bench.shut


async def test_a_caller_who_leaves_says_nothing(bench: Bench) -> None:
    bench.target.mood, bench.target.takes_s = "hangs", 30.0
    for number in range(10):
        task = asyncio.create_task(bench.ask(FIVE[number % 5], deadline_s=5.0))
        while bench.target.calls <= number:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert not bench.shut


async def test_a_caller_who_wants_no_more_says_nothing(bench: Bench) -> None:
    async def leaves(_: str) -> bool:
        return False

    bench.target.takes_s = 30.0
    for number in range(10):
        call = bench.desk.call("m", idempotency_key=f"gone{number}")
        with pytest.raises(Cancelled):
            await bench.desk.client.complete(call, leaves)
    assert not bench.shut


async def test_one_of_them_that_is_answered_ends_the_suspicion(bench: Bench) -> None:
    await bench.answers(40)
    for _ in range(3):
        await bench.waits(*FIVE[:-1])
        await bench.answers(12)
    assert not bench.shut


async def test_a_tenant_alone_has_to_wait_twice_as_often(bench: Bench) -> None:
    await bench.answers(20, "acme", "bolt")
    await bench.waits(*["acme"] * 9)
    assert not bench.shut
    await bench.waits("acme")
    assert bench.shut


async def test_it_is_tried_by_one_probe_at_a_time_and_comes_back_with_its_answers(bench: Bench) -> None:
    await bench.answers(20)
    await bench.waits(*FIVE)
    bench.desk.clock.time += 13.0
    await bench.waits("bolt")
    assert bench.shut, "a probe that gets no word either"
    bench.desk.clock.time += 26.0
    await bench.answers(2)
    endpoint = bench.desk.client._endpoints["m"]
    assert endpoint.breaker.state is State.CLOSED
    assert not bench.shut


async def test_a_probe_without_time_does_not_prolong_it(bench: Bench) -> None:
    await bench.waits(*FIVE)
    bench.desk.clock.time += 13.0
    await bench.waits("bolt", "bolt", seconds=0.05)
    assert not bench.shut
    await bench.answers(2)


async def test_what_is_concluded_is_shared_with_other_workers(bench: Bench) -> None:
    await bench.waits(*FIVE)
    sight = bench.desk.client.sights()["m"]
    assert sight.open_until > sight.opened_at > 0.0
    assert sight.level == 1


# ---------------------------------------------------------------- time for another target


@pytest.mark.parametrize("spec", [STREAMED, {}], ids=["streamed", "whole"])
async def test_what_is_overdue_gives_way(bench: Bench, spec: dict) -> None:
    await bench.answers(20, spec=spec)
    bench.target.mood = "hangs"
    with pytest.raises(TargetTimeout, match=r"longer than 0\.\d+ s for (the first token|its answer)"):
        await bench.ask(spec=spec, deadline_s=30.0, gives_way_s=0.5)


async def test_what_is_overdue_is_a_silence_like_any_other(bench: Bench) -> None:
    await bench.answers(20)
    bench.target.mood, bench.target.takes_s = "hangs", 3.0
    for tenant in FIVE:
        with pytest.raises(TargetTimeout, match="the first token"):
            await bench.ask(tenant, deadline_s=30.0, gives_way_s=0.25)
    assert bench.shut


async def test_of_a_target_that_is_not_known_no_call_gives_way(bench: Bench) -> None:
    await bench.answers(5)
    await bench.waits("acme", gives_way_s=0.01)


async def test_what_is_usually_slower_does_not_give_way(bench: Bench) -> None:
    await bench.answers(20)
    await bench.waits("acme", gives_way_s=0.02)


async def test_an_answer_that_began_does_not_give_way(bench: Bench) -> None:
    await bench.answers(20)
    await bench.waits("acme", mood="stalls", deadline_s=0.5, gives_way_s=0.3)


async def test_a_probe_has_all_the_time(bench: Bench) -> None:
    await bench.answers(20)
    await bench.waits(*FIVE)
    bench.desk.clock.time += 13.0
    await bench.waits("acme", deadline_s=0.5, gives_way_s=0.3)
