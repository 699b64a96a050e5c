"""Locked requirements: complete, pinned by hash, in step, and without a word about where they came from."""

import importlib.metadata
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

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


PYTHONS = ("3.11.0", "3.11.9", "3.12.0", "3.13.0")


def surroundings() -> list[dict[str, str]]:
    """The Pythons that the project names, on the systems that it runs on."""
    return [
        {
            "python_version": full.rpartition(".")[0],
            "python_full_version": full,
            "sys_platform": platform,
            "platform_system": system,
            "platform_machine": machine,
            "os_name": "posix",
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
            "extra": "",
        }
        for full in PYTHONS
        for platform, system in (("linux", "Linux"), ("darwin", "Darwin"))
        for machine in ("x86_64", "aarch64", "arm64")
    ]


def test_the_lock_is_complete_on_every_python_that_the_project_names() -> None:
    """What an installed package asks for under another Python is locked too, or a fresh machine could not install."""
    locked = set(pinned(LOCKS["dev"]))
    missing = {
        (normal(required.name), str(required.marker), distribution.metadata["Name"])
        for distribution in importlib.metadata.distributions()
        if normal(distribution.metadata["Name"]) in locked
        for required in map(Requirement, distribution.requires or ())
        if normal(required.name) not in locked
        and any(required.marker is None or required.marker.evaluate(around) for around in surroundings())
    }
    assert missing == set()
