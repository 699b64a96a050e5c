"""Locked requirements: complete, pinned by hash, in step, and without a word about where they came from."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCKS = {path.stem: path for path in (ROOT / "requirements").glob("*.txt")}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(path: Path) -> dict[str, str]:
    """Name -> version."""
    return {normal(name): version for name, version in re.findall(r"^([\w.-]+)==(\S+)", path.read_text(), re.MULTILINE)}


def wanted(requirements: list[str]) -> set[str]:
    return {normal(re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0]) for requirement in requirements}


def test_there_is_a_lock_for_each_use() -> None:
    """Development, the image, and the building of the image."""
    assert set(LOCKS) == {"dev", "runtime", "build"}


@pytest.mark.parametrize("name", ["dev", "runtime", "build"])
def test_every_requirement_has_a_hash(name: str) -> None:
    """`--require-hashes` would refuse the file otherwise."""
    blocks = re.split(r"^(?=[\w.-]+==)", LOCKS[name].read_text(), flags=re.MULTILINE)[1:]
    assert len(blocks) == len(pinned(LOCKS[name])) > 0
    assert all("--hash=sha256:" in block for block in blocks)


@pytest.mark.parametrize("name", ["dev", "runtime", "build"])
def test_a_lock_names_no_index_and_no_machine(name: str) -> None:
    """No address, no folder, no option but hashes."""
    for line in LOCKS[name].read_text().splitlines():
        assert "://" not in line
        assert not re.search(r"(^|\s)/\w", line), line
        assert not line.startswith("-")


def test_the_locks_cover_what_the_project_asks_for() -> None:
    """A dependency that was added without `make lock` is noticed."""
    extras = PROJECT["optional-dependencies"]
    assert wanted(PROJECT["dependencies"]) <= set(pinned(LOCKS["runtime"]))
    assert wanted([*PROJECT["dependencies"], *extras["dev"], *extras["local"]]) <= set(pinned(LOCKS["dev"]))


def test_the_locks_agree() -> None:
    """What runs in the image is what was tested."""
    dev = pinned(LOCKS["dev"])
    for name in ("runtime", "build"):
        assert {package: dev.get(package) for package in pinned(LOCKS[name])} == pinned(LOCKS[name])
