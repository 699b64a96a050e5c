"""One streamed answer over HTTP."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Final, Protocol

from aiohttp import web

from pipeline.contracts import Chunk, Reply
from pipeline.errors import StepwellError, TransportUnavailable
from pipeline.gateway.problems import Problem, problem_of_error, problem_of_status
from pipeline.gateway.responses import report

__all__ = ["CallerGone", "EventWriter", "send", "send_bytes"]

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

    async def pass_on(response: web.StreamResponse) -> None:
        last = first
        await _write(response, _event(events, first), write_s)
        async for last in rest:
            await _write(response, _event(events, last), write_s)
        if isinstance(last, Chunk):
            raise TransportUnavailable("the answer broke off; ask again")

    return await _sent(request, headers, pass_on, events.broke_off, write_s)


async def send_bytes(
    request: web.Request,
    headers: Mapping[str, str],
    pieces: AsyncIterator[bytes],
    broke_off: Callable[[Problem], bytes],
    write_s: float,
) -> web.StreamResponse:
    """Send events that are written already; trouble on the way becomes a last event, as `broke_off` writes it.

    Raises:
        CallerGone: see `send`.
    """

    async def pass_on(response: web.StreamResponse) -> None:
        async for piece in pieces:
            await _write(response, piece, write_s)

    return await _sent(request, headers, pass_on, broke_off, write_s)


async def _sent(
    request: web.Request,
    headers: Mapping[str, str],
    pass_on: Callable[[web.StreamResponse], Awaitable[None]],
    broke_off: Callable[[Problem], bytes],
    write_s: float,
) -> web.StreamResponse:
    response = web.StreamResponse(headers={**headers, **_HEADERS})
    await response.prepare(request)
    try:
        await pass_on(response)
    except StepwellError as error:
        await _write(response, broke_off(problem_of_error(error)), write_s)
    except CallerGone:
        raise
    except Exception as error:  # noqa: BLE001 - report() logs where, never what
        report(error)
        await _write(response, broke_off(problem_of_status(500, _BROKE_OFF)), write_s)
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
