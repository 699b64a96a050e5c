"""What targets and the cache gave for a request, and what check found in it."""

from typing import Literal

from pydantic import Field

from pipeline.contracts.base import Json, Name, OpenContract, RequestId, Share, StageName, UnixTime, Whole
from pipeline.contracts.findings import Finding, Shielded
from pipeline.contracts.planning import Rung
from pipeline.contracts.reply import ErrorBody, Usage
from pipeline.contracts.request import ToolCall
from pipeline.contracts.scores import TokenLogprob

__all__ = ["Attempt", "CacheHit", "MadeFor", "Verdict", "Wanted"]

MadeFor = Literal["answer", "repair", "samples", "opinion", "verify", "judge", "embedding"]
"""What an attempt was made for: an answer of a tier; the same with its errors told; a further look at a draft; or the
vector of a question that is compared with remembered ones."""


class CacheHit(OpenContract):
    """The remembered answer that was served, and where it came from. `usage` is that of the call that made it.

    `kind`: the very same question, one that means the same, or one that was under way at the same time. `similarity` is
    the cosine of a question that means the same, and `guard` names the learned guard that said so.
    """

    content: str | None = None
    parsed: Json = None
    tool_calls: tuple[ToolCall, ...] | None = None
    finish_reason: str | None = None
    confidence: Share | None = None
    variant: Name
    target: Name
    model: str
    request_id: RequestId
    stored_at: UnixTime
    kind: Literal["exact", "semantic", "flight"] = "exact"
    similarity: Share | None = None
    guard: str | None = None
    usage: Usage | None = None


class Attempt(OpenContract):
    """One target's try at an answer, whether it succeeded or not. Cost in US dollars; null when the price is unknown.

    `shielded`: what the target was kept from. `found`: personal data that the model itself brought up. `fallback`: its
    place in the tier's chain of fallbacks, 0 for the variant that was chosen. `estimated`: nobody reported the usage,
    so it was counted by us, and the cost follows from that. `hedged`: a second call was made beside the slow first one;
    `usage` holds what both used, `hedge_usage` the part of the second one. `calls`: that went out, with retries and the
    second one. Of an attempt that answered, `lost_usage` and `lost_usd` are the part of those calls whose answer is not
    the one that counts; null: there is none. `of_target`: it failed in a way that another target may not. `left_early`:
    it was cancelled, since its beginning said already that it would not stay. `exit_at`: tokens after which its
    beginning said so; without `left_early` it was finished all the same, so that wrong exits can be counted.
    `reasoning`: what the model wrote beside its answer to get there; it is passed on and never weighed or recorded.
    `embeddings`: vectors, where those were asked for, as in a reply. `provider_batch`: the batch at the provider that
    it went by; null: it was called by itself.
    """

    number: Whole = Field(ge=1)
    stage: StageName
    made_for: MadeFor = "answer"
    tier: Whole = Field(ge=0)
    fallback: Whole = 0
    variant: Name
    target: Name
    model: str
    text: str | None = None
    reasoning: str | None = None
    tool_calls: tuple[ToolCall, ...] | None = None
    finish_reason: str | None = None
    embeddings: tuple[str, ...] | None = None
    tokens: tuple[TokenLogprob, ...] | None = None
    usage: Usage = Usage()
    cost_usd: float | None = None
    estimated: bool = False
    hedged: bool = False
    hedge_usage: Usage | None = None
    lost_usage: Usage | None = None
    lost_usd: float | None = None
    of_target: bool = False
    calls: Whole = 1
    latency_ms: float = 0.0
    first_token_ms: float | None = None
    streamed: bool = False
    left_early: bool = False
    exit_at: Whole | None = None
    replayed: bool = False
    shielded: tuple[Shielded, ...] = ()
    found: tuple[Finding, ...] = ()
    provider_batch: str | None = None
    error: ErrorBody | None = None

    @property
    def answer_usage(self) -> Usage:
        """What the call used whose answer counts, without those before and beside it."""
        lost = self.lost_usage
        if lost is None:
            return self.usage
        kinds = Usage.model_fields
        return Usage(**{kind: max(0, getattr(self.usage, kind) - getattr(lost, kind)) for kind in kinds})


class Wanted(OpenContract):
    """A call that check asks for before it decides: the same answer with its errors told, or a further look at it.

    `rung`: who is asked; null: who gave the answer. Of samples there are up to `count`, of this temperature.
    """

    kind: MadeFor
    rung: Rung | None = None
    count: Whole = 1
    temperature: float | None = None


class Verdict(OpenContract):
    """What check found in the last answer. `signals` are all scores, also those that did not decide.

    Attributes:
        wants: what check asks for before it decides.
        asked: what it asked for so far, about answers of this tier.
        calibrator: what made the confidence, by path and digest.
        explored: the probability with which an answer that would stay was escalated all the same; null: it was not.
        tool_calls: with repaired arguments; null: those of the attempt, as they came.
        stays: with `explored`, that the answer would have stayed.
        drafted: of an answer of a deeper tier, the signals of the first one's, and how far the two agree.
    """

    accepted: bool
    attempt: Whole
    confidence: Share | None = None
    threshold: Share | None = None
    schema_state: Literal["none", "valid", "repaired", "invalid"] = "none"
    repairs: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    signals: dict[str, float | None] = Field(default_factory=dict)
    wants: Wanted | None = None
    asked: tuple[str, ...] = ()
    calibrator: str | None = None
    explored: Share | None = None
    stays: bool = False
    drafted: dict[str, float | None] = Field(default_factory=dict)
    content: str | None = None
    parsed: Json = None
    tool_calls: tuple[ToolCall, ...] | None = None
