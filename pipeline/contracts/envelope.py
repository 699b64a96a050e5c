"""What travels between stages: the request, what was found out about it so far, and the trail that explains it."""

from typing import Literal, NamedTuple

from pydantic import Field

from pipeline.contracts.base import (
    Json,
    Lane,
    Name,
    OpenContract,
    Origin,
    RequestId,
    Share,
    StageName,
    UnixTime,
    Whole,
)
from pipeline.contracts.findings import DataClass
from pipeline.contracts.planning import Cover, Metered, RateState, Rung, Signals, Snapshot
from pipeline.contracts.reply import ErrorBody, Status, Usage
from pipeline.contracts.request import Request, ToolCall
from pipeline.contracts.scores import TokenLogprob

__all__ = [
    "Action",
    "Attempt",
    "CacheHit",
    "Classification",
    "DataClass",
    "Envelope",
    "Exclusion",
    "Finding",
    "MadeFor",
    "Mark",
    "Plan",
    "Residency",
    "Shielded",
    "Step",
    "Tier",
    "Verdict",
    "Wanted",
    "parse_envelope",
]

ENVELOPE_VERSION = "1.0"

MadeFor = Literal["answer", "repair", "samples", "opinion", "verify", "judge", "embedding"]
"""What an attempt was made for: an answer of a tier; the same with its errors told; a further look at a draft; or the
vector of a question that is compared with remembered ones."""

Action = Literal["allow", "pseudonymise", "mask", "local_only", "deny"]
"""What may happen with data at a target, from the weakest to the strongest."""


class Finding(OpenContract):
    """How often one kind of personal data occurs, and with which score. Never the data itself."""

    type: str
    count: Whole = Field(ge=1)
    score: Share | None = None


class Mark(NamedTuple):
    """Where a finding stands: characters `start` to `end` of text unit `unit` of the request (see disclosure.units).

    It says where personal data is, so that a target may be kept from it, and never what it is.
    """

    unit: Whole
    start: Whole
    end: Whole
    type: str
    score: Share


class Residency(OpenContract):
    """What the residency policy says about one target, and which rule said it.

    `pseudonymise` and `mask` name the types that the target must not see as they are, `*` all of them: the union over
    all rules that hold, whichever rule decided the action. A type in both is masked.
    """

    target: Name
    action: Action
    rule: str | None = None
    reason: str | None = None
    pseudonymise: tuple[str, ...] = ()
    mask: tuple[str, ...] = ()


class Shielded(OpenContract):
    """What a target was kept from: how many findings of a type were replaced, or that a field was left out."""

    action: Literal["pseudonymise", "mask", "omit"]
    what: str
    count: Whole = Field(ge=1)


class Classification(OpenContract):
    """What the request contains and who may see it.

    Attributes:
        names_scanned: people and places were looked for as well.
        names_covered: every text is in a language whose names the scan knows (true also where names were not needed).
        units: fingerprint of the text units that were scanned; who uses `marks` compares it with the units he sees.
        marks: where the findings stand. Empty without `units`: then nothing may be concluded from it.
    """

    data_class: DataClass
    findings: tuple[Finding, ...] = ()
    special: tuple[str, ...] = ()
    origin: Origin | None = None
    scan: Literal["complete", "partial", "failed"]
    names_scanned: bool = False
    names_covered: bool = True
    engine: str
    units: str | None = None
    marks: tuple[Mark, ...] = ()
    residency: tuple[Residency, ...] = ()

    def action_for(self, target: str) -> Action:
        """The residency decision for `target`; a target nobody decided about is denied."""
        return next((entry.action for entry in self.residency if entry.target == target), "deny")


class Exclusion(OpenContract):
    """Why a target was not eligible."""

    target: Name
    condition: Literal[
        "residency", "capability", "context", "price", "health", "pin", "quality", "preference", "list", "budget"
    ]
    reason: str


class Tier(OpenContract):
    """One step of the stairs: the variant assigned to this request, and the probability with which it was chosen.

    `fallbacks` are called in their order where the target fails before the first byte of an answer.
    """

    variant: Name
    target: Name
    propensity: Share
    weights_version: Whole = 0
    fallbacks: tuple[Rung, ...] = ()


