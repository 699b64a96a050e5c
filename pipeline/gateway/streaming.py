"""One streamed answer over HTTP."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Final, Protocol

from aiohttp import web

from pipeline.contracts import Chunk, Reply
from pipeline.errors import StepwellError, TransportUnavailable
from pipeline.gateway.problems import Problem, problem_of_error, problem_of_status
from pipeline.gateway.responses import report

__all__ = ["CallerGone", "EventWriter", "send"]

_HEADERS: Final = {"content-type": "text/event-stream", "cache-control": "no-cache", "x-accel-buffering": "no"}
_BROKE_OFF: Final = "Stepwell could not end the answer; see the log of the door"


class CallerGone(ConnectionError):
    """The caller closed the connection, or does not take what is sent."""


class EventWriter(Protocol):
    """Writes the events of one stream in the dialect of its API."""

    def chunk(self, chunk: Chunk) -> bytes:
        """The events of a piece; nothing where there are none."""
        ...

    def end(self, reply: Reply) -> bytes:
        """The last events of the stream."""
        ...

    def broke_off(self, problem: Problem, reply: Reply | None = None) -> bytes:
        """The last events of a stream that did not come to its end."""
        ...


async def send(
    request: web.Request,
    headers: Mapping[str, str],
    events: EventWriter,
    first: Chunk | Reply,
    rest: AsyncIterator[Chunk | Reply],
    write_s: float,
) -> web.StreamResponse:
    """Send the events of `first` and `rest`; trouble on the way becomes a last event.

    Raises:
        CallerGone: nobody takes it, or not within `write_s` seconds for a piece.
    """
    response = web.StreamResponse(headers={**headers, **_HEADERS})
    await response.prepare(request)
    last = first
    try:
        await _write(response, _event(events, first), write_s)
        async for last in rest:
            await _write(response, _event(events, last), write_s)
        if isinstance(last, Chunk):
            raise TransportUnavailable("the answer broke off; ask again")
    except StepwellError as error:
        await _write(response, events.broke_off(problem_of_error(error)), write_s)
    except CallerGone:
        raise
    except Exception as error:  # noqa: BLE001 - report() logs where, never what
        report(error)
        await _write(response, events.broke_off(problem_of_status(500, _BROKE_OFF)), write_s)
    await response.write_eof()
    return response


def _event(events: EventWriter, item: Chunk | Reply) -> bytes:
    return events.chunk(item) if isinstance(item, Chunk) else events.end(item)


async def _write(response: web.StreamResponse, event: bytes, write_s: float) -> None:
    if not event:
        return
    try:
        async with asyncio.timeout(write_s):
            await response.write(event)
    except (ConnectionError, TimeoutError):
        raise CallerGone from None
