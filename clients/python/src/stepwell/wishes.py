"""What a request may say beside its question, for type checkers. The cascade itself checks what is sent."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

__all__ = ["Budget", "Embed", "MaxPrice", "Parameters", "ProviderPreferences", "Wishes"]


class Parameters(TypedDict, total=False):
    """How a model should sample."""

    temperature: float
    top_p: float
    max_tokens: int
    stop: list[str]
    seed: int
    presence_penalty: float
    frequency_penalty: float
    parallel_tool_calls: bool
    extra: dict[str, Any]


class Budget(TypedDict, total=False):
    """What the caller is ready to spend."""

    deadline_ms: int
    max_cost_usd: float
    max_escalations: int


class MaxPrice(TypedDict, total=False):
    """The highest price that is taken, in US dollars for a million tokens."""

    prompt: float
    completion: float


class ProviderPreferences(TypedDict, total=False):
    """Who should answer. It can only narrow what the policy allows."""

    order: list[str]
    only: list[str]
    ignore: list[str]
    allow_fallbacks: bool
    data_collection: Literal["allow", "deny"]
    sort: Literal["price", "latency"]
    max_price: MaxPrice


class Embed(TypedDict, total=False):
    """Texts of which vectors are wanted."""

    texts: list[str]
    dimensions: int


class Wishes(TypedDict, total=False):
    """Every field of a request but its tenant, its question and the form of delivery."""

    id: str
    user: str
    session: str
    lane: Literal["interactive", "batch"]
    route: str
    pin: str
    provider: ProviderPreferences
    disable_fallbacks: bool
    api_key: str
    embed: Embed
    tools: list[dict[str, Any]]
    tool_choice: str | dict[str, Any]
    response_schema: dict[str, Any]
    logprobs: int
    parameters: Parameters
    origin: str
    budget: Budget
    quality_floor: float
    cache: Literal["use", "refresh", "off"]
    cache_max_age_s: float
    cache_similarity: float
    metadata: dict[str, str]
