"""Real servers for tests: each on a free port with an empty store, stopped with the test."""

import asyncio
import contextlib
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.layout import ConsumerSpec, consumers
from pipeline.settings import Settings
from pipeline.transport.nats import NatsLink, connect
from pipeline.transport.nats.provision import apply, compare


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def binary(name: str) -> str:
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else str(shutil.which(name))


@dataclass
class NatsServer:
    """A nats-server with JetStream that can be killed and started again on its store."""

    store: Path
    config: Path | None = None
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [binary("nats-server"), "-a", "127.0.0.1", "-p", str(self.port), "-js", "-sd", str(self.store)]
        if self.config is not None:
            command += ["-c", str(self.config)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._await_port()

    def _await_port(self) -> None:
        for _ in range(500):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 0.2):
                return
            with contextlib.suppress(subprocess.TimeoutExpired):
                assert self.process is not None
                self.process.wait(0.02)
        raise RuntimeError("nats-server did not start")

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait()

    def settings(self, **changes: object) -> Settings:
        environment = {"STEPWELL_NATS": self.url, "STEPWELL_SECRET": "test-secret", **changes}
        return Settings.from_environment({key: str(value) for key, value in environment.items()})


@contextlib.contextmanager
def nats_server(store: Path, config: Path | None = None) -> Iterator[NatsServer]:
    server = NatsServer(store, config)
    server.start()
    try:
        yield server
    finally:
        server.stop()


async def provisioned(server: NatsServer, specs: tuple[ConsumerSpec, ...] | None = None) -> NatsLink:
    """A connection to a server on which all streams, consumers and buckets exist."""
    link = await connect(server.settings(), name="test")
    wanted = specs or consumers(ack_wait_s=1.0)
    await apply(link, await compare(link, wanted), wanted)
    return link


async def until(condition, timeout_s: float = 5.0) -> None:  # type: ignore[no-untyped-def]
    """Wait until `condition()` holds; fail when it never does."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.005)
