"""Renders the JSON Schema of each kind of policy file, for editors. The models are the source.

`python -m pipeline.policy.schema` writes them, from the top of the repository.
"""

from pathlib import Path, PurePosixPath

import orjson

from pipeline.contracts import Json
from pipeline.policy.validate import KINDS

__all__ = ["FOLDER", "render"]

FOLDER = PurePosixPath("policies/schemas")


def render() -> dict[PurePosixPath, bytes]:
    """Every schema file, by its path from the top of the repository."""
    return {FOLDER / f"{kind.lower()}.schema.json": _schema(kind) for kind in KINDS}


def _schema(kind: str) -> bytes:
    schema: dict[str, Json] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **KINDS[kind].model_json_schema(mode="validation"),
    }
    return orjson.dumps(_in_order(schema), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"


def _in_order(value: Json) -> Json:
    """Sets are rendered in no certain order; sorted, two renderings are equal."""
    if isinstance(value, dict):
        return {key: _in_order(child) for key, child in value.items()}
    if isinstance(value, list):
        children = [_in_order(child) for child in value]
        return sorted(children, key=str) if all(isinstance(child, str) for child in children) else children
    return value


if __name__ == "__main__":
    for path, body in render().items():
        Path(path).write_bytes(body)
