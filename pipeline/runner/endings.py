"""How an error ends a request: what its caller and its record are told, and the outcome that says so."""

from pipeline.contracts import ErrorBody
from pipeline.errors import Disposition, StepwellError
from pipeline.ports import Outcome

__all__ = ["answered", "ended", "error_body"]


def error_body(error: BaseException) -> ErrorBody:
    """What a caller and a record may know about `error`. A defect of ours shows its kind, never its text."""
    if isinstance(error, StepwellError):
        return ErrorBody(
            code=error.code,
            message=error.message,
            rule=error.rule,
            param=error.param,
            retry_after_s=error.retry_after_s,
        )
    return ErrorBody(code="internal", message=f"a defect in Stepwell ({type(error).__name__}); see the worker's log")


def answered(decision: Disposition, error: BaseException, *, provisional: bool) -> Outcome:
    """The outcome of a request that is answered with what a stage raised."""
    body = error_body(error)
    return Outcome(
        decision.status, (body.code,), {"status": decision.status, "error": body, "provisional": provisional}
    )


def ended(kind: str, error: StepwellError) -> Outcome:
    """The outcome of a request that was stopped: `kind` is expired or cancelled."""
    return Outcome(kind, (error.code,), {"status": "failed", "error": error_body(error)})
