"""What travels between stages: the request, what was found out about it so far, and the trail that explains it."""

from pydantic import Field

from pipeline.contracts.answers import Attempt, CacheHit, Verdict
from pipeline.contracts.base import Lane, OpenContract, RequestId, StageName, UnixTime
from pipeline.contracts.findings import Classification
from pipeline.contracts.plan import Plan
from pipeline.contracts.reply import ErrorBody, Status
from pipeline.contracts.request import Request

__all__ = ["Envelope", "Step", "parse_envelope"]

ENVELOPE_VERSION = "1.0"


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
