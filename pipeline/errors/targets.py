"""Failures of the endpoints of models."""

from pipeline.errors.failures import Permanent, Transient

__all__ = ["TargetOverloaded", "TargetRejected", "TargetTimeout", "TargetUnavailable"]


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
    """The model endpoint said 429, or had no free slot before the deadline."""

    code = "target_overloaded"
    http_status = 429


class TargetRejected(_Tried, Permanent):
    """The model endpoint refused the call as malformed, too long or not permitted.

    Attributes:
        elsewhere_too: it is about what was asked, so another target would refuse it as well.
    """

    code = "target_rejected"
    http_status = 502
    elsewhere_too: bool = True
