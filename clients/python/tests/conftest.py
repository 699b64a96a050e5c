"""A cascade of small stages on a real nats-server, for clients to speak to."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from servers import NatsServer, nats_server
from small_cascade import SmallCascade


@pytest.fixture(scope="module")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """A nats-server of these tests."""
    with nats_server(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture
async def cascade(nats: NatsServer) -> AsyncIterator[SmallCascade]:
    """Workers in this event loop."""
    async with SmallCascade(nats) as running:
        yield running


@pytest.fixture
def root() -> Path:
    """The repository."""
    return Path(__file__).parents[3]
