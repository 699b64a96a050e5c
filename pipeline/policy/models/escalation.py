"""How a request goes from one tier to the next."""

from typing import Literal

from pydantic import Field

from pipeline.contracts import Share, Whole
from pipeline.policy.models.base import Section

__all__ = ["EarlyExit", "Escalation", "OpenEarly"]


class EarlyExit(Section):
    """A draft is cancelled as soon as its beginning says that it will not stay.

    Attributes:
        after: tokens that are read before anything is concluded.
        below: the running confidence (see `pipeline.confidence`) under which it is cancelled.
    """

    after: Whole = Field(default=16, ge=1)
    below: Share


class OpenEarly(Section):
    """A draft reaches the caller from here on, before it is whole. After that no other answer may follow.

    Attributes:
        after: tokens that are read before anything is concluded.
        above: the running confidence from which on it is passed on.
    """

    after: Whole = Field(default=24, ge=1)
    above: Share


class Escalation(Section):
    """What the next tier is told, and which tier is next.

    Attributes:
        hand_over: `nothing`: it starts clean; `draft`: it sees the answer before; `errors`: and what was wrong with it.
        choose: `next`: the tiers in their order; `gain`: the one with the highest expected gain for its cost, or none.
        value_usd: what a right answer is worth, for `gain`, in US dollars.
    """

    hand_over: Literal["nothing", "draft", "errors"] = "nothing"
    choose: Literal["next", "gain"] = "next"
    value_usd: float | None = Field(default=None, gt=0.0)
    early_exit: EarlyExit | None = None
    open_early: OpenEarly | None = None
