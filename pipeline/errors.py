"""Every error of Stepwell, its stable code, and what becomes of a message that met it.

    StepwellError
    ├── Refusal                       policy said no
    │   ├── ResidencyRefused          residency_refused
    │   ├── NoEligibleTarget          no_eligible_target
    │   ├── BudgetRefused             budget_refused
    │   ├── RateLimited               rate_limited
    │   └── EscalationCapped          escalation_capped
    ├── Postponed                     postponed
    ├── Failure                       we could not
    │   ├── Transient                 worth another try, later
    │   │   ├── TransportUnavailable  transport_unavailable
    │   │   ├── StoreUnavailable      store_unavailable
    │   │   ├── Overloaded            overloaded
    │   │   ├── TargetUnavailable     target_unavailable
    │   │   ├── TargetTimeout         target_timeout
    │   │   └── TargetOverloaded      target_overloaded
    │   └── Permanent                 another try would end the same
    │       ├── InvalidRequest        invalid_request
    │       │   ├── ContextTooLong    context_length_exceeded
    │       │   └── UnsupportedParameter  unsupported_parameter
    │       ├── IdempotencyConflict   idempotency_conflict
    │       ├── RequestTooLarge       request_too_large
    │       ├── AuthenticationRequired  authentication_required
    │       ├── InvalidApiKey         invalid_api_key
    │       ├── PermissionDenied      permission_denied
    │       ├── UnknownModel          model_not_found
    │       ├── NotFound              not_found
    │       ├── NoWorker              no_worker
    │       ├── DeadlineExceeded      deadline_exceeded
    │       ├── Cancelled             cancelled
    │       │   └── LeftEarly         early_exit
    │       ├── AnswerLost            answer_lost
    │       ├── TargetRejected        target_rejected
    │       ├── SchemaNotSatisfied    schema_not_satisfied
    │       ├── QualityNotReached     quality_not_reached
    │       └── Unreadable            unreadable
    └── SetupError                    a person has to change something first
        ├── PolicyInvalid             policy_invalid
        ├── ChangeRefused             change_refused
        ├── PortInUse                 port_in_use
        ├── AlreadyRunning            already_running
        ├── NotRunning                not_running
        ├── ModelMissing              model_missing
        ├── SourceUnreachable         source_unreachable
        ├── ProvisionRefused          provision_refused
        └── PartMissing               part_missing

Codes are API: they never change. Messages are one sentence for a person, and they hold no text of a request.
"""

from dataclasses import dataclass
from typing import ClassVar, Final, Literal, Self

__all__ = [
    "ANSWER",
    "DEAD_LETTER",
    "DISPOSITIONS",
    "POSTPONE",
    "RETRY",
    "AlreadyRunning",
    "AnswerLost",
    "AuthenticationRequired",
    "BudgetRefused",
    "Cancelled",
    "ChangeRefused",
    "ContextTooLong",
    "DeadlineExceeded",
    "Disposition",
    "EscalationCapped",
    "Failure",
    "IdempotencyConflict",
    "InvalidApiKey",
    "InvalidRequest",
    "LeftEarly",
    "ModelMissing",
    "NoEligibleTarget",
    "NoWorker",
    "NotFound",
    "NotRunning",
    "Overloaded",
    "PartMissing",
    "Permanent",
    "PermissionDenied",
    "PolicyInvalid",
    "PortInUse",
    "Postponed",
    "ProvisionRefused",
    "QualityNotReached",
    "RateLimited",
    "Refusal",
    "RequestTooLarge",
    "ResidencyRefused",
    "SchemaNotSatisfied",
    "SetupError",
    "SourceUnreachable",
    "StepwellError",
    "StoreUnavailable",
    "TargetOverloaded",
    "TargetRejected",
    "TargetTimeout",
    "TargetUnavailable",
    "Transient",
    "TransportUnavailable",
    "UnknownModel",
    "Unreadable",
    "UnsupportedParameter",
    "disposition",
    "first_of",
    "kind_of",
]


