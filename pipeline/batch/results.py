"""The answers of a batch in the order of its file, one JSON object for each line."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from pipeline.batch.manifest import Label, Manifest, Shelf, request_id
from pipeline.contracts import ErrorBody, Reply
from pipeline.ports import ResultStore

__all__ = ["Render", "rows"]

WINDOW: Final = 32
"""Results that are fetched at the same time."""

Render = Callable[[Reply], dict[str, Any]]
"""The body of an OpenAI chat completion."""

Row = dict[str, Any]


async def rows(manifest: Manifest, shelf: Shelf, results: ResultStore, render: Render) -> AsyncIterator[Row | None]:
    """One row for each line in the order of the file; None for a line that has not ended.

    In the form of the file: lines of OpenAI's batch API get `{id, custom_id, response, error}`, our own get
    `{line, custom_id, reply}` or `{line, custom_id, error}`.
    """
    places = asyncio.Semaphore(WINDOW)

    async def fetch(label: Label) -> Reply | None:
        if label.problem is not None:
            return None
        async with places:
            return await results.get(manifest.tenant, request_id(manifest.id, label.number))

    async for labels in shelf.labels(manifest):
        replies = await asyncio.gather(*(fetch(label) for label in labels))
        for label, reply in zip(labels, replies, strict=True):
            yield None if reply is None and label.problem is None else _row(manifest, label, reply, render)


def _row(manifest: Manifest, label: Label, reply: Reply | None, render: Render) -> Row:
    error = label.problem or (reply.error if reply else None)
    if manifest.form == "openai":
        return _openai(manifest, label, reply, error, render)
    row: Row = {"line": label.number, "custom_id": label.custom_id}
    if reply is None:
        return row | {"error": _shown(error)}
    return row | {"reply": reply.model_dump(mode="json")}


def _openai(manifest: Manifest, label: Label, reply: Reply | None, error: ErrorBody | None, render: Render) -> Row:
    own = request_id(manifest.id, label.number)
    row: Row = {"id": own, "custom_id": label.custom_id, "response": None, "error": None}
    if reply is not None and reply.status == "answered":
        response = {"status_code": 200, "request_id": own, "body": render(reply)}
        return row | {"response": response}
    return row | {"error": _shown(error)}


def _shown(error: ErrorBody | None) -> Row:
    if error is None:
        return {"code": "internal", "message": "the reply names no reason"}
    return error.model_dump(exclude_none=True)
