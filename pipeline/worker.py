"""A worker process: a set of stages on the road, until it is told to stop."""

import asyncio
import gc
import logging
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from pipeline.admission import Admission
from pipeline.contracts import Lane
from pipeline.layout import ACK_WAIT_S
from pipeline.ports import Incoming, Link, Stage, Transport
from pipeline.runner import Runner
from pipeline.topology import FIRST, LANES, cancel_subject

__all__ = ["Slots", "Worker", "settle_memory", "worker_name"]

_log = logging.getLogger("stepwell.worker")

GRACE_S: Final = 20.0
VERSION: Final = "1.0.0"
BATCH_SERVICE: Final = "stepwell-batch"
"""Under this name `$SRV` shows workers of the first stage that serve the lane of batches alone."""
SIGNS: Final = 5
"""How often a worker says within the time to acknowledge that it lives: four signs may be late or lost."""
YOUNG: Final = 5_000
"""New objects after which the collector looks through them, which takes a millisecond or two."""


@dataclass(frozen=True, slots=True)
class Slots:
    """How many messages of a stage this worker takes at a time, for each lane."""

    interactive: int = 256
    batch: int = 64

    def of(self, lane: Lane) -> int:
        """The slots of `lane`."""
        return self.interactive if lane == "interactive" else self.batch


def settle_memory() -> None:
    """Take what start-up made out of the collector's sight: it stays, and looking through it each time costs pauses.

    What requests make is mostly gone with its last reference, so the collector need not look after every 700 objects.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])


def worker_name() -> str:
    """A name for this process in trails and logs: host and process id, in the letters of a subject token."""
    host = "".join(letter if letter.isalnum() else "-" for letter in socket.gethostname())[:40]
    return f"{host}-{os.getpid()}"


@dataclass(slots=True)
class Worker:
    """Runs stages: takes their work, keeps it alive, hears of cancellations, and drains when stopped.

    `starts` are awaited before work is taken (scanners, weights, policies), `stops` after the last message is settled.
    Callers wait for what admission says, so a worker of the lane of batches alone does not offer it: it lets in what it
    feeds itself, and shows itself as a service without endpoints.
    """

    stages: Sequence[Stage]
    runner: Runner
    link: Link
    admission: Admission
    starts: Sequence[Callable[[], Awaitable[None]]] = ()
    stops: Sequence[Callable[[], Awaitable[None]]] = ()
    slots: Slots = field(default_factory=Slots)
    lanes: Sequence[Lane] = LANES
    ack_wait_s: float = ACK_WAIT_S
    _alive: "asyncio.Task[None] | None" = None
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _transport: Transport | None = None

    async def start(self) -> None:
        """Begin to take work."""
        for start in self.starts:
            await start()
        await self.link.subscribe(cancel_subject("*.*"), self._cancel)
        self._alive = asyncio.create_task(self.runner.keep_alive(self.ack_wait_s / SIGNS))
        self._transport = transport = self.link.transport()
        for stage in self.stages:
            for lane in self.lanes:
                await transport.consume(stage.name, lane, self.runner.step, self.slots.of(lane))
        if any(stage.name == FIRST for stage in self.stages):
            await self._show()
        _log.info("worker runs %s, %s", " ".join(stage.name for stage in self.stages), " and ".join(self.lanes))

    async def _show(self) -> None:
        if "interactive" in self.lanes:
            if self._transport is not None:
                self.admission.open(self.runner, self._transport)
            await self.admission.start(VERSION)
        else:
            await self.admission.start(VERSION, BATCH_SERVICE, alone=True)

    async def _cancel(self, incoming: Incoming) -> None:
        _, tenant, request_id = incoming.subject.split(".")
        self.runner.cancel(f"{tenant}.{request_id}")

    async def stop(self, grace_s: float = GRACE_S) -> None:
        """Take no more, end what runs within the grace, close."""
        if self._transport is not None:
            await self._transport.stop(grace_s)
        if self._alive is not None:
            self._alive.cancel()
        for stop in self.stops:
            await stop()
        await self.link.close()

    async def run(self) -> None:
        """Start, and stop on SIGTERM or SIGINT."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        await self.start()
        settle_memory()
        await self._stopping.wait()
        _log.info("worker drains: %d messages held", self.runner.held)
        await self.stop()
