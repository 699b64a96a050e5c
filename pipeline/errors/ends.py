"""Ends of a request that was in order, and has no answer that counts."""

from pipeline.errors.failures import Permanent

__all__ = ["Cancelled", "DeadlineExceeded", "LeftEarly", "QualityNotReached", "SchemaNotSatisfied"]


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


class SchemaNotSatisfied(Permanent):
    """No tier gave an answer that satisfies the response schema."""

    code = "schema_not_satisfied"
    http_status = 422


class QualityNotReached(Permanent):
    """No permitted tier gave an answer as sure as the route asks, and the route would rather fail than degrade."""

    code = "quality_not_reached"
    http_status = 422
