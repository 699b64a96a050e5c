"""What the files in `policies/` may say. Strict: an unknown key is an error with its place in the file."""

from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from pipeline.contracts import Action, DataClass, Json, Name, Origin, Parameters, Share, Whole
from pipeline.policy.languages import language

__all__ = [
    "API_VERSION",
    "REQUIRED",
    "TRANSFORMS",
    "Accept",
    "Breaker",
    "CachePolicy",
    "Ceiling",
    "Document",
    "Exposed",
    "Given",
    "Lanes",
    "LimitsFile",
    "ModelsFile",
    "Output",
    "Price",
    "Properties",
    "Pseudonyms",
    "ResidencyExample",
    "ResidencyFile",
    "ResidencyRule",
    "Retry",
    "Route",
    "RouteExample",
    "RoutesFile",
    "Scan",
    "Sinks",
    "Target",
    "TierSpec",
    "Timeouts",
    "Variant",
    "Visibility",
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


class Target(Section):
    """A model at an endpoint, in a region, under a provider."""

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


TRANSFORMS: Final = ("pseudonymise", "mask")
"""Actions that let a target see the request, but not the personal data in it."""

Types = Annotated[tuple[str, ...], Field(min_length=1)]


class ResidencyRule(Section):
    """Where `when` (CEL over `req` and `target`) is true, this action holds. The strictest action wins.

    `types` are the kinds of data that `pseudonymise` or `mask` keep from the target; left out, all of them.
    """

    id: Name
    when: str
    action: Action
    types: Types | None = None
    reason: str

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


class Ceiling(Section):
    """The strictest class of data that may be kept in full."""

    up_to: DataClass = "restricted"


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


class LimitsFile(Section):
    """`kind: Limits`: patience and persistence."""

    apiVersion: Literal["stepwell/v1"]
    kind: Literal["Limits"]
    retry: Retry = Retry()
    breaker: Breaker = Breaker()
    lanes: Lanes = Lanes()


Document = Annotated[ModelsFile | RoutesFile | ResidencyFile | LimitsFile, Field(discriminator="kind")]
