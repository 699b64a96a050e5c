"""Imported configurations for tests: the configs that lie beside them, their leaves, and what must not leak."""

from pathlib import Path

import pytest

from pipeline.embedded.options import default_policies
from pipeline.migrate import Imported, imported, residency_for
from pipeline.policy import Policy
from pipeline.policy.load import load_folder

CONFIGS = Path(__file__).parents[1] / "pipeline" / "migrate" / "configs"
NAMES = sorted(path.name for path in CONFIGS.iterdir())
every_config = pytest.mark.parametrize("name", NAMES)
DAY = "2026-11-21"


def translated(name: str) -> Imported:
    """One of the configs that lie here."""
    return imported(name, (CONFIGS / name).read_bytes(), on_day=DAY)


def from_text(text: str, name: str = "config") -> Imported:
    """A config written in a test."""
    return imported(name, text.encode(), on_day=DAY)


def loaded(made: Imported, folder: Path) -> Policy:
    """The policy of an import, with the residency rules that ship and a value for each variable."""
    for name, text in made.files.items():
        (folder / name).write_text(text, encoding="utf-8")
    providers = {str(part.spec["provider"]) for part in made.draft.targets.values()}
    shipped = (default_policies() / "residency.yaml").read_text(encoding="utf-8")
    (folder / "residency.yaml").write_text(residency_for(shipped, providers), encoding="utf-8")
    return load_folder(folder, dict.fromkeys(made.variables, "http://127.0.0.1:1"))


def stands(made: Imported, place: str) -> bool:
    """Whether a place of the policy (`targets.gpt-4o.price.input`) is there in the files that were drafted."""
    section, *path = place.split(".")
    draft = made.draft
    node: object = {
        "targets": {name: part.spec for name, part in draft.targets.items()},
        "variants": {name: part.spec for name, part in draft.variants.items()},
        "routes": {str(part.spec["name"]): part.spec for part in draft.routes},
        "limits": {name: part.spec for name, part in draft.limits.items()},
        "budgets": {str(part.spec["name"]): part.spec for part in draft.budgets},
    }[section]
    for part in path:
        if not isinstance(node, dict) or part not in node:
            return False
        node = node[part]
    return bool(section)
