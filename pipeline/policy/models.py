"""What the files in `policies/` may say. Strict: an unknown key is an error with its place in the file."""

from datetime import date
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from pipeline.contracts import Action, DataClass, Json, Name, Origin, Parameters, Share, Whole
from pipeline.policy.languages import language

__all__ = [
    "API_VERSION",
    "REQUIRED",
    "TRANSFORMS",
    "Accept",
    "Allowance",
    "Breaker",
    "BudgetExample",
    "BudgetSpec",
    "BudgetsFile",
    "CachePolicy",
    "Ceiling",
    "Changes",
    "Concurrency",
    "Document",
    "EscalationCap",
    "ExperimentSpec",
    "ExperimentsFile",
    "Exposed",
    "Given",
    "Hedge",
    "Lanes",
    "LimitsFile",
    "ModelsFile",
    "Outlier",
    "Output",
    "Preference",
    "Price",
    "PriceCeiling",
    "Probe",
    "Properties",
    "Pseudonyms",
    "Rate",
    "ResidencyExample",
    "ResidencyFile",
    "ResidencyRule",
    "Retry",
    "Route",
    "RouteExample",
    "RoutesFile",
    "Scan",
    "Scope",
    "Sinks",
    "SkipDraft",
    "Target",
    "TenantSpec",
    "TenantsFile",
    "TierSpec",
    "Timeouts",
    "Variant",
    "Visibility",
    "Window",
]

API_VERSION = "stepwell/v1"

Capability = Literal["chat", "logprobs", "json_schema", "tools", "vision", "stream"]
Seconds = Annotated[float, Field(gt=0)]


def _day(text: str) -> str:
    """A day that is in the calendar."""
    try:
        date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text} is no day; write it as 2027-01-31") from None
    return text


