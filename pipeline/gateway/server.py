"""The door on a port: connection limits, a clean start and a clean end."""

import errno
import logging
from typing import Final

from aiohttp import web

from pipeline.errors import PortInUse
from pipeline.gateway.limits import Limits

__all__ = ["listening"]

BACKLOG: Final = 1024
_SILENT: Final = logging.Logger("stepwell.http", level=logging.CRITICAL + 1)
"""What the HTTP library logs of a malformed message holds pieces of its body, and with them a prompt."""


async def listening(app: web.Application, host: str, port: int, limits: Limits, grace_s: float) -> web.AppRunner:
    """Start to listen and return the runner, whose `cleanup` ends it.

    A handler is cancelled when its caller disconnects; that is how a request is taken back. A connection that does not
    deliver its headers within `limits.idle_s` is closed.

    Raises:
        PortInUse: another program has the port.
    """
    runner = web.AppRunner(
        app,
        handler_cancellation=True,
        access_log=None,
        logger=_SILENT,
        keepalive_timeout=limits.idle_s,
        lingering_time=min(limits.body_s, 5.0),
        max_line_size=limits.line_bytes,
        max_field_size=limits.line_bytes,
        max_headers=limits.headers,
        shutdown_timeout=grace_s,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=BACKLOG).start()
    except OSError as error:
        await runner.cleanup()
        if error.errno != errno.EADDRINUSE:
            raise
        raise PortInUse(f"port {port} of {host} is taken: stop its owner, or choose another with --port") from None
    return runner
