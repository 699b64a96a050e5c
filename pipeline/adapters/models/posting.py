"""POST requests over kept connections: the part of HTTP that a call of a model needs.

Connections, TLS, names and parsing are those of aiohttp. Its session makes every request anew out of an address,
headers, cookies, redirects, traces and a task that writes; here what is the same for an address is written once.
"""

import asyncio
from collections.abc import Mapping
from typing import Final

import aiohttp
from aiohttp.client_reqrep import ClientRequest
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

__all__ = ["Address", "Posted", "Posting"]

_KEPT_ALIVE_S: Final = 60.0
_DNS_S: Final = 60
_SWITCHES: Final = 101


class Address:
    """Where requests go, with what is the same in each of them.

    Args:
        url: the page.
        headers: of every request; `Host` and its like are added.
        connect_s: how long a new connection may take.
    """

    __slots__ = ("_headers", "_parts", "_url", "timeout")

    def __init__(self, url: URL, headers: dict[str, str], connect_s: float | None) -> None:
        self._url = url
        self._headers = headers
        self._parts: tuple[ClientRequest, str] | None = None
        self.timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_s)

    @property
    def parts(self) -> tuple[ClientRequest, str]:
        """What finds a connection, and how each request begins."""
        if self._parts is None:
            made = ClientRequest(
                "POST",
                self._url,
                headers=self._headers,
                skip_auto_headers=("Accept-Encoding",),
                loop=asyncio.get_running_loop(),
            )
            shared = {name: value for name, value in made.headers.items() if name != "Content-Length"}
            self._parts = made, f"POST {made.url.raw_path_qs} HTTP/1.1\r\n{_lines(shared)}"
        return self._parts


class Posted:
    """The answer to a request, whose body is still to be read. Leaving its context gives the connection back.

    Attributes:
        status: of HTTP.
        content: the body as it comes.
    """

    __slots__ = ("_connection", "_headers", "content", "status")

    def __init__(
        self,
        connection: aiohttp.connector.Connection,
        message: aiohttp.http.RawResponseMessage,
        content: aiohttp.StreamReader,
    ) -> None:
        self._connection = connection
        self._headers = message.headers
        self.status = message.code
        self.content = content
        content.on_eof(connection.release)

    async def __aenter__(self) -> "Posted":
        """Itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Give the connection back; one whose answer was not read to its end is closed."""
        self._connection.release()

    def header(self, name: str) -> str | None:
        """The value of a header."""
        return self._headers.get(name)

    @property
    def content_type(self) -> str:
        """The type of the body, without parameters."""
        return self._headers.get("Content-Type", "").partition(";")[0].strip().lower()

    @property
    def content_length(self) -> int | None:
        """How long the body is; None: that shows at its end."""
        length = self._headers.get("Content-Length")
        return None if length is None else int(length)

    async def read(self) -> bytes:
        """All of the body."""
        return await self.content.read()

    def close(self) -> None:
        """Read no more; the connection is not used again."""
        self._connection.close()


class Posting:
    """Sends requests. It begins with its first one, in the loop that runs then."""

    def __init__(self) -> None:
        self._connector: aiohttp.TCPConnector | None = None

    async def post(self, address: Address, headers: Mapping[str, str], body: bytes) -> Posted:
        """Send `body`, with `headers` of its own beside those of the address; return when an answer began.

        Raises:
            aiohttp.ConnectionTimeoutError: there was no connection in time.
            aiohttp.ClientError: it could not be sent, or what came is no HTTP.
        """
        request, begin = address.parts
        head = f"{begin}{_lines(headers)}Content-Length: {len(body)}\r\n\r\n"
        try:
            connection = await self._connected().connect(request, [], address.timeout)
        except TimeoutError as error:
            raise aiohttp.ConnectionTimeoutError from error
        try:
            protocol, transport = connection.protocol, connection.transport
            if protocol is None or transport is None:
                raise aiohttp.ServerDisconnectedError
            protocol.set_response_params(read_until_eof=True)
            transport.write(head.encode() + body)
            message, content = await protocol.read()
            while message.code < 200 and message.code != _SWITCHES:
                message, content = await protocol.read()
            return Posted(connection, message, content)
        except HttpProcessingError as error:
            connection.close()
            raise aiohttp.ClientResponseError(request.request_info, (), status=error.code) from error
        except BaseException:
            connection.close()
            raise

    async def close(self) -> None:
        """Close all connections."""
        if self._connector is not None:
            await self._connector.close()
            self._connector = None

    def _connected(self) -> aiohttp.TCPConnector:
        if self._connector is None:
            self._connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=_DNS_S, keepalive_timeout=_KEPT_ALIVE_S)
        return self._connector


def _lines(headers: Mapping[str, str]) -> str:
    """Header lines. Raises `aiohttp.ClientError` for a value that would make another line."""
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if lines.count("\n") != len(headers) or lines.count("\r") != len(headers):
        raise aiohttp.ClientError("a header holds a line break")
    return lines
