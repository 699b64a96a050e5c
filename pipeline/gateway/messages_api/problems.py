"""Errors and limits as Anthropic's API writes them."""

import math
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import orjson

from pipeline.contracts import RateState
from pipeline.gateway.problems import Problem

__all__ = ["as_anthropic", "rate_limits"]

_TYPES: Final = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


_THREAD: Final = {"error_code": "thread_unsupported_request", "unsupported": ["thread"]}
"""How the API says that a server holds no conversations. Its client then sends them whole, by itself."""


def as_anthropic(problem: Problem, request_id: str) -> Problem:
    """The error with the same status, message and headers.

    Our code stands where the API has the codes of its own errors, in `error.details.error_code`, but for `thread`,
    which has one there; what only we know of an error stands under `stepwell`.
    """
    error = orjson.loads(problem.body)["error"]
    status = problem.status
    kind = _TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")
    own = {name: error[name] for name in ("param", "candidate") if error.get(name) is not None}
    details = _THREAD if error.get("param") == "thread" else {"error_code": error["code"]}
    told = {"type": kind, "message": error["message"], "details": details}
    body = {
        "type": "error",
        "error": told,
        "request_id": request_id,
        "stepwell": own,
    }
    return replace(problem, body=orjson.dumps(body), headers={**problem.headers, "request-id": request_id})


def rate_limits(rates: Iterable[RateState], now: int) -> dict[str, str]:
    """The `anthropic-ratelimit-*` headers: of several limits that count the same, the one that runs out first.

    `now` in Unix seconds; the API names the time at which a limit is full again, in RFC 3339.
    """
    tightest: dict[str, RateState] = {}
    for state in rates:
        known = tightest.get(state.counts)
        if known is None or (state.remaining, -state.reset_s) < (known.remaining, -known.reset_s):
            tightest[state.counts] = state
    headers: dict[str, str] = {}
    for counts, state in tightest.items():
        full = datetime.fromtimestamp(now + max(0, math.ceil(state.reset_s)), UTC)
        headers[f"anthropic-ratelimit-{counts}-limit"] = str(state.limit)
        headers[f"anthropic-ratelimit-{counts}-remaining"] = str(max(0, state.remaining))
        headers[f"anthropic-ratelimit-{counts}-reset"] = full.strftime("%Y-%m-%dT%H:%M:%SZ")
    return headers
