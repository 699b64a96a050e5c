"""`stepwell policy explain ID`: what was decided about a request that was, and why, from its record."""

from collections.abc import Mapping
from typing import Any

from pipeline.audit.read import find_begun
from pipeline.batch.kept import KeptResults
from pipeline.cli.policy_plan import excluded, print_plan, rules_of, told_plan
from pipeline.cli.show import console, print_json, print_rows, run
from pipeline.contracts import AuditRecord, Signals
from pipeline.costs.again import NotReplayable, Planned, Planner, recorded
from pipeline.embedded.here import environment_here
from pipeline.errors import StepwellError
from pipeline.policy import Policy
from pipeline.revisions import RevisionStore, policy_in_force, policy_named
from pipeline.settings import Settings
from pipeline.transport.nats import connect

__all__ = ["explain_record"]


def explain_record(request_id: str, tenant: str, planner: Planner, *, as_json: bool) -> None:
    """Print what the record of a request says, and the plan made again under the revision it was made under."""
    record, policy = run(_read(request_id, tenant))
    told = _told(record, policy, planner)
    if as_json:
        print_json(told)
    else:
        _print(told)


async def _read(request_id: str, tenant: str) -> tuple[AuditRecord, Policy | None]:
    environment = environment_here()
    settings = Settings.from_environment(environment)
    link = await connect(settings, name="cli")
    try:
        record, _ = await find_begun(link.streams, KeptResults(link), tenant, request_id)
        store = RevisionStore(link.bucket("policy"))
        return record, await _policy(record.policy_revision, store, settings, environment)
    finally:
        await link.close()


async def _policy(
    revision: str, store: RevisionStore, settings: Settings, environment: Mapping[str, str]
) -> Policy | None:
    """The policy of the revision; None where it is kept nowhere, or cannot be read here."""
    try:
        policy, _ = await policy_in_force(store, settings.policies, environment)
    except StepwellError:
        policy = None
    if policy is not None and policy.revision == revision:
        return policy
    try:
        return await policy_named(revision, store, environment)
    except StepwellError:
        return None


def _told(record: AuditRecord, policy: Policy | None, planner: Planner) -> dict[str, Any]:
    signals = record.signals_seen
    told: dict[str, Any] = {
        "request": record.request_id,
        "tenant": record.tenant,
        "revision": record.policy_revision,
        "status": record.status,
        "error": record.error.model_dump(mode="json", exclude_none=True) if record.error else None,
        "data_class": record.data_class,
        "origin": record.origin,
        "scan": record.scan,
        "findings": [finding.model_dump(mode="json", exclude_none=True) for finding in record.findings],
        "signals": signals.model_dump(mode="json", exclude_defaults=True) if signals else None,
        "snapshot": record.snapshot.model_dump(mode="json", exclude_defaults=True) if record.snapshot else None,
        "excluded": excluded(record.excluded),
        "chose": [*record.chose],
        "skipped": record.skipped,
        "propensities": dict(record.propensities),
        "targets": [_target(entry.model_dump(mode="json"), signals, policy) for entry in record.residency],
        "served": record.served.model_dump(mode="json") if record.served else None,
        "calls": [
            {
                "variant": one.variant,
                "target": one.target,
                "made_for": one.made_for,
                "cost_usd": one.cost_usd,
                "error": one.error_code,
            }
            for one in record.attempts
        ],
        "cost_usd": record.cost_usd,
    }
    return told | _again(record, policy, planner)


def _target(entry: dict[str, Any], signals: Signals | None, policy: Policy | None) -> dict[str, Any]:
    known = policy is not None and signals is not None and entry["target"] in policy.targets
    rules = rules_of(signals, entry["target"], policy) if known and policy and signals else None
    return {**entry, "rules": rules}


def _again(record: AuditRecord, policy: Policy | None, planner: Planner) -> dict[str, Any]:
    """The plan made again, and whether it is the one that was recorded."""
    try:
        before = recorded(record)
    except NotReplayable as error:
        return {"plan": None, "reproduced": None, "why_not": str(error)}
    if policy is None or record.signals_seen is None or record.snapshot is None:
        return {"plan": None, "reproduced": None, "why_not": f"revision {record.policy_revision} is kept nowhere here"}
    plan = told_plan(record.signals_seen, record.snapshot, policy, planner)
    refused = plan["refused"]["code"] if plan["refused"] else None
    stairs = tuple(tier["variant"] for tier in plan["tiers"])
    after = Planned(plan["route"], stairs, plan.get("skipped"), refused)
    return {"plan": plan, "reproduced": after == before, "why_not": None}


# ---------------------------------------------------------------- for people


def _print(told: dict[str, Any]) -> None:
    line = f"request {told['request']} of {told['tenant']}: {told['status']}, revision {told['revision']}"
    console.print(line, highlight=False, markup=False)
    if told["error"]:
        console.print(f"{told['error']['code']}: {told['error']['message']}", highlight=False, markup=False)
    found = ", ".join(f"{one['type']} {one['count']}" for one in told["findings"]) or "nothing"
    origin = f", from {told['origin']}" if told["origin"] else ""
    console.print(f"{told['data_class']} data{origin}; found: {found}", highlight=False, markup=False)
    if told["signals"]:
        facts = ", ".join(f"{name}={value}" for name, value in told["signals"].items() if name not in ("key", "prefix"))
        console.print(f"signals: {facts}", highlight=False, markup=False, soft_wrap=True)
    rows = [{**row, "rules": ", ".join(row["rules"] or filter(None, [row["rule"]]))} for row in told["targets"]]
    if rows:
        print_rows(rows, ("target", "action", "rule", "rules", "reason"), as_json=False, title="Who may see the data")
    if told["plan"] is not None:
        console.print(f"route {told['plan']['route'] or '(none)'}", highlight=False, markup=False)
        print_plan(told["plan"])
        again = "the same plan" if told["reproduced"] else "another plan than was recorded"
        console.print(f"made again under revision {told['revision']}: {again}", highlight=False)
    else:
        for one in told["excluded"]:
            console.print(f"{one['target']} was excluded by {one['condition']}: {one['reason']}", markup=False)
        console.print(f"the plan cannot be made again: {told['why_not']}", highlight=False, markup=False)
    for one in told["calls"]:
        cost = "unknown" if one["cost_usd"] is None else f"{one['cost_usd']:.6f} USD"
        trouble = f", {one['error']}" if one["error"] else ""
        console.print(f"called {one['variant']} at {one['target']}: {cost}{trouble}", highlight=False, markup=False)
