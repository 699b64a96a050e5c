"""Rows as they are written: our own form, and the lines of OpenAI's batch API."""

from collections.abc import Callable
from typing import Any

import orjson

from pipeline.batch.model import Row
from pipeline.contracts import ErrorBody, Reply

__all__ = ["Render", "openai_row", "own_row", "written"]

Render = Callable[[Reply], dict[str, Any]]
"""The body that the endpoint of a line would have answered with."""


def own_row(row: Row) -> dict[str, Any]:
    """`{line, custom_id, status}` and the reply or the error; `same_as` where the answer is that of another line."""
    shown: dict[str, Any] = {"line": row.line, "custom_id": row.custom_id, "status": row.status}
    if row.same_as is not None:
        shown["same_as"] = row.same_as if row.of is None else {"batch": row.of, "line": row.same_as}
    if row.round:
        shown["round"] = row.round
    if row.reply is None:
        return shown | {"error": _shown(row.error)}
    return shown | {"reply": row.reply.model_dump(mode="json", exclude_none=True)}


def openai_row(row: Row, render: Render) -> dict[str, Any]:
    """`{id, custom_id, response, error}`."""
    shown: dict[str, Any] = {"id": row.request_id, "custom_id": row.custom_id, "response": None, "error": None}
    if row.reply is not None and row.status == "answered":
        return shown | {"response": {"status_code": 200, "request_id": row.request_id, "body": render(row.reply)}}
    return shown | {"error": _shown(row.error)}


def written(row: Row, form: str, render: Render) -> bytes:
    """A line of the output, in the form of the batch."""
    return orjson.dumps(openai_row(row, render) if form == "openai" else own_row(row)) + b"\n"


def _shown(error: ErrorBody | None) -> dict[str, Any]:
    if error is None:
        return {"code": "internal", "message": "the reply names no reason"}
    return error.model_dump(exclude_none=True)
