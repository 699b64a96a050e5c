"""Several HTTP servers with the same two endpoints: requests and events in a second, and CPU for one of them.

    python -m bench.http_servers [--seconds 3] [--rounds 3] [--connections 32] [--json]

The servers are installed into an environment of their own, which is thrown away. Each gets one core and the load
another one; they take turns, and the medians of the rounds count. CPU for a request is the figure to compare: it does
not depend on who else uses the machine, nor on whether the load is fast enough.
"""

import argparse
import asyncio
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import psutil
import uvloop
from rich.console import Console
from rich.table import Table

from bench import http_apps

APPS = Path(http_apps.__file__)
PACKAGES = ("aiohttp", "uvloop", "httptools", "orjson", "uvicorn", "granian", "robyn")
BODY = json.dumps(
    {
        "model": "auto",
        "messages": [{"role": "system", "content": "Answer briefly. " * 8}, {"role": "user", "content": "2 + 2?" * 20}],
    }
).encode()


def environment(folder: Path) -> Path:
    """A Python with all servers that install here."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    for package in PACKAGES:
        done = subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", package],
            capture_output=True,
            check=False,
        )
        if done.returncode != 0:
            sys.stderr.write(f"{package} does not install here\n")
    return python


# ---------------------------------------------------------------- load


class Caller(asyncio.Protocol):
    """One connection that asks again as soon as it was answered."""

    def __init__(self, request: bytes, load: "Load") -> None:
        self._request = request
        self._load = load
        self._seen = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        self._transport = cast("asyncio.Transport", transport)  # those of uvloop are none by their class
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Count what came; ask again where the answer has ended."""
        self._load.events += data.count(b"data: ")
        self._seen += data
        if not self._whole():
            return
        self._seen.clear()
        self._load.requests += 1
        if not self._load.over:
            self._transport.write(self._request)

    def _whole(self) -> bool:
        head = self._seen.find(b"\r\n\r\n")
        if head < 0:
            return False
        names = bytes(self._seen[:head]).lower()
        if b"chunked" in names:
            if self._seen.endswith(b"0\r\n\r\n"):
                return True
            del self._seen[head + 4 : -8]  # of a long answer the end alone is looked for
            return False
        length = int(names.split(b"content-length: ")[1].split(b"\r\n")[0])
        return len(self._seen) >= head + 4 + length

    def connection_lost(self, _exc: Exception | None) -> None:
        """The load goes on without it, and says so."""
        self._load.lost += 1


@dataclass
class Load:
    """What was answered so far."""

    requests: int = 0
    events: int = 0
    lost: int = 0
    over: bool = False


async def asked(port: int, path: str, connections: int, seconds: float, server: psutil.Process) -> dict[str, float]:
    """Ask for so long; a second before it counts warms everything up."""
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
    load, loop = Load(), asyncio.get_running_loop()
    opened = [
        await loop.create_connection(lambda: Caller(head.encode() + BODY, load), "127.0.0.1", port)
        for _ in range(connections)
    ]
    await asyncio.sleep(1)
    requests, events, cpu, begun = load.requests, load.events, cpu_of(server), time.monotonic()
    await asyncio.sleep(seconds)
    requests, events = load.requests - requests, load.events - events
    took, used = time.monotonic() - begun, cpu_of(server) - cpu
    lost, load.over = load.lost, True
    for transport, _ in opened:
        transport.close()
    units = events if path == "/stream" else requests
    if lost or not units:
        return {}
    return {"per_s": units / took, "cpu_us": used / units * 1e6, "busy": used / took}


def cpu_of(server: psutil.Process) -> float:
    """Seconds of CPU of a server and its workers."""
    total = 0.0
    for process in (server, *server.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system
    return total


@contextlib.contextmanager
def serving(python: Path, name: str, core: int) -> Iterator[tuple[int, psutil.Process]]:
    """A server on one core."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = ["taskset", "-c", str(core), str(python), str(APPS), name, str(port)]
    surroundings = {**os.environ, "PYTHONPATH": str(APPS.parent)}
    process = subprocess.Popen(
        command, env=surroundings, cwd=APPS.parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.5):
                break
            time.sleep(0.1)
        yield port, psutil.Process(process.pid)
    finally:
        with contextlib.suppress(psutil.Error):
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
        process.kill()
        process.wait()


def measure(options: argparse.Namespace) -> dict[str, dict[str, dict[str, float]]]:
    """All servers in turns."""
    found: dict[str, dict[str, list[dict[str, float]]]] = {name: {} for name in http_apps.SERVERS}
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    with tempfile.TemporaryDirectory() as folder:
        python = environment(Path(folder))
        for _ in range(options.rounds):
            for name in http_apps.SERVERS:
                for path in ("/echo", "/stream"):
                    with serving(python, name, cores[0]) as (port, server), contextlib.suppress(OSError):
                        row = uvloop.run(asked(port, path, options.connections, options.seconds, server))
                        found[name].setdefault(path, []).extend([row] if row else [])
    return {name: {path: _median(rows) for path, rows in paths.items() if rows} for name, paths in found.items()}


def _median(rows: list[dict[str, float]]) -> dict[str, float]:
    return {key: statistics.median(row[key] for row in rows) for key in rows[0]}


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure(options)
    if options.json:
        print(json.dumps(found, indent=2))
        return 0
    table = Table("server", "requests/s", "CPU µs each", "events/s", "CPU µs each", "core busy")
    for name, paths in found.items():
        echo, stream = paths.get("/echo"), paths.get("/stream")
        cells = [f"{echo['per_s']:,.0f}", f"{echo['cpu_us']:.0f}"] if echo else ["-", "-"]
        cells += [f"{stream['per_s']:,.0f}", f"{stream['cpu_us']:.2f}"] if stream else ["-", "-"]
        table.add_row(name, *cells, f"{echo['busy']:.0%}" if echo else "-")
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
