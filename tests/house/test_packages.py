"""The two top-level packages are ours alone, and what is installed is what the project says."""

import importlib.metadata
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


def test_the_command_is_the_composition_root() -> None:
    """`stepwell` starts stages.app, the only module that knows every stage."""
    scripts = importlib.metadata.entry_points(group="console_scripts", name="stepwell")
    assert [script.value for script in scripts] == ["stages.app:main"]
