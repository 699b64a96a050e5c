"""The programs of examples/callers, each run as it stands against a door and a cascade of small stages."""

import asyncio
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest
from fakes_door import Names
from servers import NatsServer
from small_cascade import SmallCascade

from pipeline.client import Client
from pipeline.gateway import Limits, build_door
from pipeline.gateway.readiness import WorkerPing
from pipeline.gateway.server import listening

ROOT = Path(__file__).parents[2]
CALLERS = ROOT / "examples" / "callers"
QUESTION = "What is a stepwell?"
ANSWER = "A well with stairs."
NPM_WAIT_S = float(os.environ.get("STEPWELL_NPM_WAIT", "30"))
NPM = ("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=1", "--fetch-timeout=10000")


@pytest.fixture
async def surroundings(nats: NatsServer) -> AsyncIterator[dict[str, str]]:
    """A running cascade with a door, and the variables that say where."""
    async with SmallCascade(nats) as cascade:
        cascade.answer, cascade.pieces = ANSWER, ["A well", " with"]
        link = cascade.link
        app = build_door(lambda tenant: Client(link, tenant), Names(), ready=WorkerPing(link, 0.5))
        runner = await listening(app, "127.0.0.1", 0, Limits(), grace_s=0.5)
        yield {
            "STEPWELL_DOOR": f"http://127.0.0.1:{runner.addresses[0][1]}/v1",
            "STEPWELL_NATS": nats.url,
            "PYTHONPATH": str(ROOT / "clients" / "python" / "src"),
            "PATH": os.environ["PATH"],
        }
        await runner.cleanup()


@pytest.fixture(scope="module")
def node_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs for Node with their packages, which npm has to bring within half a minute."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node or npm is not installed")
    folder = tmp_path_factory.mktemp("node") / "callers"
    shutil.copytree(CALLERS / "node", folder)
    if (folder / "node_modules").is_dir():
        return folder
    try:
        done = subprocess.run(NPM, cwd=folder, capture_output=True, timeout=NPM_WAIT_S, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm did not bring the packages within {NPM_WAIT_S:g} s: make test-node waits longer")
    if done.returncode != 0:
        pytest.skip("npm reaches no registry here")
    return folder


async def run(surroundings: dict[str, str], *command: str, folder: Path = CALLERS) -> list[str]:
    process = await asyncio.create_subprocess_exec(
        *command,
        QUESTION,
        cwd=folder,
        env=surroundings,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    told, complaint = await process.communicate()
    assert process.returncode == 0, complaint.decode()
    return told.decode().splitlines()


@pytest.mark.parametrize(
    ("program", "package"),
    [
        ("python_openai.py", "openai"),
        ("python_langchain.py", "langchain_openai"),
        ("python_client.py", "stepwell"),
        ("python_nats.py", "nats"),
    ],
)
async def test_in_python(surroundings: dict[str, str], program: str, package: str) -> None:
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    whole, streamed = await run(surroundings, sys.executable, program)
    assert whole == ANSWER
    assert ANSWER.startswith(streamed)
    assert streamed.startswith("A well with")


@pytest.mark.parametrize("program", ["openai.mjs", "nats.mjs"])
async def test_in_node(surroundings: dict[str, str], program: str, node_folder: Path) -> None:
    whole, streamed = await run(surroundings, "node", program, folder=node_folder)
    assert whole == ANSWER
    assert streamed.startswith("A well with")


async def test_with_curl(surroundings: dict[str, str]) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    whole, *events = await run(surroundings, "sh", "curl.sh")
    assert orjson.loads(whole)["choices"][0]["message"]["content"] == ANSWER
    assert events[-2:] == ["data: [DONE]", ""] or events[-1] == "data: [DONE]"


async def test_with_the_nats_command(surroundings: dict[str, str]) -> None:
    if shutil.which("nats") is None:
        pytest.skip("the nats command is not installed")
    whole, *messages = await run(surroundings, "sh", "nats_cli.sh")
    assert orjson.loads(whole)["content"] == ANSWER
    assert any('"seq"' in message for message in messages)


def test_packages_are_pinned_and_no_registry_is_named() -> None:
    """A lock file would record where its packages came from."""
    given = orjson.loads((CALLERS / "node" / "package.json").read_bytes())
    assert all(version[0].isdigit() for version in given["dependencies"].values())
    assert not list((CALLERS / "node").glob("*lock*"))
    assert not [path for path in CALLERS.rglob("*") if path.is_file() and b"registry." in path.read_bytes()[:100_000]]
