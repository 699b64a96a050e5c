"""What the response headers say about a reply: who really answered, after how many attempts, at what cost."""

import math
from collections.abc import Iterable
from urllib.parse import quote

from pipeline.contracts import RateState, Remembered, Reply

__all__ = ["about", "lossy", "rate_limits"]


def about(reply: Reply) -> dict[str, str]:
    """The `x-stepwell-*` headers of a reply, and its rate limits. An unknown cost is the word `unknown`, never 0."""
    headers = {
        "x-stepwell-attempts": str(reply.attempts),
        "x-stepwell-escalated": "true" if reply.escalated else "false",
        "x-stepwell-cache": reply.cache,
        "x-stepwell-cost": "unknown" if reply.cost_usd is None else f"{reply.cost_usd:.10f}".rstrip("0").rstrip("."),
        "x-stepwell-policy-revision": _plain(reply.policy_revision),
    }
    if reply.served is not None:
        headers["x-stepwell-model"] = _plain(reply.served.model)
        headers["x-stepwell-variant"] = reply.served.variant
    if reply.remembered is not None:
        headers |= _remembered(reply.remembered)
    if reply.confidence is not None:
        headers["x-stepwell-confidence"] = f"{reply.confidence:.4g}"
    if reply.degraded is not None:
        headers["x-stepwell-degraded"] = _plain(reply.degraded)
    if reply.audit_id is not None:
        headers["x-stepwell-audit-id"] = _plain(reply.audit_id)
    return headers | rate_limits(reply.rates) if reply.rates else headers


def lossy(names: Iterable[str]) -> dict[str, str]:
    """The header that names what was asked for and is not in the answer; none where nothing is missing."""
    told = ", ".join(dict.fromkeys(names))
    return {"x-stepwell-lossy": told} if told else {}


def rate_limits(rates: Iterable[RateState]) -> dict[str, str]:
    """The `x-ratelimit-*` headers: of several limits that count the same, the one that runs out first.

    The time until it is full again is in whole seconds, rounded up and written as in the OpenAI API: `13s`.
    """
    tightest: dict[str, RateState] = {}
    for state in rates:
        known = tightest.get(state.counts)
        if known is None or (state.remaining, -state.reset_s) < (known.remaining, -known.reset_s):
            tightest[state.counts] = state
    headers = {}
    for counts, state in tightest.items():
        headers[f"x-ratelimit-limit-{counts}"] = str(state.limit)
        headers[f"x-ratelimit-remaining-{counts}"] = str(max(0, state.remaining))
        headers[f"x-ratelimit-reset-{counts}"] = f"{max(0, math.ceil(state.reset_s))}s"
    return headers


def _remembered(origin: Remembered) -> dict[str, str]:
    """Which answer was served again, and its age in whole seconds, as HTTP has it."""
    headers = {
        "age": str(int(origin.age_s)),
        "x-stepwell-cache-kind": origin.kind,
        "x-stepwell-cache-origin": _plain(origin.request_id),
    }
    return (
        headers if origin.similarity is None else headers | {"x-stepwell-cache-similarity": f"{origin.similarity:.4g}"}
    )


def _plain(text: str) -> str:
    """Text that may stand in a header: printable ASCII, everything else percent-encoded."""
    return text if text.isascii() and text.isprintable() else quote(text)
