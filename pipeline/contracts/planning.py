"""What planning sees: the signals of a request and a snapshot of the world. With the policy they decide a plan."""

from typing import Literal

from pydantic import Field

from pipeline.contracts.base import Lane, Name, OpenContract, Origin, Share, Tenant, Whole
from pipeline.contracts.findings import DataClass
from pipeline.contracts.request import ProviderPreferences

__all__ = ["BudgetStanding", "Cover", "Metered", "RateState", "Rung", "Signals", "Snapshot", "TargetStanding", "Why"]

Why = Literal["breaker", "quiet", "outlier"]
"""Why a target is left alone: it failed too often; it asked for it; it does much worse than those beside it."""


class Rung(OpenContract):
    """A way of answering: a variant and the target it calls."""

    variant: Name
    target: Name


class Signals(OpenContract):
    """All that planning sees of a request: sizes, wishes, classes and names, and never its text.

    A record keeps them, so that the plan can be made again under this policy or another one (`stepwell policy replay`).

    Attributes:
        user_tier: the tier of the user, or of the tenant.
        turns: messages of the user.
        tokens: of the whole question, estimated.
        counted: the same by target, counted with its own tokenizer, where the estimate is near a limit of the target.
        max_tokens: what the caller allows for the answer.
        passes: names of the fields that a target has to pass on to its model (`passes` in its policy).
        wants_logprobs: the caller wants log-probabilities.
        complexity: how hard the whole conversation looks, by an explained score.
        difficulty: how likely a small model fails, by a learned score; None: no model of it is in force.
        modalities: what else than text there is.
        metadata: the keys that the policy lets a record keep.
        has_session: the caller named a session.
        embeds: vectors are asked for, and no answer.
        longest: tokens of the longest text that is to be embedded, estimated.
        dimensions: numbers of a vector that are asked for.
        busy_with: the variant whose tool call is answered here; the loop stays on it.
        deadline_left_ms: at the time of planning.
        key: whose assignment it is, as a keyed digest: the session's, else the user's, else the request's own.
        prefix: keyed digests of the stable beginning of the prompt, from short to long.
        draw: a number that follows from the request's id, evenly spread: which share of requests explores.
    """

    tenant: Tenant
    user_tier: Name | None = None
    task: str | None = None
    language: str | None = None
    lane: Lane = "interactive"
    origin: Origin | None = None
    has_schema: bool = False
    has_tools: bool = False
    has_images: bool = False
    has_system: bool = False
    has_tool_results: bool = False
    has_session: bool = False
    embeds: bool = False
    longest: Whole = 0
    dimensions: Whole | None = None
    message_count: Whole = 1
    turns: Whole = 1
    characters: Whole = 0
    tokens: Whole = 0
    counted: dict[Name, Whole] = Field(default_factory=dict)
    max_tokens: Whole | None = None
    passes: tuple[str, ...] = ()
    wants_logprobs: bool = False
    complexity: Share = 0.0
    difficulty: Share | None = None
    wants_code: bool = False
    wants_math: bool = False
    wants_json: bool = False
    modalities: tuple[str, ...] = ()
    data_class: DataClass = "public"
    types: tuple[str, ...] = ()
    special: tuple[str, ...] = ()
    scan: Literal["complete", "partial", "failed"] = "complete"
    names_scanned: bool = True
    names_covered: bool = True
    identifiable: bool = False
    metadata: dict[str, str] = Field(default_factory=dict)
    deadline_left_ms: Whole = 0
    busy_with: Name | None = None
    key: str = ""
    prefix: tuple[str, ...] = ()
    draw: Share = 1.0
    # what the caller asked of the plan itself
    route: Name | None = None
    pin: Name | None = None
    api_key: Name | None = None
    quality_floor: Share | None = None
    cache: Literal["use", "refresh", "off"] = "use"
    max_cost_usd: float | None = None
    max_escalations: Whole | None = None
    provider: ProviderPreferences | None = None
    disable_fallbacks: bool = False


class TargetStanding(OpenContract):
    """How a target fares, over all workers. Times are milliseconds; null where nothing was measured yet.

    `load`: calls that run now as a share of those it may have at a time. `why` it is not healthy, and `back_s`, the
    seconds until it may be called again: null where that is not known. An outlier is called where nobody else can be.
    """

    healthy: bool = True
    why: Why | None = None
    back_s: float | None = Field(default=None, ge=0.0)
    load: float = Field(default=0.0, ge=0.0)
    first_token_ms: float | None = None
    latency_ms: float | None = None

    def ends_within(self, seconds: float) -> bool:
        """Whether a call usually ends within so many seconds; where nothing was measured, it does."""
        return seconds > 0.0 and (self.latency_ms is None or self.latency_ms <= seconds * 1000.0)


class BudgetStanding(OpenContract):
    """What is left of one budget for this request, as a share of its limit, and the seconds until its window ends."""

    name: Name
    left: Share
    resets_s: float | None = None


class Snapshot(OpenContract):
    """What planning knew of the world when it decided.

    Targets of which nothing is known are left out: they count as healthy and unmeasured. `weights` and what follows
    them are about `route` and say nothing about another one. `accepted` is the share of its drafts that sufficed, out
    of `drafts`, and `sufficed` the share of the answers of each variant; costs in US dollars and times in milliseconds,
    for one request. `fallen`: why nothing of the route may stay, since it was seen to break its promise.
    """

    targets: dict[str, TargetStanding] = Field(default_factory=dict)
    budgets: tuple[BudgetStanding, ...] = ()
    route: Name | None = None
    weights: tuple[dict[str, float], ...] = ()
    weights_version: Whole = 0
    drafts: float = 0.0
    accepted: Share | None = None
    draft_usd: float | None = None
    draft_ms: float | None = None
    last_usd: float | None = None
    last_ms: float | None = None
    sufficed: dict[Name, Share] = Field(default_factory=dict)
    fallen: str | None = None


class Cover(OpenContract):
    """A budget that pays for a request: its name, and whose counter it is (a digest of the values it counts by)."""

    budget: Name
    scope: str


class Metered(OpenContract):
    """A rate of tokens that a request counts at: whose counter it is, and for how many it was counted so far."""

    rate: Name
    scope: str
    tokens: Whole


class RateState(OpenContract):
    """How much of a rate limit is left, for the headers of the reply."""

    name: Name
    counts: Literal["requests", "tokens"]
    limit: Whole
    remaining: Whole
    reset_s: float
