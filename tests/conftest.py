"""Fixtures that every room may use."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from servers import NatsServer, nats_server, provisioned

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


@pytest.fixture(params=["memory", "nats"])
async def link(request: pytest.FixtureRequest) -> AsyncIterator[Link]:
    """A connection with all streams and buckets: in memory, and to a real server."""
    if request.param == "memory":
        yield MemoryLink()
        return
    connected = await provisioned(request.getfixturevalue("nats"))
    yield connected
    await connected.close()
