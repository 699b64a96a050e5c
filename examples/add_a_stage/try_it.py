"""Adds the stage `moderate` to a copy of the checkout and shows that the house still stands.

    python examples/add_a_stage/try_it.py

The copy is made in a temporary folder and removed again; this checkout stays as it is.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
COPIED = ("pipeline", "stages", "tests", "policies", "schemas", "deploy", "requirements")
FILES = ("pyproject.toml", "docker-compose.yml", "README.md", "LICENSE", "NOTICE", ".dockerignore", "Makefile")
SHOWN_BY = (
    "tests/stages/moderate",
    "tests/house/test_topology.py",
    "tests/house/test_deploy.py",
    "tests/pipeline/schemas/test_rendered.py",
    "tests/pipeline/test_permissions.py",
)


def copy(target: Path) -> None:
    """What the checks need, and nothing that is made by them."""
    for folder in COPIED:
        shutil.copytree(ROOT / folder, target / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, target / name)


def add_stage(target: Path) -> None:
    """The package with its tests, and the nine lines outside of it."""
    for folder in ("stages", "tests"):
        shutil.copytree(HERE / folder, target / folder, dirs_exist_ok=True)
    run(target, "git", "apply", str(HERE / "nine_lines.patch"))


def run(target: Path, *command: str) -> None:
    """Run one command in the copy; end with its exit code when it fails."""
    print("$", *command, flush=True)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    surroundings = {**os.environ, "PATH": path, "PYTHONPATH": str(target), "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=target, env=surroundings, check=False)
    if done.returncode:
        sys.exit(done.returncode)


def main() -> None:
    """Copy, add, render, check, test."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "stepwell"
        target.mkdir()
        copy(target)
        add_stage(target)
        run(target, "python", "-m", "pipeline.schemas")
        run(target, "python", "-m", "pipeline.permissions")
        run(target, "ruff", "check", "--quiet", "stages/moderate", "tests/stages/moderate", "pipeline/topology.py")
        run(target, "lint-imports", "--no-cache")
        run(target, "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", *SHOWN_BY, "-k", "not works_within")
    print("moderate stands between classify and plan")


if __name__ == "__main__":
    main()
