"""`stepwell policy show`: what a policy set says, as tables. Keys are never shown."""

from collections.abc import Iterator, Mapping, Sequence

from pipeline.cli.show import console, print_json, print_rows
from pipeline.policy import Policy
from pipeline.policy.calibration import Gate
from pipeline.policy.keys import masked_address
from pipeline.policy.models import Allowance, BudgetSpec

__all__ = ["show"]

Row = dict[str, object]


def show(policy: Policy, *, as_json: bool, origin: str | None = None) -> None:
    """Print the routes with their tiers, the targets, and whatever else there is.

    `origin` is where a policy in force is from; None: it need not be in force.
    """
    tables: dict[str, list[Row]] = {
        "routes": list(_routes(policy)),
        "calibrators": list(_calibrators(policy)),
        "targets": list(_targets(policy)),
        "budgets": list(_budgets(policy)),
        "escalations": list(_escalations(policy)),
        "rates": list(_rates(policy)),
        "tenants": list(_tenants(policy)),
        "experiments": list(_experiments(policy)),
    }
    if as_json:
        print_json({"revision": policy.revision, "origin": origin, **tables, "attached": sorted(policy.attached)})
        return
    scored = ", the route with the highest score takes a request" if policy.choose == "scored" else ""
    console.print(f"revision {policy.revision}{scored}", highlight=False, markup=False)
    for name, rows in tables.items():
        if rows:
            columns = _shown(rows)
            print_rows(map(_joined, rows), columns, as_json=False, title=_TITLES[name], whole=columns[:1])
    if policy.attached:
        told = f"files that belong to it: {', '.join(sorted(policy.attached))}"
        console.print(told, highlight=False, markup=False)


_TITLES: Mapping[str, str] = {
    "routes": "Routes",
    "calibrators": "Calibrators",
    "targets": "Targets (prices in USD for a million tokens)",
    "budgets": "Budgets",
    "escalations": "Caps on escalations",
    "rates": "Rates",
    "tenants": "Tenants",
    "experiments": "Experiments",
}
_NOT_IN_TABLES = frozenset({"endpoint", "provider"})


def _shown(rows: Sequence[Row]) -> tuple[str, ...]:
    """The columns of a table: not those that are empty in every row."""
    names = dict.fromkeys(name for row in rows for name in row if name not in _NOT_IN_TABLES)
    first = next(iter(names))
    return tuple(name for name in names if name == first or any(row.get(name) not in (None, "", []) for row in rows))


def _joined(row: Row) -> Row:
    return {name: ", ".join(map(str, value)) if isinstance(value, list) else value for name, value in row.items()}


def _routes(policy: Policy) -> Iterator[Row]:
    for route in policy.routes:
        spec = route.spec
        yield {
            "route": spec.name,
            "match": spec.match,
            "score": spec.score,
            "tiers": " > ".join(_tier(tier.variants) for tier in spec.tiers),
            "fallbacks": " > ".join(", ".join(tier.fallbacks) or "none" for tier in spec.tiers)
            if any(tier.fallbacks for tier in spec.tiers)
            else "",
            "choose": " > ".join(tier.choose for tier in spec.tiers)
            if any(tier.choose != "weights" for tier in spec.tiers)
            else "",
            "experiments": [name for name in route.experiments if name is not None],
            "accept": spec.accept.confidence,
            "calibrator": route.calibrator.name if route.calibrator is not None else None,
            "escalations": spec.max_escalations,
            "skip_draft": spec.skip_draft.when if spec.skip_draft.when != "never" else "",
            "cache": f"{spec.cache.ttl:g} s" if spec.cache.enabled else "off",
        }


def _calibrators(policy: Policy) -> Iterator[Row]:
    found = {route.calibrator.name: route.calibrator for route in policy.routes if route.calibrator is not None}
    for name, calibrator in found.items():
        file = calibrator.file
        if not isinstance(file, Gate):
            yield {"calibrator": name, **file.model_dump()}
            continue
        shown = {"calibrator": name, "kind": file.kind, "source": file.source, "fitted": file.fitted}
        yield {**shown, "labels": file.labels, "segments": sorted(file.segments) or ["the whole route"]}


def _tier(variants: Mapping[str, float]) -> str:
    if len(variants) == 1:
        return next(iter(variants))
    return " | ".join(f"{name} {weight:g}" for name, weight in variants.items())


def _targets(policy: Policy) -> Iterator[Row]:
    for name, target in policy.targets.items():
        price = target.price
        yield {
            "target": name,
            "model": target.model,
            "endpoint": masked_address(target.endpoint),
            "provider": target.provider,
            "region": target.region,
            "jurisdiction": target.jurisdiction,
            "external": target.external,
            "window": target.context_window,
            "in": price.input if price else None,
            "out": price.output if price else None,
            "slots": target.slots,
            "adapter_of": target.adapter_of,
        }


def _budgets(policy: Policy) -> Iterator[Row]:
    for spec in policy.budgets:
        yield {
            "budget": spec.name,
            "match": spec.match,
            "by": list(spec.by),
            "per": spec.per,
            "limit": _allowance(spec.limit),
            "stages": spec.stages,
            "action": _action(spec),
            "when_away": spec.when_away,
        }


def _allowance(limit: Allowance) -> str:
    parts = (
        f"{limit.usd:g} USD" if limit.usd is not None else "",
        f"{limit.tokens} tokens" if limit.tokens is not None else "",
        f"{limit.requests} requests" if limit.requests is not None else "",
    )
    return ", ".join(part for part in parts if part)


def _action(spec: BudgetSpec) -> str:
    return f"{spec.action} to {', '.join(spec.degrade_to)}" if spec.degrade_to else spec.action


def _escalations(policy: Policy) -> Iterator[Row]:
    for spec in policy.escalations:
        yield {
            "cap": spec.name,
            "match": spec.match,
            "by": list(spec.by),
            "share": spec.share,
            "burst": spec.burst,
        }


def _rates(policy: Policy) -> Iterator[Row]:
    for spec in policy.rates:
        yield {
            "rate": spec.name,
            "match": spec.match,
            "by": list(spec.by),
            "per": spec.per,
            "requests": spec.requests,
            "tokens": spec.tokens,
            "when_away": spec.when_away,
        }


def _tenants(policy: Policy) -> Iterator[Row]:
    """Users are not listed: who has which tier is nobody's business here."""
    for name, spec in policy.tenants.items():
        yield {
            "tenant": name,
            "tier": spec.tier,
            "users_with_own_tier": len(spec.user_tiers) or None,
            "in_place_of": [f"{one} → {other}" for one, other in spec.variants.items()],
            "only": list(spec.only or ()),
            "ignore": list(spec.ignore),
            "regions": list(spec.regions),
            "may_pin": spec.may_pin,
        }


def _experiments(policy: Policy) -> Iterator[Row]:
    for spec in policy.experiments.values():
        yield {
            "experiment": spec.name,
            "route": spec.route,
            "tier": spec.tier,
            "variants": _tier(spec.variants),
            "running": spec.running,
        }
