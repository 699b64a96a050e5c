"""Errors as the OpenAI API writes them, with the status of their class. One place for both our errors and replies'."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import orjson

from pipeline.contracts import ErrorBody, Reply
from pipeline.errors import NoWorker, Permanent, Refusal, StepwellError

__all__ = ["STATUS", "Problem", "problem_of_error", "problem_of_reply", "problem_of_status"]


def _classes(root: type[StepwellError]) -> Iterator[type[StepwellError]]:
    yield root
    for child in root.__subclasses__():
        yield from _classes(child)


STATUS: Final[Mapping[str, int]] = {kind.code: kind.http_status for kind in _classes(StepwellError)}
"""HTTP status by error code, read off the error tree."""

_FINAL: Final = frozenset(
    kind.code for root in (Permanent, Refusal) for kind in _classes(root) if not issubclass(kind, NoWorker)
)
"""Codes after which another try would end the same; the official clients retry some of their statuses by themselves."""
_SOON_S: Final = 60.0
"""A refusal that passes within so many seconds is worth the client's own retry, which heeds a pause of that length."""

_OF_HTTP: Final[Mapping[int, str]] = {
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    413: "request_too_large",
    415: "unsupported_media_type",
    431: "headers_too_large",
}
_TYPES: Final[Mapping[int, str]] = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


@dataclass(frozen=True, slots=True)
class Problem:
    """An error on its way out: status, the JSON object `{"error": …}`, and headers."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def problem_of_error(error: StepwellError) -> Problem:
    """An error that was raised on this side."""
    body = ErrorBody.model_construct(
        code=error.code,
        message=error.message,
        rule=error.rule,
        param=error.param,
        retry_after_s=error.retry_after_s,
    )
    return _problem(error.http_status, body, refused=isinstance(error, Refusal))


def problem_of_reply(reply: Reply) -> Problem:
    """The refusal or failure that a reply tells of."""
    refused = reply.status == "refused"
    error = reply.error or ErrorBody(code="internal", message="the reply names no reason")
    return _problem(STATUS.get(error.code, 400 if refused else 500), error, refused=refused)


def problem_of_status(status: int, message: str) -> Problem:
    """A refusal of the HTTP layer itself: no such path, method not allowed, too large, too slow."""
    code = _OF_HTTP.get(status, "invalid_request" if status < 500 else "internal")
    return _problem(status, ErrorBody(code=code, message=message), refused=False)


def _problem(status: int, error: ErrorBody, *, refused: bool) -> Problem:
    kind = "policy_refusal" if refused else _TYPES.get(status, "server_error" if status >= 500 else _INVALID)
    told = {"message": error.message, "type": kind, "code": error.code, "param": error.param}
    body = {"error": told if error.candidate is None else {**told, "candidate": error.candidate}}
    return Problem(status, orjson.dumps(body), _headers(status, error))


_INVALID: Final = "invalid_request_error"
_CHALLENGES: Final = {"invalid_api_key": 'Bearer realm="stepwell", error="invalid_token"'}
"""How a 401 is told, by RFC 6750, to those who came with something."""


def _headers(status: int, error: ErrorBody) -> dict[str, str]:
    headers: dict[str, str] = {}
    if error.rule is not None:
        headers["x-stepwell-rule"] = error.rule
    if status == 401:
        headers["www-authenticate"] = _CHALLENGES.get(error.code, 'Bearer realm="stepwell"')
    if error.code in _FINAL and not (error.retry_after_s is not None and error.retry_after_s <= _SOON_S):
        headers["x-should-retry"] = "false"
    if error.retry_after_s is not None:
        headers["retry-after"] = str(max(1, math.ceil(error.retry_after_s)))
    elif status in (429, 503) and error.code not in _FINAL:
        headers["retry-after"] = "1"
    return headers