def _number_as_text(value: object) -> object:
    """A score that is a plain number is CEL too."""
    return repr(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


ScoreText = Annotated[str, BeforeValidator(_number_as_text, json_schema_input_type=str | float)]


class Section(BaseModel):
    """Any mapping of a policy file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


Money = Annotated[float, Field(ge=0)]


class Price(Section):
    """What a target charges, in US dollars for a million tokens, where the figures come from, and of which day.

    What is not priced apart costs as much as `input` or `output`. `cached` and `reasoning` say how the provider counts:
    whether its prompt tokens hold the cached ones (`inside`) or not (`beside`), and completion tokens the reasoning.
    """

    input: Money
    output: Money
    cached_input: Money | None = None
    cache_write: Money | None = None
    reasoning: Money | None = None
    audio_input: Money | None = None
    audio_output: Money | None = None
    image: Money | None = None
    cached: Literal["inside", "beside"] = "inside"
    reasoning_counted: Literal["inside", "beside"] = "inside"
    source: str
    as_of: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")


class Timeouts(Section):
    """Seconds. With `first_token` or `idle` the target is always called as a stream, since only a stream shows them."""

    connect: Seconds = 2.0
    first_token: Seconds | None = None
    idle: Seconds | None = None
    total: Seconds = 60.0


class Properties(Section):
    """What the provider has promised; what is not written down was not promised.

    Attributes:
        zdr: zero data retention: nothing of a request is kept.
        baa: a contract for health data (HIPAA).
        pci: may hold card data.
        training: it may train on what we send.
    """

    zdr: bool = False
    baa: bool = False
    pci: bool = False
    training: bool = True


class Probe(Section):
    """A call that asks a target whether it is well: GET of `path` beside its endpoint, every so many seconds."""

    path: str = Field(default="models", pattern=r"^[A-Za-z0-9._/-]+$")
    every: Seconds = 10.0
    timeout: Seconds = 2.0


class Target(Section):
    """A model at an endpoint, in a region, under a provider.

    Attributes:
        tokenizer: its own tokenizer as a file in the policy folder (`tokenizer.json`); without it tokens are estimated.
        adapter_of: the target whose weights it shares, where it is an adapter (LoRA) on the same server.
        hedge: whether a slow call may be made a second time beside the first (see `hedge` in the limits).
        probe: how its health is asked for; without it only its answers tell.
    """

    endpoint: str
    model: str
    provider: Name
    region: Name
    jurisdiction: Origin
    external: bool
    properties: Properties = Properties()
    context_window: Whole = Field(ge=1)
    max_output_tokens: Whole = Field(default=1024, ge=1)
    capabilities: frozenset[Capability] = frozenset({"chat"})
    slots: Whole = Field(default=8, ge=1)
    api_key: str | None = None
    price: Price | None = None
    timeouts: Timeouts = Timeouts()
    extra: dict[str, Json] = Field(default_factory=dict)
    tokenizer: str | None = None
    adapter_of: Name | None = None
    hedge: bool = False
    probe: Probe | None = None


class Variant(Section):
    """A named way of answering: a target, a prompt (as text, or as a file beside the policies) and parameters."""

    target: Name
    system: str | None = None
    system_file: str | None = None
    parameters: Parameters = Parameters()


class ModelsFile(Section):
    """`kind: Models`: the targets there are, and the variants made of them."""

    apiVersion: Literal["stepwell/v1"]
    kind: Literal["Models"]
    targets: dict[Name, Target] = Field(min_length=1)
    variants: dict[Name, Variant] = Field(min_length=1)


class TierSpec(Section):
    """One rung of a cascade: variants with weights that sum to 1, and who takes over where one fails.

    `choose` says by what one variant is chosen among the eligible: by its weight (and then a session keeps it), the
    lowest expected cost, the lowest expected latency, a balance of both, or affinity (the same beginning of a prompt
    goes to the same variant, where a server has it in its memory).
    """

    variants: dict[Name, Share] = Field(min_length=1)
    choose: Literal["weights", "cost", "latency", "balance", "affinity"] = "weights"
    fallbacks: tuple[Name, ...] = Field(default=(), max_length=8)


class Accept(Section):
    """When a draft may stay. `confidence` null: no threshold, the schema alone decides."""

    confidence: Share | None = None


class Ceiling(Section):
    """The strictest class of data that may be kept in full."""

    up_to: DataClass = "restricted"


class PriceCeiling(Section):
    """The highest price of a target that is taken, in US dollars for a million tokens."""

    input: Money | None = None
    output: Money | None = None


class SkipDraft(Section):
    """Whether the draft is left out where it would not pay: where escalations make the stairs dearer or slower.

    It pays by the route's own record: the share of drafts that sufficed, what they cost and how long they took. Below
    `minimum` drafts nothing is concluded. One request in `explore` is drafted all the same, so that the record stays
    fresh.
    """

    when: Literal["never", "cost", "latency", "either", "both"] = "never"
    minimum: Whole = Field(default=50, ge=1)
    explore: Share = 0.05


Preference = Literal["order", "only", "ignore", "allow_fallbacks", "data_collection", "sort", "max_price"]
_ALL_PREFERENCES: Final[tuple[Preference, ...]] = (
    "order", "only", "ignore", "allow_fallbacks", "data_collection", "sort", "max_price"
)  # fmt: skip


class CachePolicy(Section):
    """Whether answers of the route are remembered, and for how many seconds."""

    enabled: bool = True
    ttl: Seconds = 3600.0


class Given(Section):
    """The facts an example states; what it leaves out has the value of a plain English chat request.

    `data_class` and `identifiable` follow from the types where they are left out, and so does what is special in them.
    """

    tenant: Name = "default"
    task: str | None = None
    language: str | None = None
    has_schema: bool = False
    has_tools: bool = False
    has_images: bool = False
    has_system: bool = False
    has_tool_results: bool = False
    message_count: Whole = 1
    characters: Whole = 100
    lane: Literal["interactive", "batch"] = "interactive"
    origin: Origin | None = None
    data_class: DataClass | None = None
    types: tuple[str, ...] = ()
    special: tuple[str, ...] = ()
    scan: Literal["complete", "partial", "failed"] = "complete"
    names_covered: bool = True
    identifiable: bool | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    user_tier: Name | None = None
    turns: Whole = 1
    tokens: Whole = 30
    max_tokens: Whole | None = None
    complexity: Share = 0.0
    difficulty: Share | None = None
    wants_code: bool = False
    wants_math: bool = False
    wants_json: bool = False
    modalities: tuple[str, ...] = ()
    has_session: bool = False
    budget_left: Share = 1.0
    deadline_left_ms: Whole = 120_000


class RouteExample(Section):
    """A test inside the file: these facts must take this route."""

    given: Given
    expect: Name


class Route(Section):
    """What kind of request this is (`match`, CEL over `req`) and how it may be served, cheapest tier first.

    Attributes:
        score: with `choose: scored`, CEL that gives a number; of the routes that match the highest takes the request.
        only: the targets or providers that may serve it; None: any.
        ignore: the targets or providers that may not.
        regions: where targets should be, the best first; a preference, not a rule.
        max_price: prices above which a target is not taken.
        max_cost_per_token: US dollars for a token, input or output, above which a target is not taken.
        latency_target_ms: targets whose measured latency is within it come first.
        callers_may: what of `provider` in a request counts here.
        on_capped: what happens when an escalation is due and its cap does not allow it.
        response_schema_file: the schema of answers to requests that bring none, as a file beside the policies.
    """

    name: Name
    match: str = "true"
    score: ScoreText | None = None
    tiers: tuple[TierSpec, ...] = Field(min_length=1, max_length=8)
    accept: Accept = Accept()
    max_escalations: Whole = Field(default=1, ge=0, le=8)
    on_exhausted: Literal["degrade", "fail"] = "degrade"
    cache: CachePolicy = CachePolicy()
    only: tuple[Name, ...] | None = None
    ignore: tuple[Name, ...] = ()
    regions: tuple[Name, ...] = ()
    max_price: PriceCeiling | None = None
    max_cost_per_token: Money | None = None
    latency_target_ms: Whole | None = Field(default=None, ge=1)
    callers_may: tuple[Preference, ...] = _ALL_PREFERENCES
    skip_draft: SkipDraft = SkipDraft()
    on_capped: Literal["degrade", "queue", "refuse"] = "degrade"
    response_schema_file: str | None = None


class RoutesFile(Section):
    """`kind: Routes`: the first route whose `match` is true serves the request; if `scored`, the best one.

    `record_metadata` are the keys of a request's metadata that a record may keep, besides task and language.
    """

    apiVersion: Literal["stepwell/v1"]
    kind: Literal["Routes"]
    choose: Literal["first", "scored"] = "first"
    record_metadata: tuple[str, ...] = ()
    difficulty_file: str | None = None
    routes: tuple[Route, ...] = Field(min_length=1)
    examples: tuple[RouteExample, ...] = ()


TRANSFORMS: Final = ("pseudonymise", "mask")
"""Actions that let a target see the request, but not the personal data in it."""

Types = Annotated[tuple[str, ...], Field(min_length=1)]


class ResidencyRule(Section):
    """Where `when` (CEL over `req` and `target`) is true, this action holds. The strictest action wins.

    `types` are the kinds of data that `pseudonymise` or `mask` keep from the target; left out, all of them. `expires`
    is the last day of what the rule was made for: `check` warns after it, and the rule goes on to hold.
    """

    id: Name
    when: str
    action: Action
    types: Types | None = None
    reason: str
    expires: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$"), AfterValidator(_day)] | None = None

    @model_validator(mode="after")
    def _types_of_a_transform(self) -> Self:
        if self.types is not None and self.action not in TRANSFORMS:
            raise ValueError(f"types belong to pseudonymise and mask; {self.action} is about the whole request")
        return self


class ResidencyExample(Section):
    """A test inside the file: with these facts, this target gets this action, and these types are kept from it."""

    given: Given
    target: Name
    expect: Action
    pseudonymise: tuple[str, ...] | None = None
    mask: tuple[str, ...] | None = None


Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$"), AfterValidator(language)]


class Scan(Section):
    """Budgets of the scan for personal data. Beyond them the request counts as restricted.

    `languages` are those whose names are looked for; a text in another one is said to be uncovered.
    """

    max_bytes: Whole = Field(default=1_048_576, ge=1)
    timeout: Seconds = 2.0
    names: bool = True
    languages: tuple[Language, ...] = ("en",)


class Pseudonyms(Section):
    """How data is replaced: by its type and a number, or by something of the same format; and how long it is known."""

    style: Literal["typed", "format"] = "typed"
    ttl: Seconds = 86_400.0


class Output(Section):
    """Answers of models: those of which targets are scanned, and which kinds of data are masked in them.

    A streamed answer that is scanned comes about two hundred characters late.
    """

    scan: Literal["none", "external", "all"] = "none"
    mask: tuple[str, ...] = ()


Exposed = Literal[
    "messages",
    "system",
    "tools",
    "tool_results",
    "response_schema",
    "images",
    "names",
    "user",
    "session",
    "metadata",
    "request_id",
    "traceparent",
]
"""A field of a request that a provider may or may not see."""
REQUIRED: Final[tuple[Exposed, ...]] = ("messages", "system", "tools", "tool_results", "response_schema", "images")
"""Fields without which a request would be another one: who may not see them cannot serve it."""
_USUAL: Final[tuple[Exposed, ...]] = (*REQUIRED, "names", "request_id", "traceparent")


class Sinks(Section):
    """What else than a provider sees requests: `telemetry` lists what a trace may say of who asked."""

    cache: Ceiling = Ceiling()
    dead_letters: Ceiling = Ceiling()
    telemetry: tuple[Literal["tenant", "session", "request_id"], ...] = ("tenant", "session", "request_id")


class Visibility(Section):
    """What each provider may see, `default` for those that are not named, and what may be kept where."""

    providers: dict[Name, tuple[Exposed, ...]] = Field(default_factory=dict)
    sinks: Sinks = Sinks()

    def shown_to(self, provider: str) -> tuple[Exposed, ...]:
        """The fields that this provider may see."""
        return self.providers.get(provider, self.providers.get("default", _USUAL))


class ResidencyFile(Section):
    """`kind: Residency`: which personal data has which class, and which target may see it."""

    apiVersion: Literal["stepwell/v1"]
    kind: Literal["Residency"]
    scan: Scan = Scan()
    classes: dict[Literal["restricted", "confidential", "internal"], tuple[str, ...]]
    thresholds: dict[str, Share] = Field(default_factory=dict)
    special: dict[Name, tuple[str, ...]] = Field(default_factory=dict)
    pseudonyms: Pseudonyms = Pseudonyms()
    output: Output = Output()
    visibility: Visibility = Visibility()
    rules: tuple[ResidencyRule, ...] = ()
    examples: tuple[ResidencyExample, ...] = ()


class Retry(Section):
    """Retries of model calls: tries in all, at most `share` of the traffic, exponential delay with full jitter."""

    tries: Whole = Field(default=3, ge=1, le=10)
    share: Share = 0.1
    base: Seconds = 0.2
    cap: Seconds = 5.0


class Breaker(Section):
    """When a target is left alone: `ratio` of the last `window` calls failed (of `minimum` at least), or a `streak`."""

    ratio: Share = 0.5
    window: Whole = Field(default=50, ge=1)
    minimum: Whole = Field(default=20, ge=1)
    streak: Whole = Field(default=5, ge=1)
    open: Seconds = 10.0
    open_cap: Seconds = 120.0
    probes: Whole = Field(default=3, ge=1)


class Lanes(Section):
    """The deadline of a request that names none, in milliseconds."""

    interactive_deadline_ms: Whole = Field(default=120_000, ge=1)
    batch_deadline_ms: Whole = Field(default=86_400_000, ge=1)


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


Window = Literal["minute", "hour", "day", "week", "month", "total"]
Scope = Annotated[
    str, Field(pattern=r"^(tenant|key|user|route|experiment|variant|target|lane|tag\.[A-Za-z0-9_-]{1,64})$")
]


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
    rates: tuple[Rate, ...] = ()
    changes: Changes = Changes()


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


class TenantSpec(Section):
    """What is different for a tenant.

    Attributes:
        tier: `req.user_tier` of its requests, unless `user_tiers` names another one for the user.
        user_tiers: tiers by user.
        variants: variants that take the place of others, such as an adapter of its own.
        only: targets or providers that may serve it.
        ignore: those that may not.
        regions: where targets should be, the best first.
        may_pin: whether its callers may pin a variant.
    """

    tier: Name | None = None
    user_tiers: dict[str, Name] = Field(default_factory=dict)
    variants: dict[Name, Name] = Field(default_factory=dict)
    only: tuple[Name, ...] | None = None
    ignore: tuple[Name, ...] = ()
    regions: tuple[Name, ...] = ()
    may_pin: bool = True


class TenantsFile(Section):
    """`kind: Tenants`: what is different for whom. `default` holds for those that are not named."""

    apiVersion: Literal["stepwell/v1"]
    kind: Literal["Tenants"]
    tenants: dict[Name, TenantSpec] = Field(default_factory=dict)


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


Document = Annotated[
    ModelsFile | RoutesFile | ResidencyFile | LimitsFile | BudgetsFile | TenantsFile | ExperimentsFile,
    Field(discriminator="kind"),
]
