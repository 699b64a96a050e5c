"""`stepwell serve`: the HTTP door."""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Protocol

import typer

from pipeline.adapters.clock import SystemClock
from pipeline.cli.show import console, errors_as_sentences
from pipeline.client import Client
from pipeline.embedded.here import settings_here
from pipeline.errors import PartMissing
from pipeline.gateway import Limits, build_door
from pipeline.gateway.keys import key_ids
from pipeline.gateway.meter import Meter
from pipeline.gateway.readiness import WorkerPing
from pipeline.gateway.server import listening
from pipeline.ports import Link
from pipeline.revisions import AppliedPolicies
from pipeline.settings import Settings
from pipeline.telemetry.exposition import process_registry
from pipeline.transport.nats import connect
from pipeline.worker import Worker, settle_memory

__all__ = ["open_door", "register"]

_LIMITS = Limits()


class Beside(Protocol):
    """Starts all stages over a connection that is there; given by the composition root, which alone knows them."""

    async def __call__(self, settings: Settings, link: Link, policies: AppliedPolicies) -> Worker:
        """The worker, which takes work already."""
        ...


def register(root: typer.Typer, beside: Beside | None = None) -> None:
    """Add the verb."""
    root.command("serve")(_command(beside))


def _command(beside: Beside | None) -> Callable[..., None]:
    @errors_as_sentences
    def serve_command(
        host: Annotated[
            str,
            typer.Option(envvar="STEPWELL_HTTP_HOST", help="Address to listen at; 0.0.0.0 opens it to the network."),
        ] = "127.0.0.1",
        port: Annotated[
            int, typer.Option(envvar="STEPWELL_HTTP_PORT", min=1, max=65535, help="Port to listen at.")
        ] = 8080,
        policies: Annotated[
            Path | None, typer.Option(help="Folder of policies; the default is STEPWELL_POLICIES.")
        ] = None,
        body_limit: Annotated[int, typer.Option(min=1024, help="Largest body in bytes.")] = _LIMITS.body_bytes,
        idle: Annotated[
            float, typer.Option(min=1, help="Seconds until an idle connection is closed.")
        ] = _LIMITS.idle_s,
        grace: Annotated[float, typer.Option(min=0, help="Seconds for running requests to end when stopped.")] = 30.0,
        patient: Annotated[bool, typer.Option("--patient", help="Keep trying while NATS is not there.")] = False,
        with_stages: Annotated[
            bool,
            typer.Option("--with-stages", help="Run all stages in this process as well, instead of in workers."),
        ] = False,
    ) -> None:
        """Serve the OpenAI chat API over HTTP until SIGTERM or Ctrl-C.

        Example: stepwell serve --port 8080

        Example: stepwell serve --with-stages
        """
        if with_stages and beside is None:
            raise PartMissing("this command line was put together without the stages, and cannot run them")
        settings = settings_here()
        limits = Limits(body_bytes=body_limit, idle_s=idle)
        work = open_door(
            settings,
            policies or settings.policies,
            host,
            port,
            limits,
            grace_s=grace,
            patient=patient,
            beside=beside if with_stages else None,
        )
        try:
            import uvloop
        except ImportError:  # not made for Windows
            asyncio.run(work)
        else:
            uvloop.run(work)

    return serve_command


async def open_door(
    settings: Settings,
    folder: Path,
    host: str,
    port: int,
    limits: Limits,
    *,
    grace_s: float,
    patient: bool,
    beside: Beside | None = None,
) -> None:
    """Connect, listen, and close in the reverse order when a signal says so."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    link = await connect(settings, name="door", patient=patient)
    policies = AppliedPolicies(folder, link.bucket("policy"), SystemClock())
    await policies.start()
    worker = await beside(settings, link, policies) if beside is not None else None
    app = build_door(
        lambda tenant: Client(link, tenant),
        policies,
        ready=WorkerPing(link),
        meter=Meter(process_registry()),
        limits=limits,
        key_id=key_ids(settings.secret),
    )
    try:
        runner = await listening(app, host, port, limits, grace_s)
        settle_memory()
        console.print(f"the door is open at http://{host}:{port}/v1", highlight=False, soft_wrap=True)
        await stop.wait()
        await runner.cleanup()
    finally:
        if worker is not None:
            await worker.stop()
        await policies.stop()
        await link.close()
