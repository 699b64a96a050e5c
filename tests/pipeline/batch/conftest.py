"""One nats-server for all tests of a file here, emptied before each of them."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
from servers import NatsServer, nats_server, provisioned

from pipeline.ports import Link
from pipeline.transport.memory import MemoryLink
from pipeline.transport.nats import NatsLink, connect

USED = ("STEPS", "RESULTS", "JOURNAL", "LEDGER", "KV_batches", "OBJ_files")
"""What batches write to."""


@dataclass
class Shared:
    """A server that many tests use one after the other."""

    server: NatsServer
    ready: bool = False

    async def emptied(self) -> NatsLink:
        if not self.ready:
            self.ready = True
            return await provisioned(self.server)
        link = await connect(self.server.settings(), name="test")
        for stream in USED:
            await link.jetstream.purge_stream(stream)
        return link


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    with nats_server(tmp_path_factory.mktemp("nats")) as server:
        yield Shared(server)


@pytest.fixture(params=["memory", "nats"])
async def link(request: pytest.FixtureRequest) -> AsyncIterator[Link]:
    """A connection with all streams and buckets, and nothing in them: in memory, and to a real server."""
    if request.param == "memory":
        yield MemoryLink()
        return
    connected = await request.getfixturevalue("shared").emptied()
    yield connected
    await connected.close()
