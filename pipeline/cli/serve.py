"""`stepwell serve`: the HTTP door."""

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer

from pipeline.adapters.clock import SystemClock
from pipeline.cli.show import console, errors_as_sentences
from pipeline.client import Client
from pipeline.embedded.here import settings_here
from pipeline.gateway import Limits, build_door
from pipeline.gateway.keys import key_ids
from pipeline.gateway.meter import Meter
from pipeline.gateway.readiness import WorkerPing
from pipeline.gateway.server import listening
from pipeline.revisions import AppliedPolicies
from pipeline.settings import Settings
from pipeline.telemetry.exposition import process_registry
from pipeline.transport.nats import connect
from pipeline.worker import settle_memory

__all__ = ["open_door", "register"]

_LIMITS = Limits()


def register(root: typer.Typer) -> None:
    """Add the verb."""
    root.command("serve")(serve_command)


@errors_as_sentences
def serve_command(
    host: Annotated[
        str, typer.Option(envvar="STEPWELL_HTTP_HOST", help="Address to listen at; 0.0.0.0 opens it to the network.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="STEPWELL_HTTP_PORT", min=1, max=65535, help="Port to listen at.")] = 8080,
    policies: Annotated[Path | None, typer.Option(help="Folder of policies; the default is STEPWELL_POLICIES.")] = None,
    body_limit: Annotated[int, typer.Option(min=1024, help="Largest body in bytes.")] = _LIMITS.body_bytes,
    idle: Annotated[float, typer.Option(min=1, help="Seconds until an idle connection is closed.")] = _LIMITS.idle_s,
    grace: Annotated[float, typer.Option(min=0, help="Seconds for running requests to end when stopped.")] = 30.0,
    patient: Annotated[bool, typer.Option("--patient", help="Keep trying while NATS is not there.")] = False,
) -> None:
    """Serve the OpenAI chat API over HTTP until SIGTERM or Ctrl-C.

    Example: stepwell serve --port 8080
    """
    settings = settings_here()
    limits = Limits(body_bytes=body_limit, idle_s=idle)
    work = open_door(settings, policies or settings.policies, host, port, limits, grace_s=grace, patient=patient)
    try:
        import uvloop
    except ImportError:  # not made for Windows
        asyncio.run(work)
    else:
        uvloop.run(work)


async def open_door(
    settings: Settings, folder: Path, host: str, port: int, limits: Limits, *, grace_s: float, patient: bool
) -> None:
    """Connect, listen, and close in the reverse order when a signal says so."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    link = await connect(settings, name="door", patient=patient)
    policies = AppliedPolicies(folder, link.bucket("policy"), SystemClock())
    await policies.start()
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
        await policies.stop()
        await link.close()
