"""What can go wrong, as exceptions. `code` is API and stays; the message is for a person and may change."""

from __future__ import annotations

from typing import Any

from stepwell.models import ErrorDetail, Reply

__all__ = [
    "AnswerLost",
    "Failed",
    "NoWorker",
    "NotPermitted",
    "Overloaded",
    "Refused",
    "StepwellError",
    "TimedOut",
    "Unreachable",
    "raise_for_body",
    "raise_for_reply",
]


class StepwellError(Exception):
    """Any error of this package.

    Attributes:
        code: stable identifier, for instance `budget_refused`.
        rule: the policy rule that decided, where one did.
        param: the field of the request that was wrong, where one was.
        retry_after_s: seconds after which another try makes sense, where known.
        reply: the reply that told of it, where there was one: its cost, its attempts, its audit id.
    """

    code = "failed"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        rule: str | None = None,
        param: str | None = None,
        retry_after_s: float | None = None,
        reply: Reply | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.rule = rule
        self.param = param
        self.retry_after_s = retry_after_s
        self.reply = reply


class Refused(StepwellError):
    """Policy said no. Nothing is broken, and another try changes nothing, at least not before `retry_after_s`."""

    code = "refused"


class Failed(StepwellError):
    """The cascade could not, or this side could not reach it."""


class Overloaded(Failed):
    """More is on its way than can be served soon. Nothing was begun: ask again after `retry_after_s`."""

    code = "overloaded"


class NoWorker(Failed):
    """Nobody listens: no worker runs, or it is starting again."""

    code = "no_worker"


class TimedOut(Failed):
    """No reply came in time. The request may still be answered: fetch it by its id, with `result` or `wait`."""

    code = "deadline_exceeded"


class AnswerLost(Failed):
    """A streamed answer was lost with its worker, and another one counts: fetch it by its id, with `result`."""

    code = "answer_lost"


class Unreachable(Failed):
    """NATS does not answer, or refuses these credentials."""

    code = "transport_unavailable"


class NotPermitted(Failed):
    """The NATS user may not do this."""

    code = "not_permitted"


_FAILURES = {kind.code: kind for kind in (Overloaded, NoWorker, TimedOut, AnswerLost, Unreachable)}


def _of(error: ErrorDetail, reply: Reply | None, *, refused: bool) -> StepwellError:
    kind = Refused if refused else _FAILURES.get(error.code, Failed)
    return kind(
        error.message,
        code=error.code,
        rule=error.rule,
        param=error.param,
        retry_after_s=error.retry_after_s,
        reply=reply,
    )


def raise_for_reply(reply: Reply) -> Reply:
    """Return the reply when it is an answer; raise what it tells of otherwise."""
    if reply.status == "answered":
        return reply
    error = reply.error or ErrorDetail(code="internal", message="the reply names no reason")
    raise _of(error, reply, refused=reply.status == "refused")


def raise_for_body(body: Any) -> None:
    """Raise the error in `{"error": …}`; return when there is none."""
    if isinstance(body, dict) and isinstance(body.get("error"), dict) and "status" not in body:
        raise _of(ErrorDetail.model_validate(body["error"]), None, refused=False)
