"""`stepwell worker`: one process of the cascade, with the stages that it is given."""

from collections.abc import Callable, Sequence
from typing import Annotated, Protocol

import typer

from pipeline.cli.show import errors_as_sentences
from pipeline.errors import InvalidRequest
from pipeline.topology import STAGES

__all__ = ["RunWorker", "register"]

ALLOCATE = "allocate"


class RunWorker(Protocol):
    """Runs a worker until it is told to stop; given by the composition root, which alone knows the stages."""

    def __call__(self, stages: Sequence[str], *, metrics_port: int | None, slots: int, batch_slots: int) -> None:
        """Run the stages named, or the allocator."""
        ...


def register(root: typer.Typer, run_worker: RunWorker) -> None:
    """Add the verb."""
    root.command("worker")(_command(run_worker))


def _command(run_worker: RunWorker) -> Callable[..., None]:
    @errors_as_sentences
    def worker_command(
        stages: Annotated[
            list[str] | None, typer.Argument(help="Stages to run; all of them if none is named. Or: allocate.")
        ] = None,
        metrics_port: Annotated[
            int | None, typer.Option(help="Serve /metrics, /livez and /readyz here.", envvar="STEPWELL_METRICS_PORT")
        ] = None,
        slots: Annotated[int, typer.Option(min=1, help="Interactive messages of a stage at a time.")] = 256,
        batch_slots: Annotated[int, typer.Option(min=1, help="Batch messages of a stage at a time.")] = 64,
    ) -> None:
        """Run stages of the cascade until SIGTERM.

        Stages named together hand over in memory; a durable queue stands where the set ends.

        Example: stepwell worker classify

        Example: stepwell worker plan recall draft check escalate audit
        """
        chosen = tuple(stages or STAGES)
        unknown = [name for name in chosen if name not in (*STAGES, ALLOCATE)]
        if unknown or (ALLOCATE in chosen and len(chosen) > 1):
            raise InvalidRequest(
                f"{', '.join(unknown) or ALLOCATE}: name any of {', '.join(STAGES)}, or {ALLOCATE} alone"
            )
        run_worker(chosen, metrics_port=metrics_port, slots=slots, batch_slots=batch_slots)

    return worker_command
