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

A family has a file: `refusals` what the policy forbids, `requests` what the caller has to mend, `targets` what the
endpoints of models do, `own` what our own parts do, `ends` how a request ends that nobody did wrong, `setup` what a
person has to change first. `dispositions` says what becomes of the message.
"""

from pipeline.errors.base import StepwellError
from pipeline.errors.dispositions import ANSWER, DEAD_LETTER, DISPOSITIONS, POSTPONE, RETRY, Disposition, disposition
from pipeline.errors.ends import Cancelled, DeadlineExceeded, LeftEarly, QualityNotReached, SchemaNotSatisfied
from pipeline.errors.failures import Failure, Permanent, Transient
from pipeline.errors.own import AnswerLost, NoWorker, Overloaded, StoreUnavailable, TransportUnavailable, Unreadable
from pipeline.errors.refusals import (
    BudgetRefused,
    EscalationCapped,
    NoEligibleTarget,
    Postponed,
    RateLimited,
    Refusal,
    ResidencyRefused,
)
from pipeline.errors.requests import (
    AuthenticationRequired,
    ContextTooLong,
    IdempotencyConflict,
    InvalidApiKey,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    RequestTooLarge,
    UnknownModel,
    UnsupportedParameter,
)
from pipeline.errors.search import first_of, kind_of
from pipeline.errors.setup import (
    AlreadyRunning,
    ChangeRefused,
    ModelMissing,
    NotRunning,
    PartMissing,
    PolicyInvalid,
    PortInUse,
    ProvisionRefused,
    SetupError,
    SourceUnreachable,
)
from pipeline.errors.targets import TargetOverloaded, TargetRejected, TargetTimeout, TargetUnavailable

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
