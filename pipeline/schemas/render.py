"""Rendered files and their comparison with what is committed."""

import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML

from pipeline.policy.schema import render as policy_schemas
from pipeline.schemas.asyncapi import asyncapi
from pipeline.schemas.messages import MESSAGES, schema_of

__all__ = ["ROOT", "outdated", "render", "write"]

ROOT: Final = Path(__file__).resolve().parents[2]
"""The checkout. Rendered paths are relative to it."""
FOLDER: Final = Path("schemas")


def render() -> dict[Path, bytes]:
    """Every rendered file: its path in the checkout, and its bytes."""
    files = {FOLDER / f"{name}.schema.json": _json(schema_of(name)) for name in MESSAGES}
    files[FOLDER / "asyncapi.yaml"] = _yaml(asyncapi())
    return files | {Path(path): body for path, body in policy_schemas().items()}


def outdated(files: Mapping[Path, bytes], root: Path = ROOT) -> list[Path]:
    """Those whose committed bytes differ or are missing."""
    return [path for path, body in files.items() if not (root / path).is_file() or (root / path).read_bytes() != body]


def write(files: Mapping[Path, bytes], paths: Iterable[Path], root: Path = ROOT) -> None:
    """Write `paths` of `files` below `root`."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(files[path])


def _json(document: Any) -> bytes:
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def _yaml(document: Any) -> bytes:
    yaml = YAML()
    yaml.width = 120
    yaml.representer.ignore_aliases = lambda *_: True
    buffer = io.BytesIO()
    yaml.dump(document, buffer)
    return (
        b"# Rendered by `make schemas` from pipeline/topology.py and pipeline/contracts. Do not edit.\n"
        + buffer.getvalue()
    )
