"""`stepwell serve`: who may call it, and how it keeps its processes."""

import asyncio
import os
import signal
import sys
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psutil
import pytest
from keys_made import made
from servers import NatsServer, free_port, provisioned

from pipeline.adapters.keys import KeyStore
from pipeline.cli.serve_access import Mode, Terms, entrance, is_here
from pipeline.cli.serve_processes import supervise
from pipeline.errors import AuthenticationRequired, PortInUse, SetupError, StepwellError
from pipeline.gateway.access import OpenAccess
from pipeline.settings import Settings
from pipeline.transport.memory import MemoryLink

ROOT = Path(__file__).resolve().parents[3]
SETTINGS = Settings.from_environment({"STEPWELL_VALKEY": ""})
TRUST = """\
apiVersion: stepwell/v1
kind: Access
issuers:
  - {issuer: "https://login.example.org", audience: [stepwell], jwks: keys.json, tenant: acme}
"""


@pytest.mark.parametrize(
    ("host", "here"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("[::1]", True), ("localhost", True)]
    + [(host, False) for host in ("0.0.0.0", "::", "", "10.0.0.1", "door.example.org", "localhost.evil.org")],
)
def test_an_address_of_this_machine_is_told_from_others(host: str, here: bool) -> None:
    assert is_here(host) is here


async def test_at_an_address_of_this_machine_everybody_may_call() -> None:
    async with entrance(Terms(), "127.0.0.1", MemoryLink(), SETTINGS) as access:
        assert isinstance(access, OpenAccess)


async def test_at_any_other_address_the_door_does_not_open_without_a_key_or_a_word() -> None:
    with pytest.raises(SetupError, match="stepwell keys create"):
        async with entrance(Terms(), "0.0.0.0", MemoryLink(), SETTINGS):
            pass
    async with entrance(Terms("open"), "0.0.0.0", MemoryLink(), SETTINGS) as access:
        assert isinstance(access, OpenAccess)


async def test_where_there_are_keys_they_are_asked_for_at_any_other_address() -> None:
    link = MemoryLink()
    token, record = made()
    await KeyStore(link.bucket("keys")).add(record)
    async with entrance(Terms(), "0.0.0.0", link, SETTINGS) as access:
        with pytest.raises(AuthenticationRequired):
            await access.admit({}, "chat")
        assert (await access.admit({"x-api-key": token}, "chat")).tenant == "acme"


@pytest.mark.parametrize("mode", [None, "jwt", "keys+jwt"])
async def test_a_file_of_issuers_is_never_passed_over(tmp_path: Path, mode: Mode | None) -> None:
    (tmp_path / "access.yaml").write_text(TRUST)
    link = MemoryLink()
    token, record = made()
    await KeyStore(link.bucket("keys")).add(record)
    async with entrance(Terms(mode, tmp_path / "access.yaml"), "127.0.0.1", link, SETTINGS) as access:
        with pytest.raises(AuthenticationRequired):
            await access.admit({}, "chat")
        with pytest.raises(StepwellError):
            await access.admit({"authorization": "Bearer a.b.c"}, "chat")
        if mode == "jwt":
            with pytest.raises(StepwellError):
                await access.admit({"x-api-key": token}, "chat")
        else:
            assert await access.admit({"x-api-key": token}, "chat")


async def test_tokens_without_a_file_of_issuers_are_a_mistake() -> None:
    with pytest.raises(StepwellError, match="--access-file"):
        async with entrance(Terms("jwt"), "127.0.0.1", MemoryLink(), SETTINGS):
            pass


# ---------------------------------------------------------------- processes


@asynccontextmanager
async def serving(nats: NatsServer, folder: Path, *words: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "stages",
        "serve",
        "--port",
        str(port),
        "--policies",
        str(ROOT / "policies"),
        *words,
    ]
    environment = {**os.environ, "STEPWELL_NATS": nats.url, "STEPWELL_HOME": str(folder), "STEPWELL_VALKEY": ""}
    process = await asyncio.create_subprocess_exec(*command, env=environment, cwd=ROOT)
    try:
        yield process, port
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


def alive(port: int) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/livez", timeout=1) as response:
        return bool(response.status == 200)
    return False


def children(process: asyncio.subprocess.Process) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return [child for child in psutil.Process(process.pid).children() if lives(child)]
    return []


def lives(child: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return child.is_running() and child.status() != psutil.STATUS_ZOMBIE
    return False


async def until(condition: object, timeout_s: float = 40.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not await asyncio.to_thread(condition):  # type: ignore[arg-type]
            await asyncio.sleep(0.1)


def listeners(process: asyncio.subprocess.Process, port: int) -> set[int]:
    found = set()
    for child in children(process):
        with suppress(psutil.Error):
            found |= {
                child.pid for sock in child.net_connections() if sock.laddr.port == port and sock.status == "LISTEN"
            }
    return found


@pytest.mark.slow
async def test_of_several_processes_one_that_dies_is_started_again_and_all_end_together(
    nats: NatsServer, tmp_path: Path
) -> None:
    await (await provisioned(nats)).close()
    async with serving(nats, tmp_path, "--processes", "2") as (process, port):
        await until(lambda: len(listeners(process, port)) == 2)
        before = listeners(process, port)
        assert alive(port)
        os.kill(min(before), signal.SIGKILL)
        await until(lambda: len(listeners(process, port)) == 2 and listeners(process, port) != before)
        running = children(process)
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 20) == 0
        assert not any(lives(child) for child in running)


@pytest.mark.slow
async def test_processes_whose_keeper_was_killed_end_too(nats: NatsServer, tmp_path: Path) -> None:
    await (await provisioned(nats)).close()
    async with serving(nats, tmp_path, "--processes", "2") as (process, port):
        await until(lambda: len(listeners(process, port)) == 2)
        running = children(process)
        process.kill()
        await until(lambda: not any(lives(child) for child in running))


async def test_what_a_process_says_at_its_start_ends_all_of_them(tmp_path: Path) -> None:
    code = await supervise((sys.executable, "-c", "raise SystemExit(2)"), 3, "127.0.0.1", free_port(), 1.0)
    assert code == 2


async def test_a_port_that_is_taken_is_said_before_anything_starts() -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    with pytest.raises(PortInUse):
        await supervise((sys.executable, "-c", "0"), 2, "127.0.0.1", server.sockets[0].getsockname()[1], 1.0)
    server.close()
