"""Two clients of two workers over two boards: what one learnt of a target, the other need not learn again."""

from dataclasses import dataclass, field

import pytest
from aiohttp import web
from cascade import FakeClock
from fakes_board import FakeSights
from fakes_models import call_of, permitted, policy, target

from pipeline.adapters.board import TargetBoard
from pipeline.adapters.models import HttpModelClient
from pipeline.errors import TargetOverloaded, TargetUnavailable
from pipeline.policy.models import Breaker, LimitsFile, Retry
from pipeline.policy.source import FixedPolicy

LIMITS = LimitsFile(
    apiVersion="stepwell/v1", kind="Limits", retry=Retry(tries=1), breaker=Breaker(streak=3, open=10.0, probes=1)
)


class Dice:
    def random(self) -> float:
        return 0.5


@dataclass
class Workers:
    url: str
    store: FakeSights = field(default_factory=FakeSights)
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.spec = target("m", self.url)
        policies = FixedPolicy(policy({"near": self.spec}, LIMITS))
        self.clients = [HttpModelClient(policies, self.clock, Dice()) for _ in range(3)]
        self.boards = [TargetBoard(policies, self.clock, f"w{i}", self.store) for i in range(3)]
        for board, client in zip(self.boards, self.clients, strict=True):
            board.attach(client)

    async def share(self, times: int = 2) -> None:
        for _ in range(times):
            for board in self.boards:
                await board.exchange()

    async def call(self, worker: int) -> bool:
        try:
            await self.clients[worker].complete(call_of(permitted("near", self.spec)))
        except (TargetUnavailable, TargetOverloaded):
            return False
        return True


@dataclass
class Server:
    up: bool = False
    calls: int = 0
    quiet: str | None = None

    async def handle(self, request: web.Request) -> web.Response:
        self.calls += 1
        if self.quiet is not None:
            return web.Response(status=429, headers={"Retry-After": self.quiet})
        if not self.up:
            return web.Response(status=503)
        return web.json_response({"choices": [{"message": {"content": "fine"}, "finish_reason": "stop"}]})


@pytest.fixture
async def scene(serve):
    server = Server()
    workers = Workers(await serve(server.handle))
    yield workers, server
    for client in workers.clients:
        await client.close()


async def test_a_breaker_that_opened_in_one_worker_stops_the_others(scene) -> None:
    workers, server = scene
    for _ in range(3):
        await workers.call(0)
    await workers.share()
    assert [client.healthy("near") for client in workers.clients] == [False, False, False]
    assert not await workers.call(1)
    assert not await workers.call(2)
    assert server.calls == 3


async def test_a_dead_target_costs_the_fleet_what_it_costs_one_worker(scene) -> None:
    """An hour, all three workers call every second: about one probe for each opening, and not one for each worker."""
    workers, server = scene
    for second in range(3600):
        await workers.share(1)
        await workers.call(second % 3)
        workers.clock.time += 1.0
    assert server.calls <= 3 + 4 + 3600 / 90


async def test_when_it_recovers_all_come_back(scene) -> None:
    workers, server = scene
    for _ in range(3):
        await workers.call(0)
    await workers.share()
    server.up = True
    answered = [False] * 3
    for _ in range(20):
        await workers.share()
        for worker in range(3):
            answered[worker] |= await workers.call(worker)
        workers.clock.time += 1.0
    assert all(answered)


async def test_a_worker_whose_own_network_is_broken_does_not_stop_the_others(scene) -> None:
    workers, server = scene
    server.up = True
    broken = permitted("near", target("m", "http://127.0.0.1:1/v1"))
    for _ in range(3):
        with pytest.raises(TargetUnavailable):
            await workers.clients[0].complete(call_of(broken))
    workers.clock.time += 0.5
    assert await workers.call(1)
    await workers.share()
    assert workers.boards[2].healthy("near")
    assert await workers.call(2)
    assert not workers.boards[0].healthy("near"), "it goes by what it sees itself"


async def test_without_the_store_each_finds_out_by_itself(scene) -> None:
    workers, server = scene
    workers.store.away = True
    for worker in range(3):
        for _ in range(4):
            await workers.call(worker)
        await workers.share()
    assert server.calls == 9


async def test_a_long_quiet_that_a_target_asked_for_is_kept_by_all_workers(scene) -> None:
    workers, server = scene
    server.quiet = "60"
    await workers.call(0)
    await workers.share()
    assert [client.healthy("near") for client in workers.clients] == [False, False, False]
    for worker in range(3):
        assert not await workers.call(worker)
    assert server.calls == 1
    server.up, server.quiet = True, None
    workers.clock.time += 80.0
    await workers.share()
    assert [await workers.call(worker) for worker in range(3)] == [True, True, True]


async def test_a_short_quiet_is_waited_for_and_not_told(scene) -> None:
    workers, server = scene
    server.quiet = "2"
    await workers.call(0)
    await workers.share()
    assert [client.healthy("near") for client in workers.clients] == [True, True, True]


async def test_an_answer_to_one_worker_brings_back_those_that_had_only_been_told(scene) -> None:
    workers, server = scene
    for _ in range(3):
        await workers.call(0)
    await workers.share()
    assert not workers.clients[2].healthy("near")
    server.up = True
    workers.clock.time += 10.5  # over for the first worker, and not yet for the third, whose dice say so
    assert not workers.clients[2].healthy("near")
    assert await workers.call(0)
    await workers.share()
    assert workers.clients[2].healthy("near")
