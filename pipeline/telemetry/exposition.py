"""Metrics as Prometheus reads them, and the small HTTP server of a worker that offers them."""

import os
from collections.abc import Callable
from functools import cache
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

__all__ = ["MetricsServer", "exposition", "process_registry", "serve_metrics"]

HOST_VARIABLE: Final = "STEPWELL_METRICS_HOST"
DEFAULT_HOST: Final = "127.0.0.1"


@cache
def process_registry() -> CollectorRegistry:
    """The registry of this process, with its memory, CPU, open files and garbage collection already in it."""
    registry = CollectorRegistry(auto_describe=True)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def exposition(registry: CollectorRegistry) -> tuple[bytes, str]:
    """All metrics as text, and the content type of it."""
    return generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4


class MetricsServer:
    """`/metrics`, `/livez` and `/readyz` of a process that has no other door."""

    def __init__(self, registry: CollectorRegistry, ready: Callable[[], bool]) -> None:
        self._registry = registry
        self._ready = ready
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        self._runner = web.AppRunner(app, access_log=None, keepalive_timeout=30.0)

    async def start(self, host: str, port: int) -> int:
        """Listen; return the port, which the system chose if `port` is 0."""
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Listen no longer."""
        await self._runner.cleanup()

    async def _metrics(self, _request: web.Request) -> web.Response:
        body, kind = exposition(self._registry)
        return web.Response(body=body, headers={"content-type": kind})

    async def _livez(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def _readyz(self, _request: web.Request) -> web.Response:
        if self._ready():
            return web.json_response({"status": "ready"})
        return web.json_response({"status": "not_ready"}, status=503)


async def serve_metrics(
    port: int,
    *,
    ready: Callable[[], bool],
    host: str | None = None,
    registry: CollectorRegistry | None = None,
) -> MetricsServer:
    """Serve the metrics of this process.

    Args:
        port: where to listen.
        ready: whether this process can do its work now.
        host: address to listen at; None takes `STEPWELL_METRICS_HOST`, else this machine alone.
        registry: None takes that of the process.
    """
    server = MetricsServer(registry or process_registry(), ready)
    await server.start(host or os.environ.get(HOST_VARIABLE, DEFAULT_HOST), port)
    return server
