"""One process of the HTTP door: what it needs, put together, opened, and closed in the reverse order."""

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from pipeline.adapters.clock import SystemClock
from pipeline.batch.engine import Engine
from pipeline.cli.serve_access import Terms, entrance
from pipeline.cli.serve_processes import slot_of
from pipeline.cli.show import console
from pipeline.client import Client
from pipeline.gateway import Limits, build_door
from pipeline.gateway.cors import add_cors
from pipeline.gateway.meter import Meter
from pipeline.gateway.readiness import WorkerPing
from pipeline.gateway.server import listening
from pipeline.gateway.tls import Tls
from pipeline.ports import Link
from pipeline.revisions import AppliedPolicies
from pipeline.settings import Settings
from pipeline.telemetry.exposition import process_registry, serve_metrics
from pipeline.transport.nats import connect
from pipeline.worker import Worker, settle_memory

__all__ = ["Beside", "Door", "open_door"]

_SPARE_FILES: Final = 256
"""Files that a process needs beside its connections."""
_PARENT_S: Final = 1.0


class Beside(Protocol):
    """Starts all stages over a connection that is there; given by the composition root, which alone knows them."""

    async def __call__(self, settings: Settings, link: Link, policies: AppliedPolicies) -> Worker:
        """The worker, which takes work already."""
        ...


@dataclass(frozen=True, slots=True)
class Door:
    """What a process of the door is told.

    Attributes:
        settings: where the other parts are.
        folder: policies, while none were applied.
        host: address to listen at.
        port: the port; shared where there are several processes.
        terms: who may call.
        certificate: files of a certificate and its key; None: plain HTTP.
        origins: whose pages may call.
        limits: what the door bears.
        grace_s: time for running requests to end.
        notice_s: time in which it says that it closes, and still takes requests.
        patient: wait for NATS.
        processes: how many listen at the port.
        metrics_port: where metrics of this very process are served besides.
    """

    settings: Settings
    folder: Path
    host: str
    port: int
    terms: Terms
    certificate: tuple[Path, Path] | None
    origins: tuple[str, ...]
    limits: Limits
    grace_s: float
    notice_s: float
    patient: bool
    processes: int
    metrics_port: int | None


async def open_door(door: Door, beside: Beside | None = None) -> None:
    """Connect, listen, and close when a signal says so, or when the process is gone that keeps this one alive."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    tls = Tls(*door.certificate) if door.certificate is not None else None
    clock = SystemClock()
    _room_for(door.limits.connections)
    async with AsyncExitStack() as stack:
        link = await connect(door.settings, name="door", patient=door.patient)
        stack.push_async_callback(link.close)
        policies = AppliedPolicies(door.folder, link.bucket("policy"), clock)
        stack.push_async_callback(policies.stop)
        await policies.start()
        access = await stack.enter_async_context(entrance(door.terms, door.host, link, door.settings))
        if beside is not None:
            stack.push_async_callback((await beside(door.settings, link, policies)).stop)
        app = build_door(
            lambda tenant: Client(link, tenant),
            policies,
            ready=WorkerPing(link),
            meter=Meter(process_registry()),
            limits=door.limits,
            clock=clock,
            access=access,
            batches=Engine(link, clock),
        )
        add_cors(app, door.origins)
        shared = door.processes > 1
        runner = await listening(
            app, door.host, door.port, door.limits, door.grace_s, tls=tls, shared=shared, notice_s=door.notice_s
        )
        stack.push_async_callback(runner.cleanup)
        if door.metrics_port is not None:
            metrics = await serve_metrics(door.metrics_port, ready=lambda: link.connected)
            stack.push_async_callback(metrics.stop)
        settle_memory()
        _tell(door)
        await _until(stop)


def _tell(door: Door) -> None:
    slot = slot_of(os.environ)
    if slot is None or slot.number == 0:
        several = f" ({door.processes} processes)" if door.processes > 1 else ""
        scheme = "http" if door.certificate is None else "https"
        where = f"{scheme}://{door.host}:{door.port}/v1{several}"
        console.print(f"the door is open at {where}", highlight=False, soft_wrap=True)


async def _until(stop: asyncio.Event) -> None:
    """Wait to be told; a process that is one of several also ends when the one above it is gone."""
    slot = slot_of(os.environ)
    if slot is None:
        await stop.wait()
        return
    while not stop.is_set() and os.getppid() == slot.keeper:
        try:
            async with asyncio.timeout(_PARENT_S):
                await stop.wait()
        except TimeoutError:
            continue


def _room_for(connections: int) -> None:
    """As many open files as connections need, where the system lets this process have them."""
    try:
        import resource
    except ImportError:  # not made for Windows
        return
    wanted = connections + _SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (min(wanted, hard) if hard != resource.RLIM_INFINITY else wanted, hard)
        )
