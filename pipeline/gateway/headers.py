"""What the response headers say about a reply: who really answered, after how many attempts, at what cost."""

from urllib.parse import quote

from pipeline.contracts import Reply

__all__ = ["about"]


def about(reply: Reply) -> dict[str, str]:
    """The `x-stepwell-*` headers of a reply. An unknown cost is the word `unknown`, never 0."""
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
    if reply.confidence is not None:
        headers["x-stepwell-confidence"] = f"{reply.confidence:.4g}"
    if reply.degraded is not None:
        headers["x-stepwell-degraded"] = _plain(reply.degraded)
    if reply.audit_id is not None:
        headers["x-stepwell-audit-id"] = _plain(reply.audit_id)
    return headers


def _plain(text: str) -> str:
    """Text that may stand in a header: printable ASCII, everything else percent-encoded."""
    return text if text.isascii() and text.isprintable() else quote(text)
