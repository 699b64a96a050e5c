"""What the files in `policies/` may say. Strict: an unknown key is an error with its place in the file."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.contracts import DataClass, Json, Name, Origin, Parameters, Share, Whole

__all__ = [
    "API_VERSION",
    "Accept",
    "Breaker",
    "CachePolicy",
    "Document",
    "Given",
    "Lanes",
    "LimitsFile",
    "ModelsFile",
    "Price",
    "ResidencyExample",
    "ResidencyFile",
    "ResidencyRule",
    "Retry",
    "Route",
    "RouteExample",
    "RoutesFile",
    "Scan",
    "Target",
    "TierSpec",
    "Timeouts",
    "Variant",
]

API_VERSION = "stepwell/v1"

Capability = Literal["chat", "logprobs", "json_schema", "tools", "vision", "stream"]
Seconds = Annotated[float, Field(gt=0)]


class Section(BaseModel):
    """Any mapping of a policy file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Price(Section):
    """What a target charges, in US dollars for a million tokens, where the figures come from, and of which day."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)
    cached_input: float | None = Field(default=None, ge=0)
    source: str
    as_of: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")


class Timeouts(Section):
    """Seconds. With `first_token` or `idle` the target is always called as a stream, since only a stream shows them."""

    connect: Seconds = 2.0
    first_token: Seconds | None = None
    idle: Seconds | None = None
    total: Seconds = 60.0


class Target(Section):
    """A model at an endpoint, in a region, under a provider."""

    endpoint: str
    model: str
    provider: Name
    region: Name
    jurisdiction: Origin
    external: bool
    context_window: Whole = Field(ge=1)
    max_output_tokens: Whole = Field(default=1024, ge=1)
    capabilities: frozenset[Capability] = frozenset({"chat"})
    slots: Whole = Field(default=8, ge=1)
    api_key: str | None = None
    price: Price | None = None
    timeouts: Timeouts = Timeouts()
    extra: dict[str, Json] = Field(default_factory=dict)


class Variant(Section):
    """A named way of answering: a target, a prompt and parameters."""

    target: Name
    system: str | None = None
    parameters: Parameters = Parameters()


class ModelsFile(Section):
    """`kind: Models`: the targets there are, and the variants made of them."""

    apiVersion: Literal["stepwell/v1"]
    kind: Literal["Models"]
    targets: dict[Name, Target] = Field(min_length=1)
    variants: dict[Name, Variant] = Field(min_length=1)


class TierSpec(Section):
    """One rung of a cascade: variants with weights that sum to 1."""

    variants: dict[Name, Share] = Field(min_length=1)


class Accept(Section):
    """When a draft may stay. `confidence` null: no threshold, the schema alone decides."""

    confidence: Share | None = None


class CachePolicy(Section):
    """Whether answers of the route are remembered, and for how many seconds."""

    enabled: bool = True
    ttl: Seconds = 3600.0


class Given(Section):
    """The facts an example states; what it leaves out has the value of a plain English chat request."""

    tenant: Name = "default"
    task: str | None = None
    language: str | None = None
    has_schema: bool = False
    has_tools: bool = False
    has_images: bool = False
    message_count: Whole = 1
    characters: Whole = 100
    lane: Literal["interactive", "batch"] = "interactive"
    origin: Origin | None = None
    data_class: DataClass = "public"
    types: tuple[str, ...] = ()
    special: tuple[str, ...] = ()
    scan: Literal["complete", "partial", "failed"] = "complete"
    metadata: dict[str, str] = Field(default_factory=dict)


class RouteExample(Section):
    """A test inside the file: these facts must take this route."""

    given: Given
    expect: Name


class Route(Section):
    """What kind of request this is (`match`, CEL over `req`) and how it may be served, cheapest tier first."""

    name: Name
    match: str = "true"
    tiers: tuple[TierSpec, ...] = Field(min_length=1, max_length=8)
    accept: Accept = Accept()
    max_escalations: Whole = Field(default=1, ge=0, le=8)
    on_exhausted: Literal["degrade", "fail"] = "degrade"
    cache: CachePolicy = CachePolicy()


class RoutesFile(Section):
    """`kind: Routes`: the first route whose `match` is true serves the request."""

    apiVersion: Literal["stepwell/v1"]
    kind: Literal["Routes"]
    routes: tuple[Route, ...] = Field(min_length=1)
    examples: tuple[RouteExample, ...] = ()


class ResidencyRule(Section):
    """Where `when` (CEL over `req` and `target`) is true, this action holds. The strictest action wins."""

    id: Name
    when: str
    action: Literal["allow", "local_only", "deny"]
    reason: str


class ResidencyExample(Section):
    """A test inside the file: with these facts, this target gets this action."""

    given: Given
    target: Name
    expect: Literal["allow", "local_only", "deny"]


class Scan(Section):
    """Budgets of the scan for personal data. Beyond them the request counts as restricted."""

    max_bytes: Whole = Field(default=1_048_576, ge=1)
    timeout: Seconds = 2.0
    names: bool = True


class ResidencyFile(Section):
    """`kind: Residency`: which personal data has which class, and which target may see it."""

    apiVersion: Literal["stepwell/v1"]
    kind: Literal["Residency"]
    scan: Scan = Scan()
    classes: dict[Literal["restricted", "confidential", "internal"], tuple[str, ...]]
    thresholds: dict[str, Share] = Field(default_factory=dict)
    special: dict[Name, tuple[str, ...]] = Field(default_factory=dict)
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


class LimitsFile(Section):
    """`kind: Limits`: patience and persistence."""

    apiVersion: Literal["stepwell/v1"]
    kind: Literal["Limits"]
    retry: Retry = Retry()
    breaker: Breaker = Breaker()
    lanes: Lanes = Lanes()


Document = Annotated[ModelsFile | RoutesFile | ResidencyFile | LimitsFile, Field(discriminator="kind")]
