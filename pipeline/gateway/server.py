"""The door on a port: connection limits, a clean start and a clean end."""

import asyncio
import contextlib
import errno
import logging
import ssl
from typing import Any, Final

from aiohttp import web

from pipeline.errors import PortInUse
from pipeline.gateway.connection import Connection, Full
from pipeline.gateway.draining import DRAINING, Draining
from pipeline.gateway.limits import Limits
from pipeline.gateway.tls import Tls

__all__ = ["DoorRunner", "listening"]

BACKLOG: Final = 1024
HANDSHAKE_S: Final = 10.0
_SILENT: Final = logging.Logger("stepwell.http", level=logging.CRITICAL + 1)
"""What the HTTP library logs of a malformed message holds pieces of its body, and with them a prompt."""


class DoorRunner(web.AppRunner):
    """An application that listens. `cleanup` closes the door: nobody new, what runs may end, then the rest is cut off.

    Args:
        app: the application.
        limits: what the door bears.
        grace_s: seconds that running requests and streams have to end.
        notice_s: seconds that it goes on to take requests while it says already that it is not ready, so that those
            who send requests here can learn of it.
    """

    __slots__ = ("_following", "_limits", "_notice_s", "_options")

    def __init__(self, app: web.Application, limits: Limits, *, grace_s: float, notice_s: float = 0.0) -> None:
        self._options: dict[str, Any] = {
            "access_log": None,
            "logger": _SILENT,
            "keepalive_timeout": limits.idle_s,
            "lingering_time": min(limits.body_s, 5.0),
            "max_line_size": limits.line_bytes,
            "max_field_size": limits.line_bytes,
            "max_headers": limits.headers,
        }
        super().__init__(app, handler_cancellation=True, shutdown_timeout=grace_s, **self._options)
        self._limits = limits
        self._notice_s = notice_s
        self._following: asyncio.Task[None] | None = None

    def connection(self) -> asyncio.Protocol:
        """The protocol of a connection that comes in."""
        server = self.server
        if server is None or len(server._connections) >= self._limits.connections:
            return Full()
        return Connection(server, self._limits, **self._options)

    async def listen(self, host: str, port: int, *, tls: Tls | None = None, shared: bool = False) -> None:
        """Take connections. `shared`: other processes listen at the same port, and the system shares them out."""
        await _Site(self, host, port, tls.context if tls is not None else None, shared=shared).start()
        if tls is not None:
            self._following = asyncio.create_task(tls.follow())

    async def cleanup(self) -> None:
        """Close; see the class."""
        self.app.get(DRAINING, Draining()).on = True
        if self._following is not None:
            self._following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._following
            self._following = None
        if self._notice_s and self.sites:
            await asyncio.sleep(self._notice_s)
        await super().cleanup()


class _Site(web.BaseSite):
    """A listening socket whose connections are ours."""

    __slots__ = ("_host", "_port", "_shared")

    def __init__(
        self, runner: DoorRunner, host: str, port: int, context: ssl.SSLContext | None, *, shared: bool
    ) -> None:
        super().__init__(runner, ssl_context=context, backlog=BACKLOG)
        self._host = host
        self._port = port
        self._shared = shared

    @property
    def name(self) -> str:
        """Where it listens."""
        return f"{'https' if self._ssl_context else 'http'}://{self._host}:{self._port}"

    async def start(self) -> None:
        """Listen."""
        await super().start()
        runner = self._runner
        assert isinstance(runner, DoorRunner)
        options: dict[str, Any] = {"reuse_port": True} if self._shared else {}
        if self._ssl_context is not None:
            options |= {"ssl": self._ssl_context, "ssl_handshake_timeout": HANDSHAKE_S}
        self._server = await asyncio.get_running_loop().create_server(
            runner.connection, self._host, self._port, backlog=self._backlog, **options
        )


async def listening(
    app: web.Application,
    host: str,
    port: int,
    limits: Limits,
    grace_s: float,
    *,
    tls: Tls | None = None,
    shared: bool = False,
    notice_s: float = 0.0,
) -> DoorRunner:
    """Start to listen and return the runner, whose `cleanup` ends it.

    A handler is cancelled when its caller disconnects; that is how a request is taken back. A connection that does not
    deliver the head of a request within `limits.head_s`, or nothing at all within `limits.idle_s`, is closed.

    Raises:
        PortInUse: another program has the port.
    """
    runner = DoorRunner(app, limits, grace_s=grace_s, notice_s=notice_s)
    await runner.setup()
    try:
        await runner.listen(host, port, tls=tls, shared=shared)
    except OSError as error:
        await runner.cleanup()
        if error.errno != errno.EADDRINUSE:
            raise
        raise PortInUse(f"port {port} of {host} is taken: stop its owner, or choose another with --port") from None
    return runner