class StepwellError(Exception):
    """Any error of ours.

    Attributes:
        code: stable identifier, part of the API.
        http_status: the status the HTTP door answers with.
        rule: id of the policy rule that decided, where one did.
        param: the field of the request that was wrong, where one was.
        retry_after_s: seconds after which another try makes sense, where known.
    """

    code: ClassVar[str] = "internal"
    http_status: ClassVar[int] = 500

    def __init__(
        self,
        message: str,
        *,
        rule: str | None = None,
        param: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.rule = rule
        self.param = param
        self.retry_after_s = retry_after_s


class Refusal(StepwellError):
    """Policy said no. Nothing is broken, and another try changes nothing, at least not before `retry_after_s`."""

    code = "refused"
    http_status = 400


class ResidencyRefused(Refusal):
    """No target may see this data."""

    code = "residency_refused"


class NoEligibleTarget(Refusal):
    """Every target is excluded by a hard condition."""

    code = "no_eligible_target"
    http_status = 503


class BudgetRefused(Refusal):
    """The budget does not cover the request."""

    code = "budget_refused"
    http_status = 429


class RateLimited(Refusal):
    """More requests or tokens than the rate limit allows."""

    code = "rate_limited"
    http_status = 429


class EscalationCapped(Refusal):
    """The draft does not suffice, and the cap on escalations allows no better answer now."""

    code = "escalation_capped"
    http_status = 429


class Postponed(StepwellError):
    """The request waits, as its budget says, and is delivered again after `retry_after_s`; no caller ever sees this.

    Only the stages of `topology.WAITING` may raise it. Without `retry_after_s` the runner tries again in a second.
    """

    code = "postponed"
    http_status = 503


class Failure(StepwellError):
    """We could not."""

    code = "failed"


class Transient(Failure):
    """We could not now; another try may succeed."""

    code = "temporarily_unavailable"
    http_status = 503


class TransportUnavailable(Transient):
    """NATS does not answer or did not confirm."""

    code = "transport_unavailable"


class StoreUnavailable(Transient):
    """Valkey does not answer. Callers go on without it."""

    code = "store_unavailable"


class Overloaded(Transient):
    """More is on its way than can be served soon, or more of this tenant than is its share. Nothing was begun."""

    code = "overloaded"


class _Tried:
    """What is known about a call that failed.

    Attributes:
        calls: tries that reached out to the endpoint.
        charged: whether the endpoint may charge for what it did until then.
    """

    calls: int = 0
    charged: bool = False


class TargetUnavailable(_Tried, Transient):
    """The model endpoint cannot be reached, broke off, or its breaker is open."""

    code = "target_unavailable"


class TargetTimeout(_Tried, Transient):
    """The model endpoint was too slow: to its first token, between tokens, or in all."""

    code = "target_timeout"
    http_status = 504


class TargetOverloaded(_Tried, Transient):
    """The model endpoint said 429."""

    code = "target_overloaded"
    http_status = 429


class Permanent(Failure):
    """We could not, and another try would end the same."""

    code = "failed"


class InvalidRequest(Permanent):
    """The request breaks its contract."""

    code = "invalid_request"
    http_status = 400


class ContextTooLong(InvalidRequest):
    """The conversation fits into the context window of no target that may serve it."""

    code = "context_length_exceeded"


class UnsupportedParameter(InvalidRequest):
    """The request asks for something that Stepwell knows of and does not do. Refused, never silently dropped."""

    code = "unsupported_parameter"


class IdempotencyConflict(Permanent):
    """The request id was used before with other content."""

    code = "idempotency_conflict"
    http_status = 409


class RequestTooLarge(Permanent):
    """The body is larger than the transport or the policy takes."""

    code = "request_too_large"
    http_status = 413


class AuthenticationRequired(Permanent):
    """The door takes nobody without a key or token, and none came with the request."""

    code = "authentication_required"
    http_status = 401


class InvalidApiKey(Permanent):
    """The key or token is unknown, mistyped, expired or revoked, or its signature or issuer is none that we trust."""

    code = "invalid_api_key"
    http_status = 401


class PermissionDenied(Permanent):
    """The caller is known, and the key or token does not open this endpoint, route, lane or tenant."""

    code = "permission_denied"
    http_status = 403


class UnknownModel(Permanent):
    """No route or variant has this name."""

    code = "model_not_found"
    http_status = 404


class NotFound(Permanent):
    """Nothing is stored under this id."""

    code = "not_found"
    http_status = 404


class NoWorker(Permanent):
    """No worker is there to take the request: none runs, or it is starting again."""

    code = "no_worker"
    http_status = 503

    @classmethod
    def on(cls, subject: str) -> Self:
        """Nobody listens on `subject` now."""
        message = (
            f"no worker listens on {subject} now: one may be starting again, which takes a few seconds; "
            "ask again, and start one with `stepwell up` or `stepwell worker` if that does not help"
        )
        return cls(message, retry_after_s=1.0)


class DeadlineExceeded(Permanent):
    """The deadline passed before the answer was there."""

    code = "deadline_exceeded"
    http_status = 504


class Cancelled(Permanent):
    """The caller took the request back or went away."""

    code = "cancelled"
    http_status = 499


class LeftEarly(Cancelled):
    """An answer was stopped while it came, since its beginning said already that it would not stay."""

    code = "early_exit"
    http_status = 500


class AnswerLost(Permanent):
    """A streamed answer was lost with its worker; another one counts, and can be fetched by the id of the request."""

    code = "answer_lost"
    http_status = 502


class TargetRejected(_Tried, Permanent):
    """The model endpoint refused the call as malformed, too long or not permitted.

    Attributes:
        elsewhere_too: it is about what was asked, so another target would refuse it as well.
    """

    code = "target_rejected"
    http_status = 502
    elsewhere_too: bool = True


class SchemaNotSatisfied(Permanent):
    """No tier gave an answer that satisfies the response schema."""

    code = "schema_not_satisfied"
    http_status = 422


class QualityNotReached(Permanent):
    """No permitted tier gave an answer as sure as the route asks, and the route would rather fail than degrade."""

    code = "quality_not_reached"
    http_status = 422


class Unreadable(Permanent):
    """The bytes of a message are no envelope that we know."""

    code = "unreadable"


class SetupError(StepwellError):
    """A person has to change something first; the message says what."""

    code = "setup"


class PolicyInvalid(SetupError):
    """A policy file is wrong. The message holds `file:line:column: what: what to do`, one line for each problem."""

    code = "policy_invalid"


class ChangeRefused(SetupError):
    """A change of the policies cannot take force: it needs an approval, or somebody else was faster."""

    code = "change_refused"


class PortInUse(SetupError):
    """Another program listens on a port that we need."""

    code = "port_in_use"


class AlreadyRunning(SetupError):
    """This data directory already has a running Stepwell."""

    code = "already_running"


class NotRunning(SetupError):
    """Nothing answers at the address; it has to be started first."""

    code = "not_running"


class ModelMissing(SetupError):
    """The weights of a model are not on this machine."""

    code = "model_missing"


class SourceUnreachable(SetupError):
    """No source of the weights can be reached."""

    code = "source_unreachable"


class ProvisionRefused(SetupError):
    """Provisioning would destroy data or weaken a guarantee."""

    code = "provision_refused"


class PartMissing(SetupError):
    """An optional part is not installed."""

    code = "part_missing"


def kind_of(code: str) -> type[StepwellError]:
    """The class of the errors with this code; the root where it is unknown.

    Where a class leaves its code to those below it, the one that is furthest up stands for all.
    """
    waiting: list[type[StepwellError]] = [StepwellError]
    for kind in waiting:
        if kind.code == code:
            return kind
        waiting += kind.__subclasses__()
    return StepwellError


Action = Literal["retry", "postpone", "dead_letter", "answer"]
POSTPONE: Final = "postpone"
RETRY: Final = "retry"
DEAD_LETTER: Final = "dead_letter"
ANSWER: Final = "answer"


@dataclass(frozen=True, slots=True)
class Disposition:
    """What becomes of a message whose stage raised.

    `retry`: hand it back, to be delivered again after a delay, and dead-letter it when its deliveries are used up.
    `postpone`: hand it to its own queue again, for later; that may happen any number of times before the deadline, and
    no try counts as a failure.
    `dead_letter`: store it for a person at once and tell the caller.
    `answer`: end the request with a typed error; nothing is wrong with the message.
    """

    action: Action
    status: Literal["refused", "failed"]


DISPOSITIONS: Final[tuple[tuple[type[BaseException], Disposition], ...]] = (
    (Refusal, Disposition(ANSWER, "refused")),
    (Postponed, Disposition(POSTPONE, "failed")),
    (Transient, Disposition(RETRY, "failed")),
    (Unreadable, Disposition(DEAD_LETTER, "failed")),
    (Permanent, Disposition(ANSWER, "failed")),
    (StepwellError, Disposition(DEAD_LETTER, "failed")),
    (Exception, Disposition(RETRY, "failed")),
)
"""The first row whose class fits decides. An unknown exception is a defect: retried, then dead-lettered."""


def first_of(group: BaseExceptionGroup[BaseException], kind: type[BaseException]) -> BaseException:
    """The first error of `kind` among the failures of a task group; the whole group where there is none.

    Raised from an ordinary `except`: what leaves an `except*` may be wrapped in a group again.
    """
    matching = group.subgroup(kind)
    error: BaseException = group if matching is None else matching
    while matching is not None and isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def disposition(error: BaseException) -> Disposition:
    """Look `error` up in the table."""
    for kind, decision in DISPOSITIONS:
        if isinstance(error, kind):
            return decision
    raise error
