"""One streamed answer over HTTP."""

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from typing import Final, Protocol

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from pipeline.adapters.patience import Patience
from pipeline.contracts import Chunk, Reply
from pipeline.errors import StepwellError, TransportUnavailable
from pipeline.gateway.problems import Problem, problem_of_error, problem_of_status
from pipeline.gateway.responses import report

__all__ = ["CallerGone", "EventWriter", "Tap", "send", "send_bytes"]

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


class Tap:
    """Takes pieces of an answer in the moment in which they are made, and writes them to the caller's socket at once.

    It takes none before the answer to the caller has begun, none while the socket holds as much as it should, and none
    once anything went wrong: then they go the way on which somebody can wait, and be told.
    """

    def __init__(self) -> None:
        self._write: Callable[[Chunk], None] | None = None
        self._request: web.Request | None = None
        self._trouble: Exception | None = None

    def open(self, request: web.Request, write: Callable[[Chunk], None]) -> None:
        """From now on `write` writes them to the caller of `request`."""
        self._request, self._write = request, write

    def shut(self) -> None:
        """From now on none is taken."""
        self._write = None

    def check(self) -> None:
        """Raise what went wrong."""
        if self._trouble is not None:
            raise self._trouble

    def __call__(self, chunk: Chunk) -> bool:
        """Whether it took the piece."""
        write, request = self._write, self._request
        if write is None or request is None:
            return False
        transport = request.transport
        if transport is None or transport.is_closing() or request.protocol.writing_paused:
            return False
        try:
            write(chunk)
        except Exception as error:  # noqa: BLE001 - it is of the one who sends, not of the one who says it
            self._trouble = error
            self.shut()
            return False
        return True


async def send(
    request: web.Request,
    headers: Mapping[str, str],
    events: EventWriter,
    first: Chunk | Reply,
    rest: AsyncIterator[Chunk | Reply],
    write_s: float,
    tap: Tap | None = None,
) -> web.StreamResponse:
    """Send the events of `first` and `rest`, and of what `tap` takes; trouble on the way becomes a last event.

    Raises:
        CallerGone: nobody takes it, or not within `write_s` seconds for a piece.
    """
    tap = tap or Tap()

    async def pass_on(write: _Writer) -> None:
        last = first
        await write(_event(events, first))
        tap.open(request, lambda chunk: write.at_once(events.chunk(chunk)))
        async for last in rest:
            tap.check()
            await write(_event(events, last))
        if isinstance(last, Chunk):
            raise TransportUnavailable("the answer broke off; ask again")

    try:
        return await _sent(request, headers, pass_on, events.broke_off, write_s)
    finally:
        tap.shut()


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

    async def pass_on(write: _Writer) -> None:
        async for piece in pieces:
            await write(piece)

    return await _sent(request, headers, pass_on, broke_off, write_s)


async def _sent(
    request: web.Request,
    headers: Mapping[str, str],
    pass_on: "Callable[[_Writer], Awaitable[None]]",
    broke_off: Callable[[Problem], bytes],
    write_s: float,
) -> web.StreamResponse:
    response = web.StreamResponse(headers={**headers, **_HEADERS})
    await response.prepare(request)
    try:
        with Patience() as patience:
            await _pass_on(_Writer(response, request.writer, patience, write_s), pass_on, broke_off)
    except TimeoutError:
        raise CallerGone from None
    await response.write_eof()
    return response


async def _pass_on(
    write: "_Writer", pass_on: "Callable[[_Writer], Awaitable[None]]", broke_off: Callable[[Problem], bytes]
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

    __slots__ = ("_patience", "_response", "_write_s", "_writer")

    def __init__(
        self, response: web.StreamResponse, writer: AbstractStreamWriter, patience: Patience, write_s: float
    ) -> None:
        self._response = response
        self._writer = writer
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

    def at_once(self, piece: bytes) -> None:
        """Write, and wait for nothing: whoever has the next piece looks first whether there is room."""
        if not piece:
            return
        try:
            _now(self._writer.write(piece, drain=False))  # type: ignore[call-arg]  # the one there is takes it
        except ConnectionError:
            raise CallerGone from None


def _now(work: Coroutine[None, None, None]) -> None:
    """Do what waits for nothing."""
    try:
        work.send(None)
    except StopIteration:
        return
    raise RuntimeError("a write had to wait")


def _event(events: EventWriter, item: Chunk | Reply) -> bytes:
    return events.chunk(item) if isinstance(item, Chunk) else events.end(item)
