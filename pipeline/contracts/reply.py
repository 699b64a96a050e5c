"""What a caller gets back: an answer, a refusal or a failure, and who served it at what cost."""

from typing import Literal

from pydantic import Field

from pipeline.contracts.base import MAX_WHOLE, Json, Name, OpenContract, RequestId, Share, Tenant, UnixTime, Whole
from pipeline.contracts.planning import RateState
from pipeline.contracts.request import ToolCall
from pipeline.contracts.scores import TokenLogprob
from pipeline.contracts.trusted import trusted

__all__ = ["Chunk", "ErrorBody", "Remembered", "Reply", "Served", "Status", "Usage"]

Status = Literal["answered", "refused", "failed"]
"""Refused: policy said no. Failed: we could not. The two are never the same word."""


class ErrorBody(OpenContract):
    """A typed error. `code` is API and stays; `message` is one sentence for a person and may change.

    `candidate`: the last answer, which did not satisfy its schema, where the policy lets the error carry it. Records
    never hold it.
    """

    code: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    message: str
    rule: str | None = None
    param: str | None = None
    retry_after_s: float | None = None
    candidate: str | None = None


class Usage(OpenContract):
    """Tokens used, in one way of counting whatever the provider's own is.

    `input_tokens` holds all of the prompt: cached, written to a cache, audio and image tokens are parts of it.
    `output_tokens` holds all that was generated: reasoning and audio are parts of it.
    """

    input_tokens: Whole = 0
    output_tokens: Whole = 0
    cached_tokens: Whole = 0
    cache_write_tokens: Whole = 0
    reasoning_tokens: Whole = 0
    audio_input_tokens: Whole = 0
    audio_output_tokens: Whole = 0
    image_tokens: Whole = 0

    def __add__(self, other: "Usage") -> "Usage":
        """The sum of two usages."""
        mine, theirs = self.__dict__, other.__dict__
        total = trusted(Usage, {name: mine[name] + theirs[name] for name in Usage.model_fields})
        return total if max(total.__dict__.values()) <= MAX_WHOLE else Usage(**total.__dict__)


class Served(OpenContract):
    """Who really answered. `tier` 0 is the first, cheapest rung; a cached answer names who answered first."""

    route: Name
    variant: Name
    target: Name
    model: str
    tier: Whole
    tiers: Whole


class Remembered(OpenContract):
    """Which answer was served again: of which request, how old it was, and why it is an answer to this one too.

    `exact`: the very same question; `semantic`: one that means the same, of which `similarity` is the cosine; `flight`:
    the same question, asked while this one was under way. `guard`: the file of the learned guard that found both to
    mean the same, with its digest; null: the one that comes along.
    """

    request_id: RequestId
    kind: Literal["exact", "semantic", "flight"] = "exact"
    age_s: float = Field(default=0.0, ge=0.0)
    similarity: Share | None = None
    guard: str | None = None


class Reply(OpenContract):
    """The end of a request. `cost_usd` counts every attempt and is null when one price is unknown.

    `attempts` are the calls of models that went out: drafts, escalations, fallbacks, retries, and second calls beside
    slow ones. `reasoning`: what the model that was served wrote beside its answer to get there; a remembered answer has
    none. `embeddings`: of a request for them, one for each text, as the base64 of little-endian float32.
    `logprobs`: of the tokens of `content`, where they were asked for and are the model's own: null for an answer from
    memory, and for one in which something was mended, masked or put back.

    `audit_id`, `audit_sequence` and `audit_sha256` are a receipt: they name the record of this decision, its place in
    the log and the digest of its bytes, so that whoever keeps the reply can tell whether the log was changed.
    """

    id: RequestId
    tenant: Tenant
    status: Status
    content: str | None = None
    reasoning: str | None = None
    parsed: Json = None
    tool_calls: tuple[ToolCall, ...] | None = None
    finish_reason: str | None = None
    logprobs: tuple[TokenLogprob, ...] | None = None
    embeddings: tuple[str, ...] | None = None
    served: Served | None = None
    attempts: Whole = 0
    escalated: bool = False
    degraded: str | None = None
    confidence: Share | None = None
    cache: Literal["hit", "miss", "off"] = "off"
    remembered: Remembered | None = None
    usage: Usage = Usage()
    cost_usd: float | None = None
    duration_ms: float = 0.0
    completed_at: UnixTime = 0.0
    policy_revision: str
    fingerprint: str
    audit_id: str | None = None
    audit_sequence: Whole | None = None
    audit_sha256: str | None = None
    path: tuple[str, ...] = ()
    rates: tuple[RateState, ...] = ()
    provisional: bool = False
    error: ErrorBody | None = None


class Chunk(OpenContract):
    """A piece of a streamed answer. `seq` counts from 0 without gaps; after a gap the caller fetches the result.

    `reasoning`: a piece of what the model writes beside its answer; `text` is empty then.
    """

    seq: Whole = Field(ge=0)
    text: str
    reasoning: str | None = None
