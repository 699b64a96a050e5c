"""Museum 11: fail-over also on a 429 without Retry-After; the breaker opens; nobody hammers a dead provider for hours.

agentgateway #1500. And in a storm of failures, all tries together stay within a tenth more than the calls.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from cascade import FakeClock
from fakes_board import FakeSights
from fakes_models import call_of, permitted, policy, target
from stairs_house import House, Plans, house
from valkey_server import valkey_server

from pipeline.adapters.board import TargetBoard
from pipeline.adapters.models import HttpModelClient
from pipeline.contracts import Budget, Reply, Request
from pipeline.errors import StepwellError
from pipeline.policy.models import LimitsFile
from pipeline.policy.source import FixedPolicy

DEFAULTS = LimitsFile(apiVersion="stepwell/v1", kind="Limits")
GOOD = {"choices": [{"message": {"content": "fine"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 1}}


class Dice:
    """Chance that runs through its values."""

    def __init__(self) -> None:
        self._at = 0

    def random(self) -> float:
        self._at = (self._at + 37) % 101
        return self._at / 101


@dataclass
class Provider:
    """An endpoint that answers every call with one status, and counts them."""

    status: int = 503
    headers: dict[str, str] = field(default_factory=dict)
    calls: int = 0

    async def handle(self, _: web.Request) -> web.Response:
        self.calls += 1
        if self.status == 200:
            return web.json_response(GOOD)
        return web.Response(status=self.status, headers=self.headers)


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Provider], Awaitable[str]]]:
    runners: list[web.AppRunner] = []

    async def start(provider: Provider) -> str:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", provider.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}/v1"

    yield start
    for runner in runners:
        await runner.cleanup()


ONE_SPARE = ("{variants: {first: 1}, fallbacks: [second]}",)


@pytest.mark.parametrize(
    ("status", "headers"),
    [(429, {}), (429, {"Retry-After": "60"}), (500, {}), (503, {}), (401, {}), (404, {})],
    ids=["429", "429 with Retry-After", "500", "503", "401", "404"],
)
async def test_another_target_answers(tmp_path: Path, serve: Callable, status: int, headers: dict[str, str]) -> None:
    provider = Provider(status, headers)
    plans = Plans({"first": "any", "second": "maxi"}, ONE_SPARE, urls={"first": await serve(provider)})
    async with house(tmp_path, plans) as home:
        reply = await home.client.ask(Request(input="How deep is the well?", cache="off"))
        assert reply.status == "answered"
        assert reply.served is not None
        assert reply.served.variant == "second"
        assert provider.calls == 1


async def test_what_is_wrong_with_the_request_is_not_tried_elsewhere(tmp_path: Path, serve: Callable) -> None:
    provider = Provider(400)
    plans = Plans({"first": "any", "second": "maxi"}, ONE_SPARE, urls={"first": await serve(provider)})
    async with house(tmp_path, plans) as home:
        reply = await home.client.ask(Request(input="How deep is the well?", cache="off"))
        assert reply.status == "failed"
        assert home.called() == {}


async def test_after_a_few_failures_the_dead_one_is_not_called_any_more(tmp_path: Path, serve: Callable) -> None:
    provider = Provider(503)
    plans = Plans({"first": "any", "second": "maxi"}, ONE_SPARE, urls={"first": await serve(provider)})
    async with house(tmp_path, plans) as home:
        for i in range(20):
            reply = await home.client.ask(Request(input=f"How deep is the well number {i}?", cache="off"))
            assert reply.status == "answered"
        assert provider.calls <= DEFAULTS.breaker.streak


@pytest.mark.parametrize("shared", [True, False], ids=["shared", "without the store"])
async def test_over_hours_a_dead_provider_is_called_a_bounded_number_of_times(serve: Callable, shared: bool) -> None:
    """Six hours at the defaults, two workers with a call each every four seconds: 10,800 calls that want to be made.

    Each worker's streak and the doubling to the cap, then at most one probe in three quarters of the cap; shared, the
    workers do that together.
    """
    provider = Provider(503)
    clock, store = FakeClock(), FakeSights(away=not shared)
    spec = target("m", await serve(provider))
    policies = FixedPolicy(policy({"dead": spec}, DEFAULTS))
    clients = [HttpModelClient(policies, clock, Dice(), pause=_no_time) for _ in range(2)]
    boards = [TargetBoard(policies, clock, f"w{i}", store) for i in range(2)]
    for board, client in zip(boards, clients, strict=True):
        board.attach(client)
    hours, allowed = 6, permitted("dead", spec)
    for second in range(0, hours * 3600, 4):
        for board, client in zip(boards, clients, strict=True):
            await board.exchange()
            with pytest.raises(StepwellError):
                await client.complete(call_of(allowed, idempotency_key=f"k{second}"))
        clock.time += 4.0
    for client in clients:
        await client.close()
    rules = DEFAULTS.breaker
    alone = rules.streak + 6 + hours * 3600 / (0.75 * rules.open_cap)
    assert provider.calls <= (1.2 * alone if shared else 2 * alone)
    assert provider.calls >= 3, "it is looked after, too"


async def test_in_a_storm_of_failures_all_tries_stay_within_a_tenth_more(serve: Callable) -> None:
    """Thirty of a hundred calls fail, at three times the load: the worst case of the list of faults."""
    state = {"calls": 0}

    class Storm(Provider):
        async def handle(self, _: web.Request) -> web.Response:
            state["calls"] += 1
            return web.Response(status=503) if state["calls"] % 10 < 3 else web.json_response(GOOD)

    spec = target("m", await serve(Storm()), slots=64)
    calm = DEFAULTS.model_copy(update={"breaker": DEFAULTS.breaker.model_copy(update={"ratio": 1.0, "streak": 10**6})})
    client = HttpModelClient(FixedPolicy(policy({"shaky": spec}, calm)), FakeClock(), Dice(), pause=_no_time)
    allowed = permitted("shaky", spec)
    asked = 900
    await asyncio.gather(
        *(client.complete(call_of(allowed, idempotency_key=f"k{i}", deadline_s=30.0)) for i in range(asked)),
        return_exceptions=True,
    )
    await client.close()
    assert state["calls"] <= 1.1 * asked + 10, "and the ten that a quiet worker has saved up"


async def test_requests_go_on_while_the_shared_state_is_killed_under_them(tmp_path: Path) -> None:
    plans = Plans({"first": "error", "second": "maxi"}, ONE_SPARE)
    with valkey_server() as valkey:
        async with house(tmp_path, plans, valkey.url) as home:

            async def ask(number: int) -> str:
                request = Request(input=f"How deep is the well number {number}?", cache="off")
                return (await home.client.ask(request)).status

            assert [await ask(i) for i in range(5)] == ["answered"] * 5
            during = asyncio.gather(*(ask(i) for i in range(5, 25)))
            valkey.kill()
            assert await during == ["answered"] * 20
            assert [await ask(i) for i in range(25, 30)] == ["answered"] * 5
            valkey.start()
            assert [await ask(i) for i in range(30, 35)] == ["answered"] * 5


async def _no_time(_: float) -> None:
    await asyncio.sleep(0)


SHORT = Budget(deadline_ms=1500)


class Hanging(Provider):
    """Answers while it is told to, and then never."""

    well = True

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.calls += 1
        if self.well:
            return web.json_response(GOOD)
        await asyncio.sleep(3600)
        raise AssertionError


def hanging_plans(url: str, *fallbacks: str) -> Plans:
    tier = f"{{variants: {{first: 1}}, fallbacks: [{', '.join(fallbacks)}]}}"
    limits = "retry: {tries: 1}\nbreaker: {silence: 0.1, streak: 5}"
    return Plans({"first": "any", "second": "maxi"}, (tier,), limits=limits, urls={"first": url})


async def asked(home: House, number: int, tenant: str = "acme") -> Reply:
    request = Request(input=f"How deep is the well number {number}?", cache="off", tenant=tenant, budget=SHORT)
    return await home.client.ask(request)


async def test_one_that_hangs_longer_than_its_callers_wait_is_not_called_any_more(
    tmp_path: Path, serve: Callable
) -> None:
    provider = Hanging()
    provider.well = False
    async with house(tmp_path, hanging_plans(await serve(provider), "second")) as home:
        first = await asyncio.gather(*(asked(home, number) for number in range(5)))
        assert {reply.error.code for reply in first if reply.error} <= {"target_timeout", "deadline_exceeded"}
        later = [await asked(home, number) for number in range(5, 15)]
        assert [reply.status for reply in later] == ["answered"] * 10
        assert provider.calls == 5


async def test_one_that_usually_answers_and_hangs_leaves_the_other_time_to_answer(
    tmp_path: Path, serve: Callable
) -> None:
    provider = Hanging()
    async with house(tmp_path, hanging_plans(await serve(provider), "second")) as home:
        for number in range(20):
            reply = await asked(home, number)
            assert reply.served is not None
            assert reply.served.variant == "first"
        provider.well = False
        during = await asyncio.gather(*(asked(home, number) for number in range(20, 25)))
        during += [await asked(home, number) for number in range(25, 30)]
        assert [reply.status for reply in during] == ["answered"] * 10
        assert {reply.served.variant for reply in during if reply.served} == {"second"}
        assert provider.calls == 25, "and from then on it is left alone"


async def test_where_nobody_else_may_answer_callers_hear_at_once_that_it_is_down(
    tmp_path: Path, serve: Callable
) -> None:
    provider = Hanging()
    provider.well = False
    async with house(tmp_path, hanging_plans(await serve(provider))) as home:
        await asyncio.gather(*(asked(home, number) for number in range(5)))
        reply = await asked(home, 5)
        assert reply.error is not None
        assert reply.error.code == "target_unavailable"
        assert reply.error.retry_after_s
        assert provider.calls == 5
