"""The program itself: Python, our two packages, the programs that come along, the language pipeline."""

import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any, Final

from pipeline.adapters.pii.labels import MODEL
from pipeline.adapters.pii.languages import without_pipeline
from pipeline.embedded.binaries import nats_server, valkey_server
from pipeline.embedded.doctor.finding import Finding, attention, good, problem
from pipeline.errors import PartMissing

__all__ = ["OURS", "languages", "nlp", "packages", "programs", "python"]

OURS: Final = "stepwell"
_OLDEST: Final = (3, 11)
_PACKAGES: Final = ("pipeline", "stages")


def python(version: tuple[int, int] = sys.version_info[:2]) -> Finding:
    """The interpreter is one we are tested with."""
    shown = ".".join(str(number) for number in version)
    if version < _OLDEST:
        return problem("python", f"Python {shown} is too old", "install Python 3.11 or later")
    return good("python", f"Python {shown}")


def packages(owners: Mapping[str, Sequence[str]] | None = None) -> Finding:
    """The top-level packages `pipeline` and `stages` belong to nobody else: pip overwrites such names in silence."""
    known = packages_distributions() if owners is None else owners
    strangers = {name: sorted({*known.get(name, ())} - {OURS}) for name in _PACKAGES}
    named = [f"{name} (also of {', '.join(others)})" for name, others in strangers.items() if others]
    if named:
        return problem(
            "packages",
            f"another distribution owns {' and '.join(named)}",
            "install Stepwell into an environment of its own",
        )
    return good("packages", "pipeline and stages are ours alone")


def programs() -> tuple[Finding, ...]:
    """nats-server and valkey-server can be found."""
    return _program("nats-server", nats_server), _program("valkey-server", valkey_server)


def _program(name: str, locate: Callable[[], Path]) -> Finding:
    try:
        return good(name, f"{name} is at {locate()}")
    except PartMissing as error:
        sentence, _, advice = error.message.partition("; ")
        return problem(name, sentence, advice)


def nlp(model: str = MODEL, environment: Mapping[str, str] = os.environ) -> Finding:
    """The language pipeline that finds names can be loaded, and the model of names that was chosen for it."""
    try:
        importlib.import_module(model).load()
        models: Any = importlib.import_module("pipeline.adapters.pii.models")
        _, version, troubles = models.best(models.roots_from(environment))
    except (ImportError, OSError, ValueError, AttributeError) as error:
        sentence = (
            f"the language pipeline {model} cannot be loaded ({type(error).__name__}): requests count as restricted"
        )
        return problem("nlp", sentence, f"install the package {model.replace('_', '-')}")
    if troubles:
        sentence = f"names are found by {version}, because another model is not usable: {'; '.join(troubles)}"
        return attention("nlp", sentence, "train it again with `stepwell pii train`, or unset STEPWELL_NAMES")
    return good("nlp", f"the language pipeline loads; names are found by {version} ({_origin(models, environment)})")


def _origin(models: Any, environment: Mapping[str, str]) -> str:
    """Where the model of names in force comes from."""
    for root in models.roots_from(environment):
        digest = models.active(root)
        if digest == models.STOCK:
            return "stock"
        if digest is not None:
            return "the one that Stepwell brings along" if root == models.SHIPPED else f"installed in {root}"
    return "stock"


def languages(configured: Sequence[str]) -> Finding:
    """Every language that the policy wants names looked for in has a pipeline."""
    missing = without_pipeline(configured)
    if not missing:
        return good("languages", f"names can be found in {', '.join(configured)}")
    return attention(
        "languages",
        f"no language pipeline is installed for {', '.join(missing)}: names in such texts are not looked for",
        "install one that docs/PII.md names, or take the language out of scan.languages in residency.yaml",
    )
