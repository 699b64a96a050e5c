"""Replies, errors and problems as HTTP responses."""

import logging
import traceback
from collections.abc import Mapping
from typing import Final

from aiohttp import web

from pipeline.contracts import Reply
from pipeline.errors import StepwellError
from pipeline.gateway.headers import about
from pipeline.gateway.openai import to_completion
from pipeline.gateway.problems import Problem, problem_of_error, problem_of_reply, problem_of_status

__all__ = ["JSON", "answer", "defect", "echo", "json_response", "of_error", "of_http", "report", "route_of"]

_log = logging.getLogger("stepwell.door")

JSON: Final = "application/json"
_CLOSING: Final = frozenset({408, 413})
"""Statuses after which the rest of the body is not worth waiting for."""


def json_response(body: bytes, status: int = 200) -> web.Response:
    """A JSON document."""
    return web.Response(body=body, status=status, content_type=JSON)


def answer(reply: Reply, created: int, headers: Mapping[str, str]) -> web.Response:
    """A reply: the completion, or the refusal or failure that it tells of."""
    headers = {**headers, **about(reply)}
    if reply.status != "answered":
        return _problem(problem_of_reply(reply), headers)
    return web.Response(body=to_completion(reply, created), headers=headers, content_type=JSON)


def of_error(error: StepwellError, headers: Mapping[str, str]) -> web.Response:
    """An error of ours."""
    return _problem(problem_of_error(error), headers)


def of_http(error: web.HTTPException, headers: Mapping[str, str]) -> web.Response:
    """A refusal of the HTTP layer."""
    response = _problem(problem_of_status(error.status, _sentence(error)), headers)
    if "allow" in error.headers:
        response.headers["allow"] = error.headers["allow"]
    if error.status in _CLOSING:
        response.force_close()
    return response


def defect(headers: Mapping[str, str]) -> web.Response:
    """What a caller may know of a defect of ours."""
    return _problem(problem_of_status(500, "a defect in Stepwell; see the log of the door"), headers)


def report(error: Exception) -> None:
    """Log a defect: its kind and where it happened, and never its text, which may quote a request."""
    _log.error("a defect: %s\n%s", type(error).__name__, "".join(traceback.format_tb(error.__traceback__)))


def echo(request: web.Request) -> dict[str, str]:
    """The caller's own request id, to be found in its logs."""
    given = request.headers.get("x-request-id", "")
    return {"x-request-id": given} if 0 < len(given) <= 256 and given.isascii() and given.isprintable() else {}


def route_of(request: web.Request) -> str:
    """The path as it was declared, so that no metric has a label from a stranger."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "other"


def _problem(problem: Problem, headers: Mapping[str, str]) -> web.Response:
    merged = {**headers, **problem.headers}
    return web.Response(status=problem.status, body=problem.body, headers=merged, content_type=JSON)


def _sentence(error: web.HTTPException) -> str:
    if error.status == 404:
        return "there is no such path: the door serves /v1/chat/completions and /v1/models"
    return error.text or error.reason or "the request was refused"
