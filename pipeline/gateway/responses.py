"""Replies, errors and problems as HTTP responses."""

import logging
import traceback
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from aiohttp import web

from pipeline.contracts import Reply
from pipeline.errors import StepwellError
from pipeline.gateway.headers import about
from pipeline.gateway.openai import to_completion
from pipeline.gateway.problems import Problem, problem_of_error, problem_of_reply, problem_of_status

__all__ = [
    "JSON",
    "answer",
    "echo",
    "json_response",
    "of_error",
    "of_problem",
    "problem_of_http",
    "report",
    "route_of",
]

_log = logging.getLogger("stepwell.door")

JSON: Final = "application/json"
_CLOSING: Final = frozenset({400, 408, 413})
"""Statuses after which the rest of the body is not worth waiting for, or cannot be found."""


def json_response(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A JSON document."""
    return web.Response(body=body, status=status, headers=headers, content_type=JSON)


def answer(reply: Reply, created: int, headers: Mapping[str, str]) -> web.Response:
    """A reply: the completion, or the refusal or failure that it tells of."""
    headers = {**headers, **about(reply)}
    if reply.status != "answered":
        return _problem(problem_of_reply(reply), headers)
    return web.Response(body=to_completion(reply, created), headers=headers, content_type=JSON)


def of_error(error: StepwellError, headers: Mapping[str, str]) -> web.Response:
    """An error of ours."""
    return _problem(problem_of_error(error), headers)


def problem_of_http(error: web.HTTPException) -> Problem:
    """A refusal of the HTTP layer."""
    problem = problem_of_status(error.status, _sentence(error))
    headers = dict(problem.headers)
    if "allow" in error.headers:
        headers["allow"] = error.headers["allow"]
    if error.status in _CLOSING:
        headers["connection"] = "close"
    return replace(problem, headers=headers)


def of_problem(problem: Problem, headers: Mapping[str, str]) -> web.Response:
    """An error of whatever origin. What follows a body that was too large or too slow is not waited for."""
    response = _problem(problem, headers)
    if problem.headers.get("connection") == "close":
        response.force_close()
    return response


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
        return "there is no such path: see docs/HTTP.md for what the door serves, or begin with GET /v1/models"
    if error.status == 405:
        return f"this path takes {error.headers.get('allow', 'other methods')} and nothing else"
    return error.text or error.reason or "the request was refused"
