"""Documentation that runs: what is printed is what the program prints, and what is named exists."""

import importlib.util
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
from ruamel.yaml import YAML

from pipeline import topology
from pipeline.cli.hooks import Hooks
from pipeline.cli.main import make_app
from stages.app import run_worker

ROOT = Path(__file__).resolve().parents[2]
CLI: Any = typer.main.get_command(make_app(Hooks(run_worker)))
WRITTEN = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "docs/ARCHITECTURE.md")),
    *sorted(ROOT.glob("docs/**/*.md")),
    *sorted(ROOT.glob("examples/**/*.md")),
]
DECISIONS = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))


def render() -> Any:
    spec = importlib.util.spec_from_file_location("docs_render", ROOT / "docs" / "render.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RENDER = render()


def exists(test: str) -> bool:
    """Whether `path::name` is a test."""
    path, _, name = test.partition("::")
    return (ROOT / path).is_file() and re.search(rf"def {name}\(", (ROOT / path).read_text()) is not None


# ---------------------------------------------------------------- printed parts


@pytest.mark.parametrize("name", sorted(RENDER.PARTS))
def test_the_printed_parts_are_those_of_the_program(name: str) -> None:
    """`make schemas` would change nothing."""
    assert (ROOT / name).read_text() == RENDER.render(name)


def test_the_readme_shows_the_cascade_as_the_table_has_it() -> None:
    """The diagram of the README is `topology.mermaid()`, word for word."""
    assert f"```mermaid\n{topology.mermaid()}\n```" in (ROOT / "README.md").read_text()


def test_a_part_without_a_place_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A marker that somebody removed is missed."""
    monkeypatch.setitem(RENDER.PARTS, "README.md", {"surprise": lambda: ""})
    with pytest.raises(ValueError, match="surprise"):
        RENDER.render("README.md")


# ---------------------------------------------------------------- commands


def commands(path: Path) -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


STEPWELL = [line for path in dict.fromkeys(WRITTEN) for line in commands(path) if line.startswith("stepwell ")]
MAKE = re.findall(r"`?make ([a-z-]+)", "\n".join(path.read_text() for path in WRITTEN))


@pytest.mark.parametrize("line", STEPWELL)
def test_every_command_that_is_shown_is_taken(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Verbs, options and arguments of the documentation are those of the program."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "requests.jsonl").touch()
    words = shlex.split(line, comments=True)[1:]
    command: Any = CLI
    while words and words[0] in getattr(command, "commands", {}):
        command, words = command.commands[words[0]], words[1:]
    assert not hasattr(command, "commands"), line
    command.make_context("stepwell", words)


def test_commands_are_shown() -> None:
    """The measure itself finds them."""
    assert len(STEPWELL) > 10
    assert {"demo", "test", "schemas"} <= set(MAKE)


def test_every_target_of_make_that_is_named_exists() -> None:
    """No text sends anybody to a target that is gone."""
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    words = {"all", "it", "sure", "are"}
    assert set(MAKE) - words <= targets


# ---------------------------------------------------------------- what is named


@pytest.mark.parametrize("path", list(dict.fromkeys(WRITTEN)), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    """Every relative link is a file."""
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
        assert "://" in target or (path.parent / target).exists(), target


@pytest.mark.parametrize("path", list(dict.fromkeys(WRITTEN)), ids=lambda path: str(path.relative_to(ROOT)))
def test_named_files_exist(path: Path) -> None:
    """Every path in backticks that begins in a room of ours is there."""
    rooms = r"(?:pipeline|stages|tests|schemas|policies|deploy|docs|examples|bench)"
    for named in re.findall(rf"`({rooms}/[\w./-]+)`", path.read_text()):
        inside = path.parent / named
        assert (ROOT / named).exists() or inside.exists(), named


INVARIANTS = re.findall(r"^\| .+ \| `(tests/[^`]+)` \|$", (ROOT / "docs" / "ARCHITECTURE.md").read_text(), re.MULTILINE)


@pytest.mark.parametrize("test", INVARIANTS)
def test_the_test_that_keeps_an_invariant_exists(test: str) -> None:
    """An invariant that names no living test is a wish."""
    assert exists(test)


def test_every_invariant_names_a_test() -> None:
    """No row of the table is without one."""
    text = (ROOT / "docs" / "ARCHITECTURE.md").read_text()
    rows = text.partition("| never | kept by |\n|---|---|\n")[2].partition("\n\n")[0].splitlines()
    assert len(rows) == len(INVARIANTS) > 10


def test_every_room_is_described() -> None:
    """The table of rooms has those of the import contract, in their order."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["id"] == "rooms")
    kept = [name for layer in layers for name in re.findall(r"[a-z]+", layer)]
    text = (ROOT / "docs" / "ARCHITECTURE.md").read_text().partition("| room | does |")[2].partition("\n\n")[0]
    described = [
        name
        for line in text.splitlines()
        for name in re.findall(r"`([a-z]+)`", line.split("|")[1:2][0] if "|" in line else "")
    ]
    assert sorted(described) == sorted(kept)


# ---------------------------------------------------------------- decisions


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.name)
def test_a_decision_has_its_head_and_names_the_test_that_keeps_it(path: Path) -> None:
    """Title, status, date and test, in this order; and the parts that make a decision understandable."""
    text = path.read_text()
    head = re.match(r"# (\d{4})\. .+\n\nStatus: (accepted|superseded by \d{4})\nDate: (.+)\nKept by: (\S+)\n", text)
    assert head is not None
    assert path.name.startswith(head[1])
    assert exists(head[4])
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## Context",
        "## Decision",
        "## Consequences",
    ]


def test_decisions_are_numbered_without_gaps() -> None:
    """The next one is the next number."""
    assert [path.name[:4] for path in DECISIONS] == [f"{number:04}" for number in range(1, len(DECISIONS) + 1)]


def test_decisions_named_in_the_tree_exist() -> None:
    """A comment that refers to a decision can be followed."""
    numbers = {path.name[:4] for path in DECISIONS}
    for path in [*ROOT.glob("pipeline/**/*.py"), *ROOT.glob("stages/**/*.py"), ROOT / "pyproject.toml"]:
        for named in re.findall(r"docs/adr/(\d{4})", path.read_text()):
            assert named in numbers, path


def test_ci_runs_the_command_of_the_readme() -> None:
    """What CI runs is what the README tells everybody to run."""
    script = (ROOT / ".ci" / "run").read_text()
    assert script.splitlines()[-1] == "make test"
    assert "make test" in "\n".join(commands(ROOT / "README.md"))


def test_compose_profiles_of_the_readme_exist() -> None:
    """Profiles that are named can be chosen."""
    services = YAML(typ="safe").load(ROOT / "docker-compose.yml")["services"]
    known = {profile for service in services.values() for profile in service.get("profiles", ())}
    named = set(re.findall(r"--profile (\w+)", (ROOT / "README.md").read_text()))
    assert named <= known
