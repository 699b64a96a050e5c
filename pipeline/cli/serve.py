"""`stepwell serve`: the HTTP door."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from pipeline.cli.serve_access import Mode, Terms
from pipeline.cli.serve_door import Beside, Door, open_door
from pipeline.cli.serve_processes import slot_of, supervise
from pipeline.cli.show import Misused, errors_as_sentences
from pipeline.embedded.here import settings_here
from pipeline.errors import PartMissing
from pipeline.gateway import Limits
from pipeline.gateway.cors import origins_of

__all__ = ["Beside", "register"]

_LIMITS = Limits()
_STAGES: Final = (sys.executable, "-m", "stages")


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
        access: Annotated[
            Mode | None,
            typer.Option(
                envvar="STEPWELL_ACCESS",
                help="Who may call. Left out: everybody at an address of this machine, elsewhere those with a key.",
            ),
        ] = None,
        access_file: Annotated[
            Path | None,
            typer.Option(envvar="STEPWELL_ACCESS_FILE", help="Whose tokens are believed (kind: Access)."),
        ] = None,
        tls_cert: Annotated[
            Path | None, typer.Option(envvar="STEPWELL_TLS_CERT", help="Certificate and its chain, PEM.")
        ] = None,
        tls_key: Annotated[Path | None, typer.Option(envvar="STEPWELL_TLS_KEY", help="Its key, PEM.")] = None,
        cors: Annotated[
            str,
            typer.Option(
                envvar="STEPWELL_CORS_ORIGINS", help="Origins whose pages may call, with commas between; * is any."
            ),
        ] = "",
        processes: Annotated[
            int, typer.Option(envvar="STEPWELL_DOOR_PROCESSES", min=1, max=256, help="Processes at this port.")
        ] = 1,
        metrics_port: Annotated[
            int | None,
            typer.Option(min=1, max=65535, help="Also serve /metrics here; the next processes at the next ports."),
        ] = None,
        body_limit: Annotated[
            int | None, typer.Option(min=1024, help="Largest body in bytes; the default is STEPWELL_MAX_BODY.")
        ] = None,
        connections: Annotated[
            int, typer.Option(min=1, help="Connections that are open at a time, at one process.")
        ] = _LIMITS.connections,
        idle: Annotated[
            float, typer.Option(min=1, help="Seconds until an idle connection is closed.")
        ] = _LIMITS.idle_s,
        grace: Annotated[float, typer.Option(min=0, help="Seconds for running requests to end when stopped.")] = 30.0,
        notice: Annotated[
            float, typer.Option(min=0, help="Seconds to say not ready, when stopped, before nobody is taken.")
        ] = 0.0,
        patient: Annotated[bool, typer.Option("--patient", help="Keep trying while NATS is not there.")] = False,
        with_stages: Annotated[
            bool,
            typer.Option("--with-stages", help="Run all stages in this process as well, instead of in workers."),
        ] = False,
    ) -> None:
        """Serve the APIs of OpenAI and Anthropic over HTTP until SIGTERM or Ctrl-C.

        Example: stepwell serve --port 8080

        Example: stepwell serve --with-stages

        Example: stepwell serve --host 0.0.0.0 --access keys --tls-cert cert.pem --tls-key key.pem --processes 4
        """
        if with_stages and beside is None:
            raise PartMissing("this command line was put together without the stages, and cannot run them")
        if (tls_cert is None) != (tls_key is None):
            raise Misused("give --tls-cert and --tls-key together")
        settings = settings_here()
        slot = slot_of(os.environ)
        door = Door(
            settings=settings,
            folder=policies or settings.policies,
            host=host,
            port=port,
            terms=Terms(access, access_file),
            certificate=(tls_cert, tls_key) if tls_cert is not None and tls_key is not None else None,
            origins=origins_of([word.strip() for word in cors.split(",") if word.strip()]),
            limits=Limits(body_bytes=body_limit or settings.max_body, idle_s=idle, connections=connections),
            grace_s=grace,
            notice_s=notice,
            patient=patient,
            processes=processes,
            metrics_port=None if metrics_port is None else metrics_port + (slot.number if slot is not None else 0),
        )
        if processes > 1 and slot is None:
            patience_s = grace + notice + 5.0
            raise typer.Exit(asyncio.run(supervise((*_STAGES, *sys.argv[1:]), processes, host, port, patience_s)))
        _run(open_door(door, beside if with_stages else None))

    return serve_command


def _run(work: Coroutine[Any, Any, None]) -> None:
    try:
        import uvloop
    except ImportError:  # not made for Windows
        asyncio.run(work)
    else:
        uvloop.run(work)
