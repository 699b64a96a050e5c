"""The policy of the run: that of the product, with a calibrator made of the fitting half in the four routes."""

import shutil
from pathlib import Path
from typing import Final

from ruamel.yaml import YAML

from evaluation.live.cases import KINDS

__all__ = ["CALIBRATOR", "calibrated", "plain"]

CALIBRATOR: Final = "calibrators/live.json"
DRAFTS: Final = 20
"""Drafts of a route from which on it is judged whether they pay; the fitting half has 40 questions of each kind."""


def plain(policies: Path, folder: Path) -> Path:
    """A copy of the policies to start from."""
    shutil.copytree(policies, folder)
    return folder


def calibrated(folder: Path, calibrator: bytes) -> None:
    """Let the thresholds of the calibrator hold, and leave drafts out where the record says that they do not pay."""
    (folder / CALIBRATOR).parent.mkdir(exist_ok=True)
    (folder / CALIBRATOR).write_bytes(calibrator)
    yaml = YAML()
    routes = yaml.load(folder / "routes.yaml")
    for route in routes["routes"]:
        if route["name"] in KINDS.values():
            route["accept"] = {"confidence": "promised", "calibrator_file": CALIBRATOR}
            route["skip_draft"] = {"when": "latency", "minimum": DRAFTS}
            route["on_exhausted"] = "degrade"
    yaml.dump(routes, folder / "routes.yaml")
