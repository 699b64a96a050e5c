"""A part that lives and says nothing is not ready."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from pipeline.embedded.answering import answering
from pipeline.embedded.identity import ProcessId
from pipeline.embedded.listening import free_port
from pipeline.embedded.options import Ports
from pipeline.embedded.probes import fetch
from pipeline.embedded.state import PartState

SERVER = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503 if "--ill" in sys.argv else 200)
        self.end_headers()

    def log_message(self, *_):
        pass

HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[bytes]]]:
    processes: list[subprocess.Popen[bytes]] = []
    yield processes
    for process in processes:
        process.kill()
        process.wait()


def program(started: list[subprocess.Popen[bytes]], text: str, *words: str) -> int:
    """Start it, and hand back its process id."""
    started.append(subprocess.Popen([sys.executable, "-c", text, *words]))
    return started[-1].pid


async def part(started: list[subprocess.Popen[bytes]], name: str, *words: str) -> PartState:
    """A part that answers over HTTP on a free port."""
    port = free_port()
    pid = program(started, SERVER, str(port), *words)
    limit = time.monotonic() + 20
    while await fetch(f"http://127.0.0.1:{port}/") is None:
        assert time.monotonic() < limit
    return PartState(name, "ready", ProcessId.of(pid), port)


async def test_a_worker_that_is_stopped_is_silent_and_one_that_says_no_is_not_ready(
    started: list[subprocess.Popen[bytes]],
) -> None:
    good, ill = await part(started, "worker-1"), await part(started, "door", "--ill")
    stopped = await part(started, "worker-2")
    assert stopped.process is not None
    os.kill(stopped.process.pid, signal.SIGSTOP)
    answers = await answering((good, ill, stopped, PartState("provision", "done")), Ports())
    assert answers == {"worker-1": "ready", "door": "not ready", "worker-2": "silent"}


async def test_a_part_without_a_port_is_silent_while_its_process_is_stopped(
    started: list[subprocess.Popen[bytes]],
) -> None:
    pid = program(started, "import time; time.sleep(60)")
    allocate = PartState("allocate", "ready", ProcessId.of(pid))
    assert await answering((allocate,), Ports()) == {"allocate": "ready"}
    os.kill(pid, signal.SIGSTOP)
    limit = time.monotonic() + 5
    while psutil.Process(pid).status() != psutil.STATUS_STOPPED:
        assert time.monotonic() < limit
    assert await answering((allocate,), Ports()) == {"allocate": "silent"}


async def test_stores_that_are_not_there_are_silent() -> None:
    ports = Ports(nats=free_port(), monitor=free_port(), valkey=free_port())
    parts = (PartState("nats", "ready", None, ports.nats), PartState("valkey", "ready", None, ports.valkey))
    assert await answering(parts, ports) == {"nats": "silent", "valkey": "silent"}
