"""`kind: Limits`: patience and persistence, rates, and who may change policies."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipeline.contracts import Lane, Name, Share, Tenant, Whole
from pipeline.policy.models.base import Seconds, Section
from pipeline.policy.models.scopes import Scope

__all__ = [
    "AdmissionLimits",
    "Breaker",
    "Changes",
    "Concurrency",
    "Hedge",
    "Lanes",
    "LimitsFile",
    "Outlier",
    "Rate",
    "Retry",
]


class Retry(Section):
    """Retries of model calls: tries in all, at most `share` of the traffic, exponential delay with full jitter."""

    tries: Whole = Field(default=3, ge=1, le=10)
    share: Share = 0.1
    base: Seconds = 0.2
    cap: Seconds = 5.0


class Breaker(Section):
    """When a target is left alone: `ratio` of the last `window` calls failed (of `minimum` at least), or a `streak`.

    So is one that hangs: a `streak` of calls ran out of their callers' time without a word to anybody, each after more
    seconds than `silence` (twice as many where little is known of the target) and than its answers usually take.
    """

    ratio: Share = 0.5
    window: Whole = Field(default=50, ge=1)
    minimum: Whole = Field(default=20, ge=1)
    streak: Whole = Field(default=5, ge=1)
    silence: Seconds = 1.0
    open: Seconds = 10.0
    open_cap: Seconds = 120.0
    probes: Whole = Field(default=3, ge=1)


class Lanes(Section):
    """The deadline of a request that names none, in milliseconds."""

    interactive_deadline_ms: Whole = Field(default=120_000, ge=1)
    batch_deadline_ms: Whole = Field(default=86_400_000, ge=1)


class AdmissionLimits(Section):
    """How many requests of a lane may be on their way over all workers; beyond, `overloaded`, with a pause to wait.

    Where a lane is full, only those are kept back who hold more than their share: the limit divided by `weights`, 1 for
    who is not named, among those who want that much. Up to twice the limit, for who comes later.
    """

    interactive: Whole = Field(default=4_000, ge=1)
    batch: Whole = Field(default=250_000, ge=1)
    weights: dict[Tenant, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)

    def of(self, lane: Lane) -> int:
        """The limit of `lane`."""
        return self.interactive if lane == "interactive" else self.batch


class Hedge(Section):
    """A second call beside a slow first one: once that took longer than a quantile of the last calls."""

    share: Share = 0.05
    quantile: Share = 0.95
    minimum: Whole = Field(default=50, ge=2)


class Outlier(Section):
    """A target that does much worse than the others of its tier is left out for a while, but never most of them."""

    streak: Whole = Field(default=5, ge=1)
    every: Seconds = 10.0
    out: Seconds = 30.0
    at_most: Share = 0.5
    minimum: Whole = Field(default=20, ge=1)
    factor: float = Field(default=1.9, gt=0)


class Concurrency(Section):
    """How many calls a target gets at a time: as many as its slots, or fewer where it slows down under them."""

    adaptive: bool = True
    minimum: Whole = Field(default=1, ge=1)
    tolerance: float = Field(default=1.5, ge=1)


class Rate(Section):
    """How many requests or tokens there may be in a second, minute, hour or day, for each value of `by`; beyond, 429.

    `match` is CEL over `req` and says which requests it concerns.
    """

    name: Name
    match: str = "true"
    by: tuple[Scope, ...] = ("tenant",)
    per: Literal["second", "minute", "hour", "day"] = "minute"
    requests: Whole | None = Field(default=None, ge=1)
    tokens: Whole | None = Field(default=None, ge=1)
    when_away: Literal["allow", "refuse"] = "allow"

    @model_validator(mode="after")
    def _counts_something(self) -> Self:
        if self.requests is None and self.tokens is None:
            raise ValueError("a rate counts requests or tokens: give at least one of them")
        return self


class Changes(Section):
    """Who may change the policy: how many others must approve what one proposes, and who may."""

    approvals: Whole = Field(default=0, ge=0, le=8)
    approvers: tuple[str, ...] = ()
    rollback_needs_approval: bool = False


class LimitsFile(Section):
    """`kind: Limits`: patience and persistence, rates, and who may change policies."""

    apiVersion: Literal["stepwell/v1"]
    kind: Literal["Limits"]
    retry: Retry = Retry()
    breaker: Breaker = Breaker()
    hedge: Hedge = Hedge()
    outlier: Outlier = Outlier()
    concurrency: Concurrency = Concurrency()
    lanes: Lanes = Lanes()
    admission: AdmissionLimits = AdmissionLimits()
    rates: tuple[Rate, ...] = ()
    changes: Changes = Changes()
