"""What the verbs need from the stages, which no room of the road may import: given by the composition root."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.errors import PartMissing

if TYPE_CHECKING:  # the door is loaded by who serves, not by who asks
    from pipeline.cli.serve import Beside
    from pipeline.cli.worker import RunWorker
    from pipeline.costs.again import Planner

__all__ = ["Hooks", "planner_of"]


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the stages do for the verbs.

    Attributes:
        run_worker: runs stages.
        planner: makes plans from what was written down of requests.
        beside: starts all stages over a connection that is there.
    """

    run_worker: "RunWorker"
    planner: "Planner | None" = None
    beside: "Beside | None" = None


def planner_of(planner: "Planner | None") -> "Planner":
    """The planner.

    Raises:
        PartMissing: this command line was put together without the stages.
    """
    if planner is None:
        raise PartMissing("this command line was put together without the stages, and cannot plan")
    return planner