class Plan(OpenContract):
    """How the request will be served: tiers from the cheapest to the best, all of them eligible.

    Attributes:
        skipped: why the draft is left out, where it would not pay.
        cut: whose money took deeper tiers away, a budget's or the caller's; the last one left is judged too.
        relieved: a budget has too little left, and its `degrade_to` answers in place of the first tier.
        spares: who answers where a budget that degrades denies the first attempt after all.
        on_capped: what happens when an escalation is due and its cap or a budget does not allow it.
        lookers: who may give a second opinion or a judgement on a draft, or on a remembered question, all eligible.
        covers: the budgets that pay for the attempts.
        rates: what is left of the rate limits, for the headers of the reply.
        metered: the rates of tokens, at which what was really used is counted in the end.
        signals: what was seen of the request.
        snapshot: what was known of the world.
        chose: for each tier, by what the variant was chosen among the eligible.
    """

    route: Name
    tiers: tuple[Tier, ...]
    threshold: Share | None = None
    max_escalations: Whole = 1
    on_exhausted: Literal["degrade", "fail"] = "degrade"
    cacheable: bool = True
    excluded: tuple[Exclusion, ...] = ()
    skipped: Literal["cost", "latency", "budget"] | None = None
    cut: Literal["budget", "max_cost"] | None = None
    relieved: bool = False
    spares: tuple[Rung, ...] = ()
    on_capped: Literal["degrade", "queue", "refuse"] = "degrade"
    lookers: tuple[Rung, ...] = ()
    covers: tuple[Cover, ...] = ()
    rates: tuple[RateState, ...] = ()
    metered: tuple[Metered, ...] = ()
    signals: Signals | None = None
    snapshot: Snapshot | None = None
    chose: tuple[str, ...] = ()

    def stands_in(self, tier: int, fallback: int) -> bool:
        """Whether the attempt at this place of its tier was made by one of those that a budget degrades to."""
        return self.relieved or (tier < len(self.tiers) and fallback > len(self.tiers[tier].fallbacks))


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


class Step(OpenContract):
    """One stage's part in the story: what it decided, why, how long it took, and with which versions."""

    stage: StageName
    outcome: str
    reasons: tuple[str, ...] = ()
    facts: dict[str, str | float | int | bool | None] = Field(default_factory=dict)
    at: UnixTime
    duration_ms: float
    worker: str


class Envelope(OpenContract):
    """One request on its way down. Stages never change it; each adds to it and the runner makes the next one.

    `earlier`: while check asks for more about an answer, its verdict about one of a tier before.
    """

    version: str = Field(default=ENVELOPE_VERSION, pattern=r"^1\.[0-9]+$")
    id: RequestId
    request: Request
    fingerprint: str
    lane: Lane
    received_at: UnixTime
    deadline_at: UnixTime
    reply_to: str | None = None
    traceparent: str | None = None
    policy_revision: str
    classification: Classification | None = None
    plan: Plan | None = None
    hit: CacheHit | None = None
    attempts: tuple[Attempt, ...] = ()
    verdict: Verdict | None = None
    earlier: Verdict | None = None
    status: Status | None = None
    degraded: str | None = None
    error: ErrorBody | None = None
    streamed: bool = False
    provisional: bool = False
    trail: tuple[Step, ...] = ()

    @property
    def key(self) -> str:
        """The request's identity among all tenants, `<tenant>.<id>`: key of every effect made on its behalf."""
        return f"{self.request.tenant}.{self.id}"

    @property
    def tenant(self) -> str:
        """The tenant the request belongs to."""
        return self.request.tenant

    @property
    def answers(self) -> tuple[Attempt, ...]:
        """The attempts that were made for an answer, and not for a further look at one."""
        return tuple([made for made in self.attempts if made.made_for in ("answer", "repair")])

    @property
    def may_fall_back(self) -> bool:
        """Whether another target may answer where one fails: the caller did not pin one, nor forbid it."""
        request = self.request
        forbidden = request.provider is not None and not request.provider.allow_fallbacks
        return request.pin is None and not request.disable_fallbacks and not forbidden

    @property
    def last_tier(self) -> int:
        """Index of the deepest tier that the plan and the caller's budget let the request reach; -1 without a plan.

        Each escalation goes one tier further, whether it succeeds or not.
        """
        if self.plan is None:
            return -1
        asked = self.request.budget.max_escalations
        allowed = self.plan.max_escalations if asked is None else min(asked, self.plan.max_escalations)
        return min(len(self.plan.tiers) - 1, allowed)


def parse_envelope(body: bytes) -> Envelope:
    """Read an envelope from the wire.

    Raises:
        pydantic.ValidationError: the bytes are no envelope of a version that we know.
    """
    return Envelope.model_validate_json(body)
