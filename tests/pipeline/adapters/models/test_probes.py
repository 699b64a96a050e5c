"""Targets are asked how they fare where no call tells, with nothing of any request."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from cascade import FakeClock
from fakes_models import call_of, permitted, policy, target

from pipeline.adapters.models import HttpModelClient
from pipeline.adapters.models.endpoint import below
from pipeline.adapters.models.probes import Prober
from pipeline.errors import TargetUnavailable
from pipeline.policy.models import Breaker, LimitsFile, Retry
from pipeline.policy.source import FixedPolicy

Serve = Callable[[Callable[[web.Request], Awaitable[web.StreamResponse]]], Awaitable[str]]


class Dice:
    def random(self) -> float:
        return 0.5


@dataclass
class Endpoint:
    """A server whose health page and answers are what a test says."""

    health: int = 200
    calls: int = 200
    seen: list[web.Request] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        self.seen.append(request)
        if request.method == "GET":
            return web.Response(status=self.health, headers={"Location": "/elsewhere"})
        if self.calls != 200:
            return web.Response(status=self.calls)
        return web.json_response({"choices": [{"message": {"content": "fine"}, "finish_reason": "stop"}]})

    def asked(self, method: str) -> int:
        return sum(request.method == method for request in self.seen)


@dataclass
class Scene:
    endpoint: Endpoint
    url: str
    clock: FakeClock = field(default_factory=FakeClock)
    heard_at: float = 0.0

    def __post_init__(self) -> None:
        spec = target("m", self.url, probe={"path": "models", "every": 10.0, "timeout": 1.0}, api_key="s3cret")
        limits = LimitsFile(
            apiVersion="stepwell/v1",
            kind="Limits",
            retry=Retry(tries=1),
            breaker=Breaker(streak=3, open=60.0, probes=1),
        )
        source = FixedPolicy(policy({"near": spec, "unprobed": target("other", self.url)}, limits))
        self.client = HttpModelClient(source, self.clock, Dice())
        self.prober = Prober(source, self.client, lambda name: self.heard_at, self.clock)
        self.spec = spec

    async def call(self) -> None:
        await self.client.complete(call_of(permitted("near", self.spec)))

    async def break_it(self) -> None:
        for _ in range(3):
            with pytest.raises(TargetUnavailable):
                await self.call()


@pytest.fixture
async def scene(serve: Serve) -> AsyncIterator[Scene]:
    endpoint = Endpoint()
    made = Scene(endpoint, await serve(endpoint.handle))
    yield made
    await made.prober.stop()
    await made.client.close()


async def test_a_silent_target_is_asked_now_and_then_with_its_key_and_nothing_else(scene: Scene) -> None:
    for _ in range(3):
        await scene.prober.look()
    assert scene.endpoint.asked("GET") == 1
    (request,) = scene.endpoint.seen
    assert (request.path, request.query_string) == ("/v1/models", "")
    assert request.headers["Authorization"] == "Bearer s3cret"
    assert not request.can_read_body
    scene.clock.time += 10.0
    await scene.prober.look()
    assert scene.endpoint.asked("GET") == 2


async def test_a_target_that_any_worker_heard_of_lately_is_not_asked(scene: Scene) -> None:
    scene.heard_at = scene.clock.time - 5.0
    await scene.prober.look()
    assert scene.endpoint.seen == []


async def test_a_target_that_is_left_alone_is_tried_as_soon_as_it_says_it_is_well(scene: Scene) -> None:
    scene.endpoint.calls = 503
    await scene.break_it()
    assert not scene.client.healthy("near")
    scene.endpoint.health, scene.heard_at = 503, scene.clock.time
    await scene.prober.look()
    assert not scene.client.healthy("near")
    scene.endpoint.health = scene.endpoint.calls = 200
    scene.clock.time += 10.0
    scene.heard_at = scene.clock.time
    await scene.prober.look()
    assert scene.client.healthy("near"), "fifty seconds early"
    await scene.call()


async def test_what_says_it_is_well_and_is_not_is_not_believed_twice(scene: Scene) -> None:
    scene.endpoint.calls = 503
    await scene.break_it()
    for _ in range(4):
        scene.clock.time += 10.0
        await scene.prober.look()
        if scene.client.healthy("near"):
            with pytest.raises(TargetUnavailable):
                await scene.call()
    assert scene.endpoint.asked("POST") == 3 + 1


async def test_a_silent_target_that_does_not_answer_is_left_alone_before_a_request_finds_out(scene: Scene) -> None:
    scene.endpoint.health = 503
    for _ in range(3):
        assert scene.client.healthy("near")
        await scene.prober.look()
        scene.clock.time += 10.0
    assert not scene.client.healthy("near")
    assert scene.endpoint.asked("POST") == 0


@pytest.mark.parametrize("status", [301, 401, 403, 404, 429])
async def test_a_page_that_is_not_there_says_nothing(scene: Scene, status: int) -> None:
    scene.endpoint.health = status
    for _ in range(5):
        await scene.prober.look()
        scene.clock.time += 10.0
    assert scene.client.healthy("near")
    assert {request.path for request in scene.endpoint.seen} == {"/v1/models"}, "redirects are not followed"


async def test_a_bad_answer_of_a_target_that_is_left_alone_changes_nothing(scene: Scene) -> None:
    scene.endpoint.calls = scene.endpoint.health = 503
    await scene.break_it()
    for _ in range(8):
        scene.clock.time += 10.0
        await scene.prober.look()
    scene.endpoint.calls = 200
    await scene.call()
    assert scene.client.healthy("near"), "its time was over, and no probe made it longer"


def test_a_page_below_an_address_keeps_what_the_address_asks_with() -> None:
    assert str(below("https://h/v1/?api-version=1&k=a", "/models")) == "https://h/v1/models?api-version=1&k=a"
    assert str(below("http://h:1", "chat/completions")) == "http://h:1/chat/completions"
