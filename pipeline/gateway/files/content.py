"""The bytes of a file on their way out: pieces as they were sent, or the rows of a batch, one after the other."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
from aiohttp import web

from pipeline.batch.engine import Engine
from pipeline.batch.model import Batch
from pipeline.batch.render import Render, openai_row
from pipeline.contracts import Reply
from pipeline.gateway.embeddings import embeddings_object
from pipeline.gateway.lines import RESPONSES
from pipeline.gateway.openai import completion_object
from pipeline.gateway.responses import report
from pipeline.gateway.responses_api.answer import response_object
from pipeline.gateway.streaming import CallerGone

__all__ = ["rendered", "rows_of", "send_file"]

_KIND = "application/jsonl"


def rendered(batch: Batch) -> Render:
    """How the bodies of answers of this batch are written: as the endpoint of its lines would have written them."""
    return _response if batch.options.endpoint == RESPONSES else _answer


def _answer(reply: Reply) -> dict[str, Any]:
    if reply.embeddings is not None:
        return embeddings_object(reply, "float")
    return completion_object(reply, int(reply.completed_at))


def _response(reply: Reply) -> dict[str, Any]:
    return response_object(reply, int(reply.completed_at), {})  # what was asked is not kept


async def rows_of(engine: Engine, batch: Batch, *, errors: bool) -> AsyncIterator[bytes]:
    """The lines of the file with answers, or of that with errors, in the order of the input."""
    render = rendered(batch)
    async for row in engine.rows(batch, only="errors" if errors else "answered"):
        yield orjson.dumps(openai_row(row, render)) + b"\n"


async def send_file(
    request: web.Request, pieces: AsyncIterator[bytes], name: str, write_s: float
) -> web.StreamResponse:
    """Send a file. What breaks off on the way ends without its last chunk, so that nobody takes it for whole.

    Raises:
        CallerGone: nobody takes it, or not within `write_s` seconds for a piece.
    """
    headers = {"content-type": _KIND, "content-disposition": f'attachment; filename="{name}.jsonl"'}
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    try:
        async for piece in pieces:
            async with asyncio.timeout(write_s):
                await response.write(piece)
    except (ConnectionError, TimeoutError):
        raise CallerGone from None
    except Exception as error:  # noqa: BLE001 - report() logs where, never what
        report(error)
        raise CallerGone from None
    await response.write_eof()
    return response
