"""The first page that a new user reads does what it says, from the first command to the last."""

import asyncio
import os
import re
import shutil
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from servers import free_port
from whole import ROOT

from pipeline.embedded.home import Home
from pipeline.embedded.options import Ports
from pipeline.embedded.stack import bring_down

GUIDE = ROOT / "docs" / "how-to" / "first-answer.md"
BLOCKS = re.findall(r"^```(sh|python)\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
DOOR = "http://127.0.0.1:8080"
PROVIDED = "make env"
"""The one block that this environment has behind it."""


def programs_in(folder: Path, ports: str) -> Path:
    """The command, on ports of this test."""
    folder.mkdir()
    command = folder / "stepwell"
    command.write_text(
        f'#!/bin/sh\ncase "$1" in up) set -- "$@" --ports {ports};; esac\nexec "{sys.executable}" -m stages "$@"\n'
    )
    command.chmod(0o755)
    return folder


async def run(kind: str, block: str, folder: Path, environment: dict[str, str]) -> str:
    words = ("bash", "-eu", "-o", "pipefail", "-c", block) if kind == "sh" else (sys.executable, "-c", block)
    process = await asyncio.create_subprocess_exec(
        *words, cwd=folder, env=environment, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    assert process.returncode == 0, f"{block}\n{output.decode()}"
    return output.decode()


def test_the_page_begins_with_the_environment_and_ends_with_everything_stopped() -> None:
    kinds = [kind for kind, _ in BLOCKS]
    assert kinds.count("python") == 1
    assert PROVIDED in BLOCKS[0][1]
    assert BLOCKS[-1] == ("sh", "stepwell down\n")


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_new_user_gets_a_first_answer_by_the_page_alone(tmp_path: Path) -> None:
    """Every block is run as it stands, but for the environment, which is there, and the port of the door."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not on this machine, and the page uses it")
    ports = {field.name: free_port() for field in fields(Ports)}
    shutil.copytree(ROOT / "policies", tmp_path / "policies")
    path = programs_in(tmp_path / "bin", ",".join(f"{name}={port}" for name, port in ports.items()))
    environment = {
        **os.environ,
        "STEPWELL_HOME": str(tmp_path / "home"),
        "PYTHONPATH": str(ROOT),
        "PATH": f"{path}:{os.environ['PATH']}",
        "COLUMNS": "200",
    }
    told = []
    try:
        for kind, block in BLOCKS:
            if PROVIDED not in block:
                here = block.replace(DOOR, f"http://127.0.0.1:{ports['door']}")
                told.append(await run(kind, here, tmp_path, environment))
    finally:
        await bring_down(Home(tmp_path / "home"))
    _, curled, python, why, down = told
    assert '"object":"chat.completion"' in curled
    assert "answered by" in python
    assert "stepwell audit show" in python
    assert "classify classified" in why
    assert down.strip() == "stopped"
