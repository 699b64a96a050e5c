"""Each import contract of pyproject.toml catches a deliberate violation, also in a stage that nobody listed."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
NAMES = {contract["id"]: contract["name"] for contract in CONTRACTS}

NEW_STAGE = {
    "stages/haste/__init__.py": '"""A stage that nobody listed."""\n',
    "stages/haste/decide.py": '"""Pure."""\n',
    "stages/haste/worker.py": '"""Outer half."""\n',
}

VIOLATIONS = [
    ("road-below-stages", "pipeline/runner/runner.py", "import stages.check"),
    ("road-below-stages", "pipeline/topology.py", "from stages.haste import decide"),
    ("rooms", "pipeline/errors/base.py", "from pipeline import ports"),
    ("rooms", "pipeline/policy/models/base.py", "import pipeline.runner"),
    ("rooms", "pipeline/batch/__init__.py", "import pipeline.gateway"),
    ("rooms", "pipeline/transport/memory/link.py", "import pipeline.cli"),
    ("rooms", "pipeline/attic.py", "'''A room that nobody placed in a layer.'''"),
    ("stages-apart", "stages/draft/worker.py", "import stages.check"),
    ("stages-apart", "stages/plan/decide.py", "from stages.recall import decide as other"),
    ("stages-apart", "stages/haste/worker.py", "import stages.plan"),
    ("stages-apart", "stages/check/worker.py", "import stages.haste"),
    ("stages-apart", "stages/haste/worker.py", "import stages.app"),
    ("contracts-alone", "pipeline/contracts/base.py", "import pipeline.errors"),
    ("contracts-alone", "pipeline/contracts/request.py", "from pipeline import topology"),
    ("decisions-see-no-world", "stages/plan/decide.py", "import time"),
    ("decisions-see-no-world", "stages/check/decide.py", "from random import random"),
    ("decisions-see-no-world", "stages/haste/decide.py", "import asyncio"),
    ("decisions-see-no-world", "stages/haste/decide.py", "import http.client"),
    ("decisions-see-no-parts", "stages/draft/decide.py", "import pipeline.adapters.clock"),
    ("decisions-see-no-parts", "stages/haste/decide.py", "import pipeline.transport.memory"),
    ("decisions-see-no-parts", "stages/haste/decide.py", "import pipeline.runner"),
    ("decisions-see-no-parts", "stages/haste/decide.py", "import stages.haste.worker"),
    ("decisions-see-no-parts", "stages/haste/decide.py", "import pipeline.settings"),
    ("nats-in-one-room", "pipeline/runner/runner.py", "import nats"),
    ("nats-in-one-room", "stages/draft/worker.py", "from faststream.nats import NatsBroker"),
    ("nats-in-one-room", "stages/haste/worker.py", "import nats.js"),
]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Both packages with a stage more, and the configuration."""
    for package in ("pipeline", "stages"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for path, text in NEW_STAGE.items():
        plant(tmp_path / path, text)
    return tmp_path


def plant(path: Path, line: str) -> None:
    path.parent.mkdir(exist_ok=True)
    before = path.read_text() if path.exists() else ""
    path.write_text(f"{before}\n{line}\n")


def broken(folder: Path) -> set[str]:
    """Ids of the contracts that import-linter finds broken in `folder`."""
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "300"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Contracts:" in done.stdout, done.stdout + done.stderr
    found = {name for name in NAMES if f"{NAMES[name]} BROKEN" in done.stdout}
    assert bool(found) is (done.returncode != 0), done.stdout
    return found


def test_the_house_as_it_is_keeps_every_contract(copy: Path) -> None:
    """Also with a stage more that nobody listed: the violations below are found because they are violations."""
    assert broken(copy) == set()


@pytest.mark.parametrize(("contract", "path", "line"), VIOLATIONS, ids=[f"{c}: {p}: {i}" for c, p, i in VIOLATIONS])
def test_a_violation_is_named(copy: Path, contract: str, path: str, line: str) -> None:
    """One forbidden import is enough, and the contract that forbids it says so."""
    plant(copy / path, line)
    assert contract in broken(copy)


def test_every_contract_has_a_violation_that_tries_it() -> None:
    """A contract that was never seen to fail is not known to work."""
    assert {contract for contract, _, _ in VIOLATIONS} == set(NAMES)
