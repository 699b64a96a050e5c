"""`kind: Experiments`: what is tried out."""

from typing import Literal

from pydantic import Field

from pipeline.contracts import Name, Share, Whole
from pipeline.policy.models.base import Section

__all__ = ["ExperimentSpec", "ExperimentsFile"]


class ExperimentSpec(Section):
    """Variants with weights in place of those of one tier of a route. `tier` counts from 0, the cheapest."""

    name: Name
    route: Name
    tier: Whole = Field(default=0, ge=0, le=7)
    variants: dict[Name, Share] = Field(min_length=2)
    running: bool = True


class ExperimentsFile(Section):
    """`kind: Experiments`: what is tried out."""

    apiVersion: Literal["stepwell/v1"]
    kind: Literal["Experiments"]
    experiments: tuple[ExperimentSpec, ...] = ()
