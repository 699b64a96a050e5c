"""What comes back. Fields that a newer cascade adds are kept, and ignored."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "AuditRecord",
    "Chunk",
    "ErrorDetail",
    "RateState",
    "Remembered",
    "Reply",
    "Served",
    "ToolCall",
    "Usage",
]


class _Open(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow", protected_namespaces=())


class ErrorDetail(_Open):
    """Why a request was refused or failed."""

    code: str
    message: str
    rule: str | None = None
    param: str | None = None
    retry_after_s: float | None = None
    candidate: str | None = None


class Usage(_Open):
    """Tokens used. Cached ones are part of the input, reasoning is part of the output."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    audio_input_tokens: int = 0
    audio_output_tokens: int = 0
    image_tokens: int = 0


class Served(_Open):
    """Who really answered. `tier` 0 is the first, cheapest rung."""

    route: str
    variant: str
    target: str
    model: str
    tier: int
    tiers: int


class Remembered(_Open):
    """Which answer was served again."""

    request_id: str
    kind: Literal["exact", "semantic", "flight"] = "exact"
    age_s: float = 0.0
    similarity: float | None = None
    guard: str | None = None


class RateState(_Open):
    """How much of a rate is left."""

    name: str
    counts: str
    limit: int
    remaining: int
    reset_s: float


class ToolCall(_Open):
    """A call of a tool, in the shape of the OpenAI API: `function["arguments"]` is JSON text."""

    id: str
    type: Literal["function"] = "function"
    function: dict[str, Any]


class Reply(_Open):
    """The end of a request. `cost_usd` counts every attempt and is None when one price is unknown."""

    id: str
    tenant: str
    status: Literal["answered", "refused", "failed"]
    content: str | None = None
    reasoning: str | None = None
    parsed: Any = None
    tool_calls: tuple[ToolCall, ...] | None = None
    finish_reason: str | None = None
    logprobs: tuple[dict[str, Any], ...] | None = None
    embeddings: tuple[str, ...] | None = None
    served: Served | None = None
    attempts: int = 0
    escalated: bool = False
    degraded: str | None = None
    confidence: float | None = None
    cache: Literal["hit", "miss", "off"] = "off"
    remembered: Remembered | None = None
    usage: Usage = Field(default_factory=Usage)
    cost_usd: float | None = None
    duration_ms: float = 0.0
    completed_at: float = 0.0
    policy_revision: str
    fingerprint: str
    audit_id: str | None = None
    audit_sequence: int | None = None
    audit_sha256: str | None = None
    path: tuple[str, ...] = ()
    rates: tuple[RateState, ...] = ()
    provisional: bool = False
    error: ErrorDetail | None = None


class Chunk(_Open):
    """A piece of a streamed answer; `reasoning` instead of `text` while the model thinks aloud."""

    seq: int
    text: str
    reasoning: str | None = None


class AuditRecord(_Open):
    """A record of the log: who asked, what was decided and why, what it cost. Never what was said.

    What is not named here stands in `model_extra`; `raw` are the bytes that the log's chain is made of.
    """

    kind: str = "decision"
    at: float
    tenant: str
    request_id: str | None = None
    status: str | None = None
    cost_usd: float | None = None
    confidence: float | None = None
    policy_revision: str | None = None
    sequence: int = 0
    raw: bytes = Field(default=b"", repr=False)
