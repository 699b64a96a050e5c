"""What check needs to know of the policy."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.policy.calibration import Calibrator
from pipeline.policy.models import Accept

__all__ = ["Rules"]


@dataclass(frozen=True, slots=True)
class Rules:
    """When an answer of the route may stay.

    Attributes:
        calibrator: makes a probability of the signals; None: the raw score is the confidence.
        accept: what the route says; None: nothing, and then no further call is asked for.
        own: variants that take the place of others for this tenant.
    """

    calibrator: Calibrator | None = None
    accept: Accept | None = None
    own: Mapping[str, str] = field(default_factory=dict)
