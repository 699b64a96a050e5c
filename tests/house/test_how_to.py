"""The guides in docs/how-to do what they say: their commands are run, in their order, as a reader would."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from servers import NatsServer, free_port
from typer.testing import CliRunner
from valkey_server import ValkeyServer, valkey_server
from whole import ROOT, Whole, whole

from pipeline.cli.hooks import Hooks
from pipeline.cli.main import make_app
from pipeline.embedded.home import Home
from pipeline.embedded.options import Ports
from pipeline.embedded.stack import bring_down
from pipeline.revisions import RevisionStore
from stages.app import run_worker

CLI = make_app(Hooks(run_worker))
GUIDE = ROOT / "docs" / "how-to" / "change-a-route.md"
BLOCKS = re.findall(r"^```sh\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    with valkey_server() as server:
        yield server


def command(folder: Path, body: str) -> Path:
    """A program `stepwell` in front of the real one."""
    folder.mkdir()
    path = folder / "stepwell"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return folder


async def read(folder: Path, programs: Path, environment: dict[str, str]) -> dict[str, str]:
    """Run every block; give back what each printed."""
    env = {**os.environ, **environment, "PATH": f"{programs}:{os.environ['PATH']}", "COLUMNS": "200"}
    env.pop("STEPWELL_WHO", None)
    printed = {}
    for block in BLOCKS:
        process = await asyncio.create_subprocess_exec(
            "bash", "-eu", "-o", "pipefail", "-c", block, cwd=folder, env=env, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await process.communicate()
        assert process.returncode == 0, f"{block}\n{output.decode()}"
        printed[block.splitlines()[0]] = output.decode()
    return printed


def told(printed: dict[str, str], start: str) -> str:
    """What the block printed that begins so."""
    (found,) = [output for first, output in printed.items() if first.startswith(start)]
    return found


def as_promised(printed: dict[str, str]) -> None:
    """What the text between the blocks says about them."""
    compared = told(printed, "sed -i.bak '/name: chat/")
    assert "1 changed" in compared
    assert "~ route chat changed" in compared
    assert "accept.confidence: 0.75 → 1.0" in compared
    assert "escalate" in told(printed, 'stepwell policy apply draft --why "the large')
    history = told(printed, "stepwell policy history")
    assert "the large model answers more" in history
    assert "changes are applied from now on" in history
    assert "done: revision" in told(printed, "stepwell policy rollback")
    waiting = told(printed, "sed -i.bak 's/approvals")
    assert "proposed: revision" in waiting
    assert "Waiting for approval" in waiting
    assert "done: revision" in told(printed, "REVISION=")
    assert "done: the folder governs" in told(printed, "stepwell policy release")


async def on_all_workers(house: Whole) -> None:
    """Wait until every worker follows what governs: the guide says "within a second", and a command here takes less."""
    current, _ = await RevisionStore(house.link.bucket("policy")).current()
    wanted = ("folder", None) if current.in_force is None else ("applied", current.in_force.revision)
    async with asyncio.timeout(30):
        while any(
            (standing.origin, None if standing.origin == "folder" else standing.revision) != wanted
            for standing in (source.standing() for source in house.sources)
        ):
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def counter(house: Whole) -> AsyncIterator[int]:
    """A port that takes command lines and runs them in this process: to start a program for each costs seconds."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        words = json.loads(await reader.readline())
        result = await asyncio.to_thread(CliRunner().invoke, CLI, words)
        if words[0] == "policy":
            await on_all_workers(house)
        writer.write(json.dumps([result.exit_code, result.stdout, result.stderr]).encode())
        writer.close()

    async with await asyncio.start_server(take, "127.0.0.1", 0) as server:
        yield int(server.sockets[0].getsockname()[1])


ASKS = """\
import json, socket, sys
if sys.argv[1] in ("up", "down"):
    sys.exit(0)
link = socket.create_connection(("127.0.0.1", {port}))
link.sendall(json.dumps(sys.argv[1:]).encode() + b"\\n")
with link.makefile() as answer:
    code, out, err = json.load(answer)
sys.stdout.write(out)
sys.stderr.write(err)
sys.exit(code)
"""


async def test_a_stranger_changes_a_route_sees_it_live_and_takes_it_back(
    tmp_path: Path, nats: NatsServer, valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the parts of this test: real stores, scripted models, and workers in this process."""
    async with whole(tmp_path, nats, valkey.url) as house, counter(house) as port:
        (tmp_path / "asks.py").write_text(ASKS.format(port=port))
        programs = command(tmp_path / "bin", f'exec "{sys.executable}" -S "{tmp_path / "asks.py"}" "$@"')
        surroundings = {
            "STEPWELL_NATS": nats.url,
            "STEPWELL_SECRET": "test-secret",
            "STEPWELL_HOME": str(tmp_path / "home"),
            "COLUMNS": "200",
            **house.environment,
        }
        for name, value in surroundings.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("STEPWELL_WHO", raising=False)
        monkeypatch.chdir(tmp_path)
        printed = await read(tmp_path, programs, {})
        as_promised(printed)
        current, _ = await RevisionStore(house.link.bucket("policy")).current()
        assert current.in_force is None
        revisions = {record.policy_revision for record in await house.records()}
        assert len(revisions) == 2, "the first and the last question under one revision, the second under another"


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_the_guide_works_from_the_first_command_to_the_last(tmp_path: Path) -> None:
    """With `stepwell up` and all its programs."""
    ports = ",".join(f"{field.name}={free_port()}" for field in fields(Ports))
    real = f'case "$1" in up) set -- "$@" --ports {ports};; esac\nexec "{sys.executable}" -m stages "$@"'
    shutil.copytree(ROOT / "policies", tmp_path / "policies")
    environment = {"STEPWELL_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)}
    programs = command(tmp_path / "bin", real)
    try:
        as_promised(await read(tmp_path, programs, environment))
    finally:
        await bring_down(Home(tmp_path / "home"))
