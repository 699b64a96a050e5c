"""The policy said no, or not yet. Nothing is broken."""

from pipeline.errors.base import StepwellError

__all__ = [
    "BudgetRefused",
    "EscalationCapped",
    "NoEligibleTarget",
    "Postponed",
    "RateLimited",
    "Refusal",
    "ResidencyRefused",
]


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
