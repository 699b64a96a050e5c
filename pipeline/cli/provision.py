"""`stepwell provision`: make the streams, consumers and buckets, and show what changes."""

import os
from dataclasses import asdict
from typing import Annotated

import typer

from pipeline.cli.show import console, errors_as_sentences, print_rows, run
from pipeline.embedded.here import settings_here
from pipeline.layout import ACK_WAIT_S, ConsumerSpec, consumers
from pipeline.policy.load import load_folder
from pipeline.settings import Settings

__all__ = ["batch_room", "register"]


def register(root: typer.Typer) -> None:
    """Add the verb."""
    root.command("provision")(provision_command)


def batch_room(settings: Settings) -> int:
    """How many batch messages may be out at once: the slots of the first tiers, less a quarter for interactive."""
    policy = load_folder(settings.policies, os.environ)
    first = {variant for route in policy.routes for variant in route.spec.tiers[0].variants}
    slots = min(policy.targets[policy.variants[variant].target].slots for variant in first)
    return max(1, slots - max(1, slots // 4))


@errors_as_sentences
def provision_command(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    replicas: Annotated[int, typer.Option(min=1, max=5, help="Copies of each stream; 3 in production.")] = 1,
    batch: Annotated[
        int | None, typer.Option(min=1, help="Batch messages out at once; the default follows the model slots.")
    ] = None,
    interactive: Annotated[int, typer.Option(min=1, help="Interactive messages of a stage out at once.")] = 1000,
    ack_wait: Annotated[float, typer.Option(min=0.5, help="Seconds until silent work goes to another worker.")] = (
        ACK_WAIT_S
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
) -> None:
    """Create what is missing, update what differs, and refuse what would destroy data.

    Example: stepwell provision --dry-run
    """
    settings = settings_here()
    room = batch if batch is not None else batch_room(settings)
    run(
        _provision(
            settings, consumers(interactive=interactive, batch=room, ack_wait_s=ack_wait), replicas, dry_run, as_json
        )
    )


async def _provision(
    settings: Settings, wanted: tuple[ConsumerSpec, ...], replicas: int, dry_run: bool, as_json: bool
) -> None:
    from pipeline.transport.nats import connect
    from pipeline.transport.nats.provision import apply, compare

    link = await connect(settings, name="provisioner")
    try:
        changes = await compare(link, wanted, replicas=replicas)
        if not dry_run:
            await apply(link, changes, wanted, replicas=replicas)
    finally:
        await link.close()
    shown = changes if as_json else [change for change in changes if change.action != "keep"]
    if shown:
        rows = [{**asdict(change), "details": ", ".join(change.details)} for change in shown]
        print_rows(rows, ("action", "kind", "name", "details"), as_json=as_json)
    elif not as_json:
        console.print("everything is as it should be")
