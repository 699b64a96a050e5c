"""The two top-level packages are ours alone, and what is installed is what the project says."""

import importlib.metadata
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import pipeline
import stages

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("package", ["pipeline", "stages"])
def test_no_other_distribution_provides_our_package(package: str) -> None:
    """Both names are taken by other distributions, which pip would overwrite without a word (docs/adr/0002)."""
    providers = importlib.metadata.packages_distributions().get(package, [])
    assert {provider.lower() for provider in providers} <= {"stepwell"}


def test_the_imported_packages_are_those_of_this_checkout() -> None:
    """No installed copy stands in front of the code under test."""
    assert Path(pipeline.__file__).parent == ROOT / "pipeline"
    assert Path(stages.__file__).parent == ROOT / "stages"


def test_the_command_is_the_same_as_the_module() -> None:
    """`stepwell` and `python -m stages` start stages.app, the only module that knows every stage."""
    scripts = importlib.metadata.entry_points(group="console_scripts", name="stepwell")
    assert [script.value for script in scripts] == ["stages.__main__:main"]


def test_the_wheel_holds_the_program_and_the_default_policies(tmp_path: Path) -> None:
    """Both packages, the policies under the road, the command, and nothing of tests or benches."""
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        entry_points = archive.read(next(name for name in names if name.endswith("entry_points.txt"))).decode()
    packages = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert packages == {"pipeline", "stages"}
    shipped = {Path(name).name for name in names if name.startswith("pipeline/_policies/") and name.endswith(".yaml")}
    assert shipped == {path.name for path in (ROOT / "policies").glob("*.yaml")}
    assert {"pipeline/py.typed", "stages/py.typed"} <= set(names)
    assert "stepwell = stages.__main__:main" in entry_points


def test_make_help_lists_every_target() -> None:
    """A target that is not listed is not found."""
    text = (ROOT / "Makefile").read_text()
    phony = set(re.findall(r"^\.PHONY: (\S+)$", text, re.MULTILINE))
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {line.split()[1] for line in shown.splitlines()} == phony
    assert {"env", "check", "test", "demo", "faults", "bench", "schemas", "lock", "clean"} <= phony
