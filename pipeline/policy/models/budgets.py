"""`kind: Budgets`: what may be spent, by whom, and how often a request may escalate."""

from typing import Literal, Self

from pydantic import Field, model_validator

from pipeline.contracts import Name, Share, Whole
from pipeline.policy.models.base import Money, Section
from pipeline.policy.models.examples import Given
from pipeline.policy.models.scopes import Scope

__all__ = ["Allowance", "BudgetExample", "BudgetSpec", "BudgetsFile", "EscalationCap", "Window"]

Window = Literal["minute", "hour", "day", "week", "month", "total"]


class Allowance(Section):
    """What may be spent in one window: US dollars, tokens (input and output), requests. At least one of them."""

    usd: Money | None = None
    tokens: Whole | None = Field(default=None, ge=0)
    requests: Whole | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.usd is None and self.tokens is None and self.requests is None:
            raise ValueError("a limit is usd, tokens or requests: give at least one of them")
        return self


class BudgetSpec(Section):
    """What requests may cost in a window. Windows are those of the calendar, in UTC; `total` never ends.

    Attributes:
        match: CEL over `req`: which requests it pays for.
        by: one counter for each value of these; none: one counter for all.
        stages: whose attempts count: all, or escalations alone (a cap on them).
        action: what happens when it does not cover an attempt: the request is refused, waits for the next window, or is
            served by `degrade_to` variants, whose attempts are counted and never stopped.
        warn_at: the share spent from which it is told in metrics and logs.
        pace: of a budget for escalations: where money goes faster than time in its window, those pass first that need
            it most, as with `escalations`.
        when_away: what happens while nobody can count.
    """

    name: Name
    match: str = "true"
    by: tuple[Scope, ...] = ()
    per: Window = "day"
    limit: Allowance
    stages: Literal["all", "escalate"] = "all"
    action: Literal["refuse", "queue", "degrade"] = "refuse"
    degrade_to: tuple[Name, ...] = ()
    warn_at: Share = 0.8
    pace: bool = False
    when_away: Literal["refuse", "allow"] = "refuse"

    @model_validator(mode="after")
    def _paces_escalations(self) -> Self:
        if self.pace and (self.stages != "escalate" or self.per == "total"):
            raise ValueError("pace: is for a budget of escalations (stages: escalate) with a window that ends")
        return self


class EscalationCap(Section):
    """How large a share of the requests may escalate, for each value of `by`.

    A bucket holds at most `burst` escalations and gains `share` of one with each request, so that the share holds over
    any longer stretch and a quiet hour saves up no more than the burst.

    Attributes:
        pace: before the bucket is empty, let those pass first that need it most: the nearer the share lately comes to
            `share`, the farther below its threshold a draft has to be. What is kept so is marked like all that is
            capped. Without it the first ones pass, and then nobody.
        resume: once the bucket was empty, nothing passes until the share lately is down here; null: as soon as there is
            one in it again.
    """

    name: Name
    match: str = "true"
    by: tuple[Scope, ...] = ("route",)
    share: Share
    burst: Whole = Field(default=20, ge=1)
    pace: bool = False
    resume: Share | None = None

    @model_validator(mode="after")
    def _resumes_below(self) -> Self:
        if self.resume is not None and self.resume >= self.share:
            raise ValueError("resume: a cap opens again below its share: give less than that")
        return self


class BudgetExample(Section):
    """A test inside the file: a request of these facts is paid for by these budgets, no more and no less."""

    given: Given
    expect: tuple[Name, ...]


class BudgetsFile(Section):
    """`kind: Budgets`: what may be spent, by whom, and how often a request may escalate."""

    apiVersion: Literal["stepwell/v1"]
    kind: Literal["Budgets"]
    budgets: tuple[BudgetSpec, ...] = ()
    escalations: tuple[EscalationCap, ...] = ()
    examples: tuple[BudgetExample, ...] = ()
