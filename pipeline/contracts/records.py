"""What is written down: audit records, outcome events, dead letters."""

from contextlib import suppress
from typing import Literal

from pydantic import Field, ValidationError

from pipeline.contracts.answers import MadeFor
from pipeline.contracts.base import (
    Contract,
    Lane,
    Name,
    OpenContract,
    Origin,
    RequestId,
    Share,
    StageName,
    Tenant,
    UnixTime,
    Whole,
)
from pipeline.contracts.envelope import Step
from pipeline.contracts.findings import DataClass, Finding, Residency, Shielded
from pipeline.contracts.plan import Exclusion
from pipeline.contracts.planning import Signals, Snapshot
from pipeline.contracts.reply import ErrorBody, Remembered, Served, Status, Usage

__all__ = [
    "AttemptRecord",
    "AuditRecord",
    "ChainedRecord",
    "DeadLetter",
    "OutcomeEvent",
    "RevealRecord",
    "Unconfirmed",
    "parse_record",
]


class AttemptRecord(OpenContract):
    """What one target's try at an answer cost, without a word of what was said.

    `calls`: of the model that went out, with retries and a second one beside the first. `lost_usd`: the part of
    `cost_usd` that paid for those whose answer is not the one that counts; null: there is none, or it is not known.
    `provider_batch`: the batch at the provider that it went by, at the price of batches; null: it was called by itself.
    """

    number: Whole
    stage: StageName
    variant: Name
    target: Name
    model: str
    usage: Usage
    cost_usd: float | None
    lost_usd: float | None = None
    calls: Whole
    latency_ms: float
    finish_reason: str | None = None
    replayed: bool = False
    shielded: tuple[Shielded, ...] = ()
    found: tuple[Finding, ...] = ()
    tier: Whole = 0
    fallback: Whole = 0
    made_for: MadeFor = "answer"
    estimated: bool = False
    hedged: bool = False
    left_early: bool = False
    exit_at: Whole | None = None
    provider_batch: str | None = None
    error_code: str | None = None


class Unconfirmed(OpenContract):
    """A record whose append was never confirmed, or not in its turn: it may be missing or stand too late in the log."""

    producer: Name
    n: Whole = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class AuditRecord(OpenContract):
    """One decision, in the chain of the process that wrote it.

    `prev` is the SHA-256 (hex) of the stored bytes of the record `n - 1` of the same producer; of 64 zeros for n = 0.
    A producer that could not get a record confirmed starts a new chain under a new name, and its first record says in
    `unconfirmed` which records of the old chain may be missing. It holds counts, types, scores and rule ids, and never
    text of a request or an answer. `counterfactual_usd` is what the request would have cost had the best tier answered
    at once; null where that is not known. `signals_seen` and `snapshot` are all that planning saw. `signals` are those
    of the answer that was judged last, `drafted` those of the first tier's answer, with `agrees_with_next` how far the
    answer after it says the same. `explored`: the probability with which an answer that would stay was escalated.
    `inputs`: how many texts were to be embedded.
    """

    version: str = Field(default="1.0", pattern=r"^1\.[0-9]+$")
    producer: Name
    n: Whole = Field(ge=0)
    prev: str = Field(pattern=r"^[0-9a-f]{64}$")
    kind: Literal["decision"] = "decision"
    at: UnixTime
    tenant: Tenant
    request_id: RequestId
    fingerprint: str
    lane: Lane
    inputs: Whole | None = None
    status: Status
    error: ErrorBody | None = None
    degraded: str | None = None
    served: Served | None = None
    cache: Literal["hit", "miss", "off"] = "off"
    remembered: Remembered | None = None
    origin: Origin | None = None
    data_class: DataClass | None = None
    scan: str | None = None
    findings: tuple[Finding, ...] = ()
    residency: tuple[Residency, ...] = ()
    excluded: tuple[Exclusion, ...] = ()
    propensities: dict[str, float] = Field(default_factory=dict)
    weights_version: Whole = 0
    confidence: Share | None = None
    threshold: Share | None = None
    signals: dict[str, float | None] = Field(default_factory=dict)
    drafted: dict[str, float | None] = Field(default_factory=dict)
    calibrator: str | None = None
    explored: Share | None = None
    stays: bool = False
    attempts: tuple[AttemptRecord, ...] = ()
    usage: Usage = Usage()
    cost_usd: float | None = None
    counterfactual_usd: float | None = None
    skipped: str | None = None
    signals_seen: Signals | None = None
    snapshot: Snapshot | None = None
    chose: tuple[str, ...] = ()
    policy_revision: str
    received_at: UnixTime
    deadline_at: UnixTime
    unconfirmed: tuple[Unconfirmed, ...] = ()
    trail: tuple[Step, ...] = ()

    @property
    def answers(self) -> tuple[AttemptRecord, ...]:
        """The attempts that were made for an answer, and not for a further look at one."""
        return tuple([made for made in self.attempts if made.made_for in ("answer", "repair")])


class RevealRecord(OpenContract):
    """That somebody asked what a pseudonym stands for: who, why, about which token, and what came of it.

    It hangs in the same chains as decisions do. It never holds the value. `conversation` is a keyed digest, and `token`
    is missing where what was asked for was no token.
    """

    version: str = Field(default="1.0", pattern=r"^1\.[0-9]+$")
    producer: Name
    n: Whole = Field(ge=0)
    prev: str = Field(pattern=r"^[0-9a-f]{64}$")
    kind: Literal["reveal"]
    at: UnixTime
    tenant: Tenant
    conversation: str = Field(pattern=r"^[0-9a-f]{32}$")
    token: str | None = Field(default=None, max_length=128)
    who: str = Field(min_length=1, max_length=256)
    why: str = Field(min_length=1, max_length=1024)
    outcome: Literal["revealed", "not_found", "unavailable"]
    unconfirmed: tuple[Unconfirmed, ...] = ()


ChainedRecord = AuditRecord | RevealRecord
"""What hangs in a chain."""


def parse_record(body: bytes) -> ChainedRecord:
    """Read a stored record of either kind.

    Raises:
        pydantic.ValidationError: the bytes are no record of a version that we know.
    """
    if b'"kind":"reveal"' in body:
        with suppress(ValidationError):  # a decision may hold these bytes too, among the facts of its trail
            return RevealRecord.model_validate_json(body)
    return AuditRecord.model_validate_json(body)


class OutcomeEvent(Contract):
    """What a user or a system says later about an answer. Idempotent by `id`; `reward` 1 is good, 0 is bad."""

    id: RequestId
    request_id: RequestId
    tenant: Tenant = "default"
    reward: Share
    kind: Name = "thumbs"
    at: UnixTime | None = None


class DeadLetter(OpenContract):
    """A message that no worker could handle: where, why, how often, and the message itself (base64).

    Where the policy lets no data of its class be kept here, `envelope` is empty and `withheld` says so.
    """

    id: Name
    stage: StageName
    lane: Lane
    subject: str
    attempts: Whole
    reason: ErrorBody
    request_id: RequestId | None = None
    tenant: Tenant | None = None
    at: UnixTime
    worker: str
    envelope: str
    withheld: str | None = None
