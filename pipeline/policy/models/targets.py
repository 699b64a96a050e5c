"""`kind: Models`: targets, what they cost and promise, and the variants made of them."""

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from pipeline.contracts import Json, Name, Origin, Parameters, Whole
from pipeline.policy.models.base import Day, Money, Seconds, Section

__all__ = [
    "BUILTIN",
    "OWN_FIELDS",
    "ModelsFile",
    "Price",
    "Probe",
    "Properties",
    "ProviderBatches",
    "Target",
    "Timeouts",
    "Variant",
    "Vectors",
]

Capability = Literal["chat", "logprobs", "json_schema", "tools", "vision", "stream", "embedding"]

BUILTIN: Final = "builtin:"
"""The address of the encoder that comes along (the extra `embeddings`): it runs inside the worker."""


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
    as_of: Day


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
        training: it may train on what we send; where nothing is said, whoever stands outside may, and we do not.
    """

    zdr: bool = False
    baa: bool = False
    pci: bool = False
    training: bool | None = None


class Probe(Section):
    """A call that asks a target whether it is well: GET of `path` beside its endpoint, every so many seconds."""

    path: str = Field(default="models", pattern=r"^[A-Za-z0-9._/-]+$")
    every: Seconds = 10.0
    timeout: Seconds = 2.0


class ProviderBatches(Section):
    """How calls of the batch lane go to a target's provider as a file (`/files`, `/batches`), for less and later.

    A call of which nothing hides personal data by pseudonyms of a conversation waits in NATS for its answer and holds
    no place meanwhile. What is set aside for it is the usual price, as it may have to be called by itself after all.

    Attributes:
        price_share: what a call costs this way, as a share of the target's `price`.
        least: only calls go this way whose deadline leaves so many seconds.
        max_wait: seconds that an answer is waited for; then the call is made by itself.
        spare: so many seconds before the deadline it is made by itself in any case.
        gather: seconds that the first call of a file waits for others.
        every: seconds between two looks at what became of a batch.
        max_lines: calls of a file at most.
        max_mb: megabytes of a file at most.
    """

    price_share: float = Field(default=0.5, ge=0, le=1)
    least: Seconds = 21_600.0
    max_wait: Seconds = 86_400.0
    spare: Seconds = 900.0
    gather: Seconds = 60.0
    every: Seconds = 60.0
    max_lines: Whole = Field(default=50_000, ge=1, le=50_000)
    max_mb: Whole = Field(default=200, ge=1, le=200)


OWN_FIELDS: Final = frozenset(
    {
        "audio", "frequency_penalty", "function_call", "functions", "logprobs", "max_completion_tokens", "max_tokens",
        "messages", "metadata", "modalities", "model", "moderation", "n", "parallel_tool_calls", "presence_penalty",
        "prompt_cache_key", "provider", "response_format", "safety_identifier", "seed", "stepwell", "stop", "store",
        "stream", "stream_options", "temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user",
        "web_search_options",
    }
)  # fmt: skip
"""Fields of a chat completion that Stepwell writes itself, or whose answer it could not hand back."""


def _passed(name: str) -> str:
    if name in OWN_FIELDS:
        raise ValueError(f"{name} is never passed on: Stepwell writes it itself, or refuses it; leave it out")
    return name


Passed = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$"), AfterValidator(_passed)]


class Vectors(Section):
    """What is known of the vectors that a target makes.

    Attributes:
        dimensions: how many numbers each has, where fewer are not asked for.
        encoder: names what made them: vectors of one encoder may be compared with each other, whichever target they
            come from. Left out, it is the model.
        shortens: makes vectors of fewer numbers where a caller asks for that.
    """

    dimensions: Whole | None = Field(default=None, ge=1)
    encoder: str | None = Field(default=None, min_length=1, max_length=200)
    shortens: bool = False


class Target(Section):
    """A model at an endpoint, in a region, under a provider.

    `builtin:` as an endpoint is the encoder that comes along, inside the worker that calls it. What a target with the
    capability `embedding` makes of texts is told by `vectors`, and its window is that of each text.

    Attributes:
        tokenizer: its own tokenizer as a file in the policy folder (`tokenizer.json`); without it tokens are estimated.
        adapter_of: the target whose weights it shares, where it is an adapter (LoRA) on the same server.
        hedge: whether a slow call may be made a second time beside the first (see `hedge` in the limits).
        extra: fields that stand in every call of it.
        passes: fields of its API that callers may give, and that go to it unchanged (`reasoning_effort`, `top_k`); a
            request with one of them goes to targets alone that pass it, and what no target passes is refused.
        probe: how its health is asked for; without it only its answers tell.
        batches: how calls that have time go by its provider's batches; without it each is made by itself.
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
    passes: frozenset[Passed] = frozenset()
    tokenizer: str | None = None
    adapter_of: Name | None = None
    hedge: bool = False
    probe: Probe | None = None
    vectors: Vectors = Vectors()
    batches: ProviderBatches | None = None

    @property
    def encoder(self) -> str:
        """What its vectors are called by those who compare them."""
        return self.vectors.encoder or self.model

    @property
    def may_train(self) -> bool:
        """Whether it may train on what it is sent. A target of our own needs no promise."""
        said = self.properties.training
        return self.external if said is None else said


class Variant(Section):
    """A named way of answering: a target, a prompt (as text, or as a file beside the policies) and parameters.

    Attributes:
        batches: its calls may go by a provider's batch, where the target has those.
    """

    target: Name
    system: str | None = None
    system_file: str | None = None
    parameters: Parameters = Parameters()
    batches: bool = True


class ModelsFile(Section):
    """`kind: Models`: the targets there are, and the variants made of them."""

    apiVersion: Literal["stepwell/v1"]
    kind: Literal["Models"]
    targets: dict[Name, Target] = Field(min_length=1)
    variants: dict[Name, Variant] = Field(min_length=1)
