"""The worked example of CONTRIBUTING.md holds: a stage in nine lines outside its own package."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "add_a_stage"


def added_lines() -> list[str]:
    lines = (EXAMPLE / "nine_lines.patch").read_text().splitlines()
    return [line for line in lines if line.startswith("+") and not line.startswith("+++") and line.strip() != "+"]


def test_it_takes_nine_lines() -> None:
    """As the text says; blank lines not counted."""
    assert len(added_lines()) == 9


@pytest.mark.timeout(300)
def test_the_stage_can_be_added() -> None:
    """Patch, rendering, lint, import contracts and tests pass in a copy of the checkout."""
    done = subprocess.run(
        [sys.executable, EXAMPLE / "try_it.py"], capture_output=True, text=True, check=False, timeout=280
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "moderate stands between classify and plan" in done.stdout
