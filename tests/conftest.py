"""Fixtures that every room may use."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from servers import NatsServer, nats_server, provisioned
from valkey_server import ValkeyServer, valkey_server

from pipeline.adapters.cache_answers import ValkeyAnswers
from pipeline.ports import Link
from pipeline.transport.memory import MemoryLink

settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("steady", settings.get_profile("patient"), derandomize=True)
settings.register_profile("wander", settings.get_profile("patient"))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))
"""`make test` tries the same cases each time, and judges a change by itself; `make test-all` looks for new ones.
Neither takes the time: how long a case takes says what else the machine does."""


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[NatsServer]:
    """A nats-server of this test alone, with nothing on it."""
    with nats_server(tmp_path / "nats") as server:
        yield server


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    """A Valkey that the tests of a module share."""
    with valkey_server() as server:
        yield server


@pytest.fixture
def valkey_url() -> Iterator[str]:
    """A Valkey for one test. That of the package looks for ports from a fixed one on, where two at once collide."""
    with valkey_server() as server:
        yield server.url


@pytest.fixture
async def store(valkey: ValkeyServer) -> AsyncIterator[ValkeyAnswers]:
    """A store of answers, with nothing in it."""
    made = ValkeyAnswers(valkey.url)
    await made._calls.command("FLUSHALL")
    yield made
    await made.close()


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stores and encoders may take as long as they take."""
    from patience import have_patience  # which loads a stage; most tests need none

    have_patience(monkeypatch)


@pytest.fixture(params=["memory", "nats"])
async def link(request: pytest.FixtureRequest) -> AsyncIterator[Link]:
    """A connection with all streams and buckets: in memory, and to a real server."""
    if request.param == "memory":
        yield MemoryLink()
        return
    connected = await provisioned(request.getfixturevalue("nats"))
    yield connected
    await connected.close()
