"""Records of requests that cost something, and lines of the ledger."""

from typing import Any

from pipeline.contracts import AttemptRecord, AuditRecord, LedgerEntry, Served, Usage

AT = 1_795_262_400.0


def attempted(number: int, variant: str, cost: float | None, **others: Any) -> AttemptRecord:
    fields: dict[str, Any] = {
        "number": number,
        "stage": "draft" if number == 1 else "escalate",
        "variant": variant,
        "target": variant,
        "model": "m",
        "usage": Usage(input_tokens=10, output_tokens=5),
        "cost_usd": cost,
        "calls": 1,
        "latency_ms": 1.0,
        "tier": number - 1,
    }
    return AttemptRecord(**{**fields, **others})


def recorded(request: str, *attempts: AttemptRecord, served: str | None = "small", **others: Any) -> AuditRecord:
    """A record of an answered request; its cost is the sum of its attempts."""
    costs = [attempt.cost_usd for attempt in attempts]
    answered = (
        None if served is None else Served(route="chat", variant=served, target=served, model="m", tier=0, tiers=2)
    )
    fields: dict[str, Any] = {
        "producer": "p",
        "n": 0,
        "prev": "0" * 64,
        "at": AT,
        "tenant": "acme",
        "request_id": request,
        "fingerprint": "f",
        "lane": "interactive",
        "status": "answered" if served else "failed",
        "served": answered,
        "attempts": attempts,
        "cost_usd": None if None in costs else sum(cost for cost in costs if cost is not None),
        "policy_revision": "p1",
        "received_at": AT,
        "deadline_at": AT + 60,
    }
    return AuditRecord(**{**fields, **others})


def settled(request: str, step: str, usd: float | None, **others: Any) -> LedgerEntry:
    fields: dict[str, Any] = {
        "kind": "settle",
        "attempt": f"acme.{request}.{step}",
        "at": AT,
        "tenant": "acme",
        "request_id": request,
        "lane": "interactive",
        "stage": "draft",
        "purpose": "draft",
        "route": "chat",
        "variant": "small",
        "target": "small",
        "usd": usd,
    }
    return LedgerEntry(**{**fields, **others})
