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
    when_away: Literal["refuse", "allow"] = "refuse"


class EscalationCap(Section):
    """How large a share of the requests may escalate, for each value of `by`.

    A bucket holds at most `burst` escalations and gains `share` of one with each request, so that the share holds over
    any longer stretch and a quiet hour saves up no more than the burst.
    """

    name: Name
    match: str = "true"
    by: tuple[Scope, ...] = ("route",)
    share: Share
    burst: Whole = Field(default=20, ge=1)


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
