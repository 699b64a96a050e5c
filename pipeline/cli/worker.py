"""`stepwell worker`: one process of the cascade, with the stages and lanes that it is given."""

import os
import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import partial
from typing import Annotated, Final, Protocol

import typer

from pipeline.cli.show import errors_as_sentences
from pipeline.contracts import Lane
from pipeline.errors import InvalidRequest
from pipeline.topology import LANES, STAGES

__all__ = ["RunWorker", "register"]

ALLOCATE = "allocate"
NICE: Final = 15
"""Of a worker of batches alone where the system has no idle class: a thirtieth of the time that others get."""


class Served(StrEnum):
    """Whose work a worker takes."""

    both = "both"
    interactive = "interactive"
    batch = "batch"

    @property
    def lanes(self) -> Sequence[Lane]:
        """The lanes."""
        return tuple(lane for lane in LANES if self in ("both", lane))


class RunWorker(Protocol):
    """Runs a worker until it is told to stop; given by the composition root, which alone knows the stages."""

    def __call__(
        self,
        stages: Sequence[str],
        *,
        metrics_port: int | None,
        slots: int,
        batch_slots: int,
        lanes: Sequence[Lane] = LANES,
    ) -> None:
        """Run the stages named for the lanes named, or the allocator."""
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
        lanes: Annotated[Served, typer.Option(help="Whose work to take.")] = Served.both,
        nice: Annotated[
            int | None,
            typer.Option(
                min=0,
                max=19,
                help="How far the system puts others first. With --lanes batch it puts all others first (Linux: the "
                f"idle class; elsewhere {NICE}) unless this says how far, else it stays as it is.",
            ),
        ] = None,
    ) -> None:
        """Run stages of the cascade until SIGTERM.

        Stages named together hand over in memory; a durable queue stands where the set ends.

        Where batches run beside interactive work, give each a pool: the system then lets interactive work go first.

        Example: stepwell worker classify

        Example: stepwell worker plan recall draft check escalate audit

        Example: stepwell worker --lanes batch
        """
        chosen = tuple(stages or STAGES)
        unknown = [name for name in chosen if name not in (*STAGES, ALLOCATE)]
        if unknown or (ALLOCATE in chosen and len(chosen) > 1):
            raise InvalidRequest(
                f"{', '.join(unknown) or ALLOCATE}: name any of {', '.join(STAGES)}, or {ALLOCATE} alone"
            )
        if ALLOCATE in chosen and lanes is not Served.both:
            raise InvalidRequest(f"{ALLOCATE} serves no lane: leave --lanes out")
        if nice is not None:
            _put_others_first(partial(_lower_to, nice))
        elif lanes is Served.batch:
            _put_others_first(_run_when_idle, partial(_lower_to, NICE))
        run_worker(chosen, metrics_port=metrics_port, slots=slots, batch_slots=batch_slots, lanes=lanes.lanes)

    return worker_command


def _put_others_first(*ways: Callable[[], None]) -> None:
    """Lower the priority of this process in the first of these ways that the system knows and allows."""
    why = ""
    for lower in ways:
        try:
            return lower()
        except (AttributeError, OSError) as error:  # Windows has no such calls, and a sandbox may forbid them
            why = getattr(error, "strerror", None) or "this system has no such call"
    sys.stderr.write(f"the priority stays as it is ({why}): give this process less of the processors otherwise\n")
    return None


def _run_when_idle() -> None:
    """Give way at once to whoever wakes up.

    One that is merely nicer keeps its processor until its slice ends, several milliseconds on a kernel without
    preemption, which is as long as a whole request takes.
    """
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def _lower_to(nice: int) -> None:
    if nice > os.getpriority(os.PRIO_PROCESS, 0):
        os.setpriority(os.PRIO_PROCESS, 0, nice)
