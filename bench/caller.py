"""A caller in a process of its own: interactive requests over NATS at a fixed rate, until its standard input ends.

    STEPWELL_NATS=nats://… python -m bench.caller beside --rate 10 < pipe

What else a measurement does in its own loop (looks at processes, reads of a batch) must not be taken for the time that
callers wait. It prints one line of JSON: how many were answered and how many failed, p50 and p99 in milliseconds; one
that failed counts with all the time that its caller would have waited.
"""

import argparse
import asyncio
import contextlib
import json
import signal
import sys
from dataclasses import asdict, dataclass
from typing import Final

import uvloop

from bench.drive import ask_cascade
from bench.paced import Paced
from bench.stack import Stack
from pipeline.settings import Settings
from pipeline.transport.nats import connect

__all__ = ["Caller", "Noticed"]

FIRST: Final = 10_000_000
"""The number of a request that is not counted: it loads what all others find there."""


@dataclass(frozen=True, slots=True)
class Noticed:
    """What a caller noticed: requests that were answered and that failed, and quantiles in milliseconds."""

    answered: int
    failed: int
    p50: float
    p99: float


class Caller:
    """Such a process beside the processes of `made`."""

    def __init__(self, made: Stack, name: str, rate: float) -> None:
        self._made = made
        self._command = (sys.executable, "-m", "bench.caller", name, "--rate", str(rate))
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Begin to ask."""
        pipe = asyncio.subprocess.PIPE
        environment = self._made.environment
        self._process = await asyncio.create_subprocess_exec(*self._command, env=environment, stdin=pipe, stdout=pipe)

    async def stop(self) -> Noticed:
        """Ask no more, and say what was noticed."""
        assert self._process is not None
        told, _ = await self._process.communicate(b"")  # before Python 3.12 only this closes the pipe
        return Noticed(**json.loads(told))

    async def kill(self) -> None:
        """Stop without a word, if it runs."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGKILL)
            await self._process.wait()


async def _ask(name: str, rate: float) -> Noticed:
    """Ask until standard input ends."""
    enough = asyncio.Event()

    async def await_end() -> None:
        await asyncio.to_thread(sys.stdin.read)
        enough.set()

    ending = asyncio.ensure_future(await_end())
    link = await connect(Settings.from_environment(), name=name, patient=True)
    ask = ask_cascade(link, name)
    await ask(FIRST)
    paced = Paced(ask, rate)
    seen = await paced.run(enough.is_set)
    await link.close()
    await ending
    p50, p99 = (round(seen.quantile(share), 2) if seen.values else 0.0 for share in (0.5, 0.99))
    return Noticed(len(seen.values) - paced.failed, paced.failed, p50, p99)


def main() -> int:
    """Ask and report."""
    parser = argparse.ArgumentParser(prog="python -m bench.caller", description=__doc__.split("\n")[0])
    parser.add_argument("name", help="what makes its questions its own")
    parser.add_argument("--rate", type=float, default=10.0, help="requests a second")
    options = parser.parse_args()
    sys.stdout.write(json.dumps(asdict(uvloop.run(_ask(options.name, options.rate)))) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
