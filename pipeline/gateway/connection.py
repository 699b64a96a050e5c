"""One connection of the door: what strangers may make it wait for and hold, beyond what the HTTP library bounds.

The library closes a connection that is idle. It would let one live as long that sends the head of a request byte by
byte, and tells a head that is too large as any other mistake; both are mended here.
"""

import asyncio
from typing import Any, Final, cast

from aiohttp import StreamReader, web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web_protocol import RequestHandler

from pipeline.gateway.limits import Limits
from pipeline.gateway.problems import problem_of_status
from pipeline.gateway.responses import JSON

__all__ = ["Connection", "Full"]

_TOO_LARGE: Final = "the head of the request is larger than this door takes: send fewer or shorter headers"
_UNREADABLE: Final = "this is no HTTP that can be read"
_DEFECT: Final = "a defect in Stepwell; see the log of the door"
_LATE: Final = "the head of the request did not arrive in time"
_FULL: Final = "as many connections are open as this door takes: try again in a moment"
_TOO_MANY: Final = "Too many headers"


class Connection(RequestHandler):
    """A connection whose requests have to begin in time, and whose refusals are told as errors are told elsewhere."""

    __slots__ = ("_body", "_head_bytes", "_head_handle", "_limits")

    def __init__(self, server: web.Server, limits: Limits, **options: Any) -> None:
        super().__init__(server, loop=asyncio.get_running_loop(), **options)
        self._limits = limits
        self._head_handle: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._body: StreamReader | None = None

    def data_received(self, data: bytes) -> None:
        """Bytes came; while they are no whole head, time runs and they are counted."""
        of_body = self._in_body()
        super().data_received(data)
        if self._messages:
            self._body = self._messages[-1][1]
        if self._messages or self._request_in_progress or of_body or self._in_body():
            if self._head_handle is not None:
                self._head_handle.cancel()
                self._head_handle = None
                self._head_bytes = 0
        elif data and not self._force_close and not self._close:
            self._wait_for_head(len(data))

    def connection_lost(self, exc: BaseException | None) -> None:
        """It is gone."""
        if self._head_handle is not None:
            self._head_handle.cancel()
            self._head_handle = None
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is no request, without a word of what was sent."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was begun already")
        said = _DEFECT if status >= 500 else _UNREADABLE
        if isinstance(exc, LineTooLong) or (message or "").startswith(_TOO_MANY):
            status, said = 431, _TOO_LARGE
        problem = problem_of_status(status, said)
        response = web.Response(status=status, body=problem.body, headers=problem.headers, content_type=JSON)
        response.force_close()
        return response

    def _in_body(self) -> bool:
        """Whether a body is still to come.

        Between its head and the task that answers lies a turn of the loop, and after an early answer the rest of it
        comes all the same.
        """
        return self._body is not None and not self._body.is_eof()

    def _wait_for_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > self._limits.head_bytes:
            self._refuse(431, _TOO_LARGE)
        elif self._head_handle is None:
            self._head_handle = asyncio.get_running_loop().call_later(self._limits.head_s, self._late)

    def _late(self) -> None:
        self._head_handle = None
        if not self._request_in_progress and not self._messages and not self._in_body():
            self._refuse(408, _LATE)

    def _refuse(self, status: int, sentence: str) -> None:
        if self.transport is not None:
            self.transport.write(_raw(status, sentence))
        self.force_close()


class Full(asyncio.Protocol):
    """A connection more than the door takes: told so, and closed, before anything is read of it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Tell and close."""
        writing = cast("asyncio.WriteTransport", transport)  # those of uvloop are none by their class
        writing.write(_raw(503, _FULL, retry_after=1))
        writing.close()


_REASONS: Final = {408: "Request Timeout", 431: "Request Header Fields Too Large", 503: "Service Unavailable"}


def _raw(status: int, sentence: str, *, retry_after: int | None = None) -> bytes:
    """An answer for where there is no request to answer."""
    body = problem_of_status(status, sentence).body
    retry = "" if retry_after is None else f"Retry-After: {retry_after}\r\n"
    head = f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: {JSON}\r\nContent-Length: {len(body)}\r\n{retry}"
    return f"{head}Connection: close\r\n\r\n".encode() + body
