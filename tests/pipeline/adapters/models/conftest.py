"""A client whose pauses are noted and not slept, the scripted server, and a server that does as a test says."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from cascade import FakeClock
from fakes_models import call_of, permitted, policy, target

from pipeline.adapters.models import HttpModelClient
from pipeline.embedded.scripted import ScriptedServer
from pipeline.policy.models import Breaker, LimitsFile, Retry
from pipeline.policy.source import FixedPolicy
from pipeline.ports import ModelCall

CALM = Breaker(streak=10_000, minimum=10_000, window=10_000)


class Dice:
    def random(self) -> float:
        return 0.5


@dataclass
class Desk:
    """A client and everything around it that a test wants to look at.

    Attributes:
        pauses: seconds that the client wanted to wait between tries; the clock moves by them at once.
    """

    limits: LimitsFile
    clock: FakeClock = field(default_factory=FakeClock)
    pauses: list[float] = field(default_factory=list)
    url: str = "http://127.0.0.1:1/v1"

    def __post_init__(self) -> None:
        policies = FixedPolicy(policy({"any": target("any")}, self.limits))
        self.client = HttpModelClient(policies, self.clock, Dice(), pause=self._pause)

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.clock.time += seconds

    def call(self, model: str, text: str = "hello there", *, spec: dict | None = None, **others: object) -> ModelCall:
        definition = target(model, self.url, **(spec or {}))
        return call_of(permitted(model, definition), text, **others)


def limits(retry: Retry | None = None, breaker: Breaker | None = None) -> LimitsFile:
    return LimitsFile(apiVersion="stepwell/v1", kind="Limits", retry=retry or Retry(tries=3), breaker=breaker or CALM)


@pytest.fixture
async def desks() -> AsyncIterator[Callable[..., Desk]]:
    """Makes desks and closes their clients."""
    made: list[Desk] = []

    def make(retry: Retry | None = None, breaker: Breaker | None = None, url: str | None = None) -> Desk:
        desk = Desk(limits(retry, breaker))
        desk.url = url or desk.url
        made.append(desk)
        return desk

    yield make
    for desk in made:
        await desk.client.close()


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as running:
        yield running


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Handler], Awaitable[str]]]:
    """Runs one handler as an endpoint; gives its address."""
    runners: list[web.AppRunner] = []

    async def start(handler: Handler) -> str:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", handler)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}/v1"

    yield start
    for runner in runners:
        await runner.cleanup()
