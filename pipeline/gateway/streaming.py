"""One streamed answer over HTTP."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Final, Protocol

from aiohttp import web

from pipeline.adapters.patience import Patience
from pipeline.contracts import Chunk, Reply
from pipeline.errors import StepwellError, TransportUnavailable
from pipeline.gateway.problems import Problem, problem_of_error, problem_of_status
from pipeline.gateway.responses import report

__all__ = ["CallerGone", "EventWriter", "send", "send_bytes"]

_HEADERS: Final = {"content-type": "text/event-stream", "cache-control": "no-cache", "x-accel-buffering": "no"}
_Write = Callable[[bytes], Awaitable[None]]
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

    async def pass_on(write: _Write) -> None:
        last = first
        await write(_event(events, first))
        async for last in rest:
            await write(_event(events, last))
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

    async def pass_on(write: _Write) -> None:
        async for piece in pieces:
            await write(piece)

    return await _sent(request, headers, pass_on, broke_off, write_s)


async def _sent(
    request: web.Request,
    headers: Mapping[str, str],
    pass_on: Callable[[_Write], Awaitable[None]],
    broke_off: Callable[[Problem], bytes],
    write_s: float,
) -> web.StreamResponse:
    response = web.StreamResponse(headers={**headers, **_HEADERS})
    await response.prepare(request)
    try:
        with Patience() as patience:
            await _pass_on(_Writer(response, patience, write_s), pass_on, broke_off)
    except TimeoutError:
        raise CallerGone from None
    await response.write_eof()
    return response


async def _pass_on(
    write: _Write, pass_on: Callable[[_Write], Awaitable[None]], broke_off: Callable[[Problem], bytes]
) -> None:
    """Pass everything on; trouble becomes a last event."""
    try:
        await pass_on(write)
    except StepwellError as error:
        await write(broke_off(problem_of_error(error)))
    except CallerGone:
        raise
    except Exception as error:  # noqa: BLE001 - report() logs where, never what
        report(error)
        await write(broke_off(problem_of_status(500, _BROKE_OFF)))


class _Writer:
    """Writes pieces, each within its time. Raises `CallerGone` where nobody takes them."""

    __slots__ = ("_patience", "_response", "_write_s")

    def __init__(self, response: web.StreamResponse, patience: Patience, write_s: float) -> None:
        self._response = response
        self._patience = patience
        self._write_s = write_s

    async def __call__(self, piece: bytes) -> None:
        if not piece:
            return
        self._patience.wait(self._write_s)
        try:
            await self._response.write(piece)
        except ConnectionError:
            raise CallerGone from None
        self._patience.rest()


def _event(events: EventWriter, item: Chunk | Reply) -> bytes:
    return events.chunk(item) if isinstance(item, Chunk) else events.end(item)
