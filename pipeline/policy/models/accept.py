"""When an answer may stay, and what may be done to be surer of it."""

from typing import Literal

from pydantic import Field

from pipeline.contracts import Name, Share, Whole
from pipeline.policy.models.base import Section

__all__ = ["Accept", "Look"]


class Look(Section):
    """A further look at a draft that is neither sure nor unsure: further calls, each of them paid.

    Attributes:
        kind: `samples` asks the variant of the draft again, up to `count` times, until the majority is decided;
            `opinion` asks another variant the same question; `verify` asks the variant of the draft whether its answer
            is right; `judge` asks another variant that.
        variant: who is asked, for `opinion` and `judge`.
        count: calls at most, for `samples`.
        temperature: of those samples.
    """

    kind: Literal["samples", "opinion", "verify", "judge"]
    variant: Name | None = None
    count: Whole = Field(default=3, ge=1, le=5)
    temperature: float = Field(default=0.7, gt=0.0, le=2.0)


class Accept(Section):
    """When a draft may stay.

    Attributes:
        confidence: the threshold. A number; `promised`: the one that the file of the calibrator promises for the
            segment of the request (and where it can promise none, everything escalates); null: no threshold, the schema
            alone decides.
        calibrator_file: a file beside the policies (see `pipeline.policy.calibration`), made by `stepwell calibrate`:
            what makes a probability of how sure an answer is, whichever tier it comes from. Without it the raw score is
            the confidence.
        looks: further looks at a draft in the grey zone, in this order, until one of them takes it out of the zone.
        grey: the zone: this far below and above the threshold.
        corrective_turns: how often the model that broke the schema is told its errors and asked again.
        explore: the share of drafts that would stay and are escalated all the same, so that there are labels that do
            not depend on the decision.
        on_invalid: what of an answer that never satisfied its schema the error carries.
    """

    confidence: Share | Literal["promised"] | None = None
    calibrator_file: str | None = None
    looks: tuple[Look, ...] = Field(default=(), max_length=4)
    grey: Share = 0.15
    corrective_turns: Whole = Field(default=1, ge=0, le=3)
    explore: Share = 0.0
    on_invalid: Literal["nothing", "candidate"] = "nothing"
