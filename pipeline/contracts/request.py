"""What a caller asks: the only contract that strangers write by hand, so its refusals name the field."""

from typing import Annotated, Final, Literal, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from pipeline.contracts.base import (
    Contract,
    Json,
    JsonObject,
    Lane,
    Name,
    Origin,
    RequestId,
    Share,
    Tenant,
    Whole,
)

__all__ = [
    "Budget",
    "Embed",
    "ImagePart",
    "MaxPrice",
    "Message",
    "Parameters",
    "Part",
    "ProviderPreferences",
    "Request",
    "TextPart",
    "ToolCall",
]

MAX_MESSAGES = 4096
MAX_METADATA = 16
MAX_EXTRA = 32
MOST_ALTERNATIVES = 20
MAX_TEXTS = 2048


_ONE_FORM: Final[JsonDict] = {
    "oneOf": [
        {"required": ["input"], "properties": {"input": {"type": "string"}}},
        {"required": ["messages"], "properties": {"messages": {"minItems": 1}}},
        {"required": ["embed"], "properties": {"embed": {"type": "object"}}},
    ]
}
"""What the validator of Request says, for readers of the schema."""


class TextPart(Contract):
    """A piece of text inside a message."""

    type: Literal["text"]
    text: str


class ImagePart(Contract):
    """An image by address or data URL. It is not scanned for personal data; the residency policy decides about it."""

    type: Literal["image_url"]
    image_url: JsonObject


Part = Annotated[TextPart | ImagePart, Field(discriminator="type")]


class ToolCall(Contract):
    """A call of a tool, in the shape of the OpenAI API: `function.arguments` is JSON text."""

    id: str = Field(max_length=256)
    type: Literal["function"] = "function"
    function: JsonObject


class Message(Contract):
    """One message of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | tuple[Part, ...] | None = None
    name: str | None = Field(default=None, max_length=256)
    tool_calls: tuple[ToolCall, ...] | None = None
    tool_call_id: str | None = Field(default=None, max_length=256)


ExtraName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]


class Parameters(Contract):
    """How a model should sample. What is not given is left to the variant.

    `parallel_tool_calls`: false asks for one call of a tool at a time. `extra` are fields of the model's own API, which
    go to it unchanged; only targets whose policy declares their names (`passes`) are asked then.
    """

    temperature: float | None = Field(default=None, ge=0.0, le=2.0)
    top_p: float | None = Field(default=None, gt=0.0, le=1.0)
    max_tokens: Whole | None = Field(default=None, ge=1)
    stop: tuple[str, ...] | None = Field(default=None, max_length=4)
    seed: Whole | None = None
    presence_penalty: float | None = Field(default=None, ge=-2.0, le=2.0)
    frequency_penalty: float | None = Field(default=None, ge=-2.0, le=2.0)
    parallel_tool_calls: bool | None = None
    extra: dict[ExtraName, Json] = Field(default_factory=dict, max_length=MAX_EXTRA)


class Embed(Contract):
    """Texts of which vectors are wanted; `dimensions`: of how many numbers each, where the model can make fewer."""

    texts: tuple[Annotated[str, Field(min_length=1)], ...] = Field(min_length=1, max_length=MAX_TEXTS)
    dimensions: Whole | None = Field(default=None, ge=1, le=65_536)


class Budget(Contract):
    """What the caller is ready to spend. The policy's own limits hold as well; the tighter one wins."""

    deadline_ms: Whole | None = Field(default=None, ge=1, le=86_400_000)
    max_cost_usd: float | None = Field(default=None, ge=0.0)
    max_escalations: Whole | None = Field(default=None, ge=0, le=16)


class MaxPrice(Contract):
    """The highest price that is taken, in US dollars for a million tokens."""

    prompt: float | None = Field(default=None, ge=0.0)
    completion: float | None = Field(default=None, ge=0.0)


class ProviderPreferences(Contract):
    """What a caller says about who should answer, in the words of the field. The route says which of it counts.

    `order`, `only` and `ignore` name providers or targets. With `data_collection: deny` only targets of our own
    count, and those that promised not to train on what we send. It can only narrow what the policy allows.
    """

    order: tuple[Name, ...] = Field(default=(), max_length=32)
    only: tuple[Name, ...] | None = Field(default=None, max_length=32)
    ignore: tuple[Name, ...] = Field(default=(), max_length=32)
    allow_fallbacks: bool = True
    data_collection: Literal["allow", "deny"] = "allow"
    sort: Literal["price", "latency"] | None = None
    max_price: MaxPrice | None = None


class Request(Contract):
    """A question to the cascade. Give either `messages` or the short form `input`; or `embed`, to be given vectors.

    `id` makes the request idempotent: the same id with the same content is answered once and paid once.
    `origin` says where the data comes from (for instance `EU`), for the residency policy. `pin` names the one variant
    that may answer; with `disable_fallbacks` no other answers where the chosen one fails. `api_key` is the public id of
    the key that the caller came with, for budgets by key; never the key itself. `cache`: a remembered answer may serve
    it (`use`), it is answered anew and then remembered (`refresh`), or neither (`off`). `cache_max_age_s` is the
    highest age of a remembered answer, `cache_similarity` how alike its question has to be at least; the policy may ask
    for more, never less. `logprobs`: the log-probabilities of the answer's tokens are wanted, with so many alternatives
    each; only targets that give them are asked then.
    """

    model_config = ConfigDict(json_schema_extra=_ONE_FORM)

    id: RequestId | None = None
    tenant: Tenant = "default"
    user: str | None = Field(default=None, max_length=256)
    session: str | None = Field(default=None, max_length=256)
    lane: Lane = "interactive"
    route: Name | None = None
    pin: Name | None = None
    provider: ProviderPreferences | None = None
    disable_fallbacks: bool = False
    api_key: Name | None = None
    input: str | None = None
    messages: tuple[Message, ...] = Field(default=(), max_length=MAX_MESSAGES)
    embed: Embed | None = None
    tools: tuple[JsonObject, ...] | None = None
    tool_choice: str | JsonObject | None = None
    response_schema: JsonObject | None = None
    logprobs: Whole | None = Field(default=None, ge=0, le=MOST_ALTERNATIVES)
    parameters: Parameters = Parameters()
    origin: Origin | None = None
    budget: Budget = Budget()
    quality_floor: Share | None = None
    cache: Literal["use", "refresh", "off"] = "use"
    cache_max_age_s: float | None = Field(default=None, ge=0.0)
    cache_similarity: Share | None = None
    stream: bool = False
    metadata: dict[str, str] = Field(default_factory=dict, max_length=MAX_METADATA)

    @model_validator(mode="after")
    def _one_form_of_question(self) -> Self:
        if (self.input is not None) + bool(self.messages) + (self.embed is not None) != 1:
            raise ValueError("give one of messages, input and embed, and not several")
        return self

    def conversation(self) -> tuple[Message, ...]:
        """The messages, whichever form the caller used; of texts to embed, each as one of its own."""
        if self.embed is not None:
            return tuple([Message(role="user", content=text) for text in self.embed.texts])
        if self.input is None:
            return self.messages
        return (Message(role="user", content=self.input),)
