"""How a request goes from one tier to the next."""

from typing import Literal, Self

from pydantic import Field, model_validator

from pipeline.contracts import Share, Whole
from pipeline.policy.models.base import Section

__all__ = ["EarlyExit", "Escalation", "OpenEarly"]


class EarlyExit(Section):
    """A draft is cancelled as soon as its beginning says that it will not stay, and the next tier takes over.

    What it generated so far is paid. It goes on where the next tier is not to be had now: its target does not answer,
    its usual latency does not fit into what is left of the deadline, or a cap on escalations is reached. It needs a
    target that streams with log-probabilities; the answer is asked for as a stream also where its caller does not read
    it as one.

    Attributes:
        after: tokens with a part of a value that are read before anything is concluded; see `pipeline.confidence`.
        below: the running confidence under which it is cancelled: e to the mean log-probability of those tokens, before
            any calibrator.
        explore: the share of drafts that would be cancelled and are finished all the same, so that it can be counted
            how many would have stayed.
    """

    after: Whole = Field(default=16, ge=1)
    below: Share
    explore: Share = 0.05


class OpenEarly(Section):
    """A draft reaches the caller from here on, before it is whole. After that no other answer may follow.

    Only where the caller reads a stream, no schema has to hold and the route would rather degrade than fail: if the
    whole draft turns out to be below the threshold, it stays and is marked. A call of a tool is never passed on early.

    Attributes:
        after: tokens with a part of a value that are read before anything is concluded.
        above: the running confidence from which on it is passed on, as in `early_exit`.
    """

    after: Whole = Field(default=24, ge=1)
    above: Share


class Escalation(Section):
    """What the next tier is told, and which tier is next.

    Attributes:
        hand_over: `nothing`: it starts clean; `draft`: it sees the answer before; `errors`: and what was wrong with it.
        choose: `next`: the tiers in their order; `gain`: of the tiers left the one with the highest expected gain less
            its cost; where none gains more than it costs, the answer that there is stays and is marked.
        value_usd: what a right answer is worth, for `gain`, in US dollars.
        early_exit: when a draft is given up before it ends.
        open_early: when a draft reaches its caller before it ends.
    """

    hand_over: Literal["nothing", "draft", "errors"] = "nothing"
    choose: Literal["next", "gain"] = "next"
    value_usd: float | None = Field(default=None, gt=0.0)
    early_exit: EarlyExit | None = None
    open_early: OpenEarly | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.choose == "gain" and self.value_usd is None:
            raise ValueError("choose: gain weighs money against quality: give value_usd, what a right answer is worth")
        left, opened = self.early_exit, self.open_early
        if left is not None and opened is not None and opened.above <= left.below:
            raise ValueError("open_early passes on what early_exit gives up: let above be higher than below")
        return self
