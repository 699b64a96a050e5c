"""Tests lie where the code lies, stages have their three files, and decisions are handed values and no ports."""

import ast
import importlib
import re
from pathlib import Path

import pytest

from pipeline import ports
from pipeline.topology import STAGES

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"
VERBS = sorted(path.parent.name for path in ROOT.glob("stages/*/decide.py"))

ELSEWHERE = {
    "pipeline/ports": "tests/conformance",
    "pipeline/layout.py": "tests/house/test_topology.py",
    "pipeline/topology.py": "tests/house/test_topology.py",
    "pipeline/contracts": "tests/pipeline/schemas",
    "pipeline/worker.py": "tests/pipeline/test_client.py",
    "pipeline/settings.py": "tests/house/test_deploy.py",
    "stages/app.py": "tests/house/test_deploy.py",
    "stages/parts.py": "tests/house/test_deploy.py",
    "stages/__main__.py": "tests/stages/test_main.py",
}
"""Rooms whose tests lie under another name, and where."""


def rooms() -> list[str]:
    """Modules and packages directly inside `pipeline`, and the stages."""
    inside = [path for path in (ROOT / "pipeline").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()]
    outside = [path for path in (ROOT / "stages").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()]
    found = [*inside, *outside]
    return sorted(str(path.relative_to(ROOT)) for path in found if path.name != "__init__.py")


def place_of(room: str) -> Path:
    if room in ELSEWHERE:
        return ROOT / ELSEWHERE[room]
    path = TESTS / room
    return path.with_name(f"test_{path.name}") if path.suffix == ".py" else path


@pytest.mark.parametrize("room", rooms())
def test_every_room_has_its_tests(room: str) -> None:
    """tests/ mirrors pipeline/ and stages/; what lies elsewhere is listed above."""
    there = place_of(room)
    assert there.is_file() or list(there.glob("**/test_*.py")), f"no tests at {there.relative_to(ROOT)}"


def test_the_list_of_exceptions_is_not_longer_than_it_must_be() -> None:
    """An exception whose room is gone, or has its tests at home by now, goes too."""
    for room in ELSEWHERE:
        assert (ROOT / room).exists(), room
        path = TESTS / room
        home = path.with_name(f"test_{path.name}") if path.suffix == ".py" else path
        assert not home.exists(), room


@pytest.mark.parametrize("verb", VERBS)
def test_a_stage_has_its_three_files_and_answers_three_questions(verb: str) -> None:
    """What it decides, what it may lose or repeat, what it never does."""
    folder = ROOT / "stages" / verb
    assert (folder / "worker.py").is_file()
    promise = ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""
    for question in (r"Decides", r"May (lose|repeat|lose or repeat)", r"Never"):
        assert re.search(rf"^{question}( does)?: ", promise, re.MULTILINE), (
            f"stages/{verb}/__init__.py does not say: {question}"
        )
    assert (TESTS / "stages" / verb / "test_decide.py").is_file()


def test_every_stage_of_the_cascade_has_a_package() -> None:
    """And the one beside it, allocate, too."""
    assert set(VERBS) == {*STAGES, "allocate"}


def imported_from_ports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == "pipeline.ports"]
    return {alias.name for node in imports for alias in node.names}


@pytest.mark.parametrize("verb", VERBS)
def test_decisions_take_values_of_ports_and_no_ports(verb: str) -> None:
    """What a decision imports from pipeline.ports is plain data; it could not call a port if it wanted to."""
    names = imported_from_ports(ROOT / "stages" / verb / "decide.py")
    assert not [name for name in names if getattr(getattr(ports, name), "_is_protocol", False)]


@pytest.mark.parametrize("verb", VERBS)
def test_decisions_are_no_coroutines(verb: str) -> None:
    """Nothing in a decision waits."""
    tree = ast.parse((ROOT / "stages" / verb / "decide.py").read_text())
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef | ast.Await)]


def test_every_module_can_be_imported() -> None:
    """None is broken, none does anything when imported."""
    for package in ("pipeline", "stages"):
        for path in sorted((ROOT / package).rglob("*.py")):
            if path.name != "__main__.py":
                name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
                importlib.import_module(name)
