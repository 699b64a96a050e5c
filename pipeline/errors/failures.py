"""We could not: what another try may mend, and what it will not."""

from pipeline.errors.base import StepwellError

__all__ = ["Failure", "Permanent", "Transient"]


class Failure(StepwellError):
    """We could not."""

    code = "failed"


class Transient(Failure):
    """We could not now; another try may succeed."""

    code = "temporarily_unavailable"
    http_status = 503


class Permanent(Failure):
    """We could not, and another try would end the same."""

    code = "failed"
