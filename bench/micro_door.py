"""CPU per request of the HTTP door in front of a client that answers at once.

    python bench/micro_door.py [--requests 5000] [--connections 8]

The door runs in a process of its own; its CPU time (user and system) is read before and after. The bare line is
aiohttp's own cost: a handler that reads the body and returns bytes of the same size. The load driver is a raw socket
client in this process.
"""

import argparse
import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace

import orjson
import psutil
import uvloop
from aiohttp import web

from pipeline.contracts import Chunk, Reply, Request, Served, Usage
from pipeline.gateway import Limits, build_door
from pipeline.gateway.server import listening

TEXT = "The train needs 3 hours and 20 minutes, because 250 km at 75 km/h take 3.33 hours. " * 3
QUESTION = {
    "model": "auto",
    "messages": [
        {"role": "system", "content": "You answer briefly and in whole sentences."},
        {"role": "user", "content": "A train goes 250 km at 75 km/h. How long does it take? " * 8},
    ],
    "temperature": 0,
    "max_tokens": 200,
    "user": "u-1",
    "metadata": {"task": "arithmetic"},
}
CHUNKS = 50


class InstantClient:
    """Answers at once, or in `CHUNKS` pieces without a pause."""

    async def ask(self, request: Request, **_: object) -> Reply:
        """A reply."""
        return _reply(request)

    async def stream(self, request: Request, **_: object) -> AsyncIterator[Chunk | Reply]:
        """Chunks, then the reply."""
        for number in range(CHUNKS):
            yield Chunk.model_construct(seq=number, text=" word")
        yield _reply(request, " word" * CHUNKS)

    async def cancel(self, _request_id: str) -> None:
        """There is nothing to cancel."""


def _reply(request: Request, text: str = TEXT) -> Reply:
    return Reply.model_construct(
        id=request.id,
        tenant=request.tenant,
        status="answered",
        content=text,
        served=Served.model_construct(route="chat", variant="small", target="small", model="qwen", tier=0, tiers=2),
        attempts=1,
        confidence=0.93,
        usage=Usage.model_construct(input_tokens=120, output_tokens=60, cached_tokens=0),
        cost_usd=0.00012,
        policy_revision="0123456789abcdef",
        fingerprint="f" * 64,
        audit_id="audit-1",
    )


class Policies:
    """A policy of one route."""

    def current(self) -> SimpleNamespace:
        """The policy."""
        routes = (SimpleNamespace(spec=SimpleNamespace(name="chat")),)
        return SimpleNamespace(
            revision="r", routes=routes, variants_of=lambda _: ("small", "large"), passes=frozenset()
        )


def _bare() -> web.Application:
    """What aiohttp costs by itself."""
    body = b"x" * 900

    async def handler(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=body, content_type="application/json")

    app = web.Application()
    app.router.add_post("/v1/chat/completions", handler)
    return app


def _child(kind: str, port: int) -> None:
    app = _bare() if kind == "bare" else build_door(lambda _tenant: InstantClient(), Policies())
    uvloop.run(_serve(app, port))


async def _serve(app: web.Application, port: int) -> None:
    await listening(app, "127.0.0.1", port, Limits(), grace_s=1.0)
    await asyncio.Event().wait()


async def _connection(port: int, request: bytes, count: int, waits: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(count):
        begun = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(head.decode() + (await reader.read(500)).decode())
        await _body(reader, head.lower())
        waits.append(time.perf_counter() - begun)
    writer.close()


async def _body(reader: asyncio.StreamReader, head: bytes) -> None:
    if b"content-length: " in head:
        await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))
        return
    while (size := int(await reader.readline(), 16)) > 0:
        await reader.readexactly(size + 2)
    await reader.readline()


async def _load(port: int, stream: bool, requests: int, connections: int) -> list[float]:
    body = orjson.dumps({**QUESTION, "stream": stream})
    head = "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    head += f"Content-Length: {len(body)}\r\n\r\n"
    waits: list[float] = []
    request = head.encode() + body
    await asyncio.gather(*(_connection(port, request, requests // connections, waits) for _ in range(connections)))
    return waits


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _measure(kind: str, *, stream: bool, requests: int, connections: int) -> float:
    port = _free_port()
    process = subprocess.Popen([sys.executable, __file__, "--child", kind, "--port", str(port)])
    try:
        _await_port(port)
        uvloop.run(_load(port, stream, requests // 5, connections))
        before = psutil.Process(process.pid).cpu_times()
        begun = time.perf_counter()
        waits = sorted(uvloop.run(_load(port, stream, requests, connections)))
        wall = time.perf_counter() - begun
        after = psutil.Process(process.pid).cpu_times()
    finally:
        process.terminate()
        process.wait()
    cpu = (after.user + after.system - before.user - before.system) / len(waits) * 1000
    name = f"{kind}{' streamed, ' + str(CHUNKS) + ' chunks' if stream else ''}"
    p50, p99 = waits[len(waits) // 2] * 1000, waits[len(waits) * 99 // 100] * 1000
    print(
        f"{name:28} {cpu:7.3f} ms CPU/request  {len(waits) / wall:7.0f} requests/s  p50 {p50:.2f} ms  p99 {p99:.2f} ms"
    )
    return cpu


def _await_port(port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the door did not start")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--child", choices=("bare", "door"))
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    if options.child:
        _child(options.child, options.port)
        return
    size = {"requests": options.requests, "connections": options.connections}
    base = _measure("bare", stream=False, **size)
    whole = _measure("door", stream=False, **size)
    _measure("door", stream=True, requests=options.requests // 5, connections=options.connections)
    added, ratio = whole - base, whole / base
    print(f"the door adds {added:.3f} ms CPU to aiohttp's {base:.3f} ms (ratio {ratio:.2f}); {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
