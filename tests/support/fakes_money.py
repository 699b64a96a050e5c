"""Budgets, charges and a ledger over a stream in memory."""

from dataclasses import replace
from typing import Any

from fakes_models import policy

from pipeline.adapters.money.counters import Counters
from pipeline.adapters.money.ledger import StreamLedger
from pipeline.adapters.money.pages import read_lines
from pipeline.contracts import Cover, LedgerEntry, Usage
from pipeline.policy import Policy
from pipeline.policy.compiled_parts import CompiledCover, CompiledRate
from pipeline.policy.conditions import compile_condition
from pipeline.policy.models import Allowance, BudgetSpec, EscalationCap, Rate
from pipeline.policy.source import FixedPolicy
from pipeline.ports import Charge, Streams

ALWAYS = compile_condition("true", targets=False)
NOON = 4_098_945_600.0
"""Saturday, 21 November 2099, 12:00 UTC: a real Valkey drops the counters of windows that are over by its clock."""


def budget(name: str = "day", usd: float | None = 0.01, **others: Any) -> BudgetSpec:
    limit = others.pop("limit", None) or Allowance(usd=usd)
    return BudgetSpec(name=name, by=("tenant",), limit=limit, **others)


def cap(name: str = "few", share: float = 0.1, burst: int = 2) -> EscalationCap:
    return EscalationCap(name=name, share=share, burst=burst)


def rate(name: str = "usual", **others: Any) -> Rate:
    return Rate(name=name, **others)


def with_money(*specs: BudgetSpec | EscalationCap | Rate, base: Policy | None = None) -> Policy:
    """A policy with these budgets, caps and rates, whatever their conditions."""
    covering = tuple(CompiledCover(spec, ALWAYS) for spec in specs if not isinstance(spec, Rate))
    metered = tuple(CompiledRate(spec, ALWAYS) for spec in specs if isinstance(spec, Rate))
    return replace(base or policy({}), covering=covering, metered=metered)


def charge(number: int = 1, usd: float | None = 0.001, **others: Any) -> Charge:
    request = others.pop("request", f"r{number}")
    stage = others.pop("stage", "draft")
    step = others.pop("step", f"{stage}-1")
    fields: dict[str, Any] = {
        "attempt": f"acme.{request}.{step}",
        "tenant": "acme",
        "request_id": request,
        "lane": "interactive",
        "stage": stage,
        "purpose": stage,
        "route": "chat",
        "variant": "small",
        "target": "small-eu",
        "usd": usd,
        "tokens": 100,
        "covers": (Cover(budget="day", scope="tenant=acme"),),
    }
    return Charge(**{**fields, **others})


def spent(tokens: int = 10) -> Usage:
    return Usage(input_tokens=tokens)


def ledger(counters: Counters | None, streams: Streams, clock: Any, *specs: Any, **others: Any) -> StreamLedger:
    policies = FixedPolicy(with_money(*(specs or (budget(),))))
    return StreamLedger(counters, streams, policies, clock, **{"grace_s": 0.05, "fresh_s": 0.0, **others})


async def lines(streams: Streams) -> list[LedgerEntry]:
    found = [line async for line in read_lines(streams)]
    assert None not in found
    return [line for line in found if line is not None]
