"""What planning asks the world, and the few things that depend on the policy alone. No decision is made here."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from pipeline.contracts import BudgetStanding, Request, Signals, Snapshot, TargetStanding
from pipeline.contracts.trusted import trusted
from pipeline.policy import Policy
from pipeline.policy.models import Route, TenantSpec
from pipeline.ports import Board, RouteStanding, Weights
from pipeline.signals.prefix import key_of, scope_digest
from stages.plan.usual import Usual

__all__ = ["Needs", "needs_of", "scope_values", "snapshot_of"]


class Needs:
    """What a policy looks at, so that nothing else is asked.

    Attributes:
        budget_left: a route depends on what is left of budgets.
        charges: there are budgets, caps or rates.
        usual: what was planned under it.
    """

    def __init__(self, *, budget_left: bool, charges: bool) -> None:
        self.budget_left = budget_left
        self.charges = charges
        self.usual = Usual()
        self._targets: dict[tuple[str, int], tuple[TenantSpec, tuple[str, ...]]] = {}

    def targets_of(self, signals: Signals, route: Route, policy: Policy) -> tuple[str, ...]:
        """The targets that the plan may come to.

        They follow from the route and from what is different for the tenant, so they are found once for both; but not
        for a route that was made for this request, which has one variant, nor while a tool's answer goes back to one.
        """
        tenant, own = policy.tenant(signals.tenant), policy.route(route.name)
        if own is None or own.spec is not route or signals.busy_with is not None:
            return _targets(signals.busy_with, route, tenant, policy)
        known = self._targets.get((route.name, id(tenant)))
        if known is None:
            # The tenant's part is kept beside it, so that its id stays its own.
            known = self._targets[route.name, id(tenant)] = (tenant, _targets(None, route, tenant, policy))
        return known[1]


def needs_of(policy: Policy) -> Needs:
    """What this policy looks at."""
    asked = {name for route in policy.routes for name in route.condition.names}
    return Needs(
        budget_left="req.budget_left" in asked,
        charges=bool(policy.budgets or policy.escalations or policy.rates),
    )


def scope_values(request: Request, lane: str, route: str, policy: Policy, secret: bytes) -> dict[str, str]:
    """Whose counters a request moves: plain names, and keyed digests of users, keys and tags."""
    values = {"tenant": request.tenant, "lane": lane, "route": route}
    for name in policy.scopes:
        value = _private(name, request)
        if value:
            values[name] = scope_digest(request.tenant, name, value, key_of(secret))
    return values


def _private(name: str, request: Request) -> str | None:
    if name == "user":
        return request.user
    if name == "key":
        return request.api_key
    return request.metadata.get(name.removeprefix("tag.")) if name.startswith("tag.") else None


def snapshot_of(
    reach: Iterable[str],
    route: Route,
    board: Board | None,
    weights: Weights | None,
    budgets: Sequence[BudgetStanding],
    fallen: str | None = None,
) -> Snapshot:
    """What is known now of the targets in `reach`, and of the route. Those of which nothing is known are left out."""
    found: dict[str, object] = {"budgets": tuple(budgets), "route": route.name}
    if fallen is not None:
        found["fallen"] = fallen
    if weights is not None:
        found["weights"] = tuple([dict(tier) for tier in weights.tiers])
        found["weights_version"] = weights.version
    if board is not None:
        found["targets"] = _standings(reach, board)
        found |= _record(board.route(route.name))
    return trusted(Snapshot, found)


def _record(record: RouteStanding) -> dict[str, object]:
    """The record of a route; nothing where it has none."""
    if not record.drafts and record == _NO_RECORD:
        return {}
    return {
        "drafts": record.drafts,
        "accepted": record.accepted,
        "draft_usd": record.draft_usd,
        "draft_ms": record.draft_ms,
        "last_usd": record.last_usd,
        "last_ms": record.last_ms,
        "sufficed": dict(record.sufficed),
    }


_NO_RECORD: Final = RouteStanding()


def _standings(names: Iterable[str], board: Board) -> dict[str, TargetStanding]:
    known = {}
    for name in names:
        standing = board.target(name)
        measured = standing.first_token_ms is not None or standing.latency_ms is not None
        if measured or not standing.healthy or standing.load > 0.0:
            known[name] = standing
    return known


def _targets(busy_with: str | None, route: Route, tenant: TenantSpec, policy: Policy) -> tuple[str, ...]:
    own = tenant.variants
    names = (own.get(name, name) for name in _variants(busy_with, route, policy))
    return tuple(dict.fromkeys([policy.variants[name].target for name in names if name in policy.variants]))


def _variants(busy_with: str | None, route: Route, policy: Policy) -> Iterator[str]:
    for tier in route.tiers:
        yield from tier.variants
        yield from tier.fallbacks
    for budget in policy.budgets:
        yield from budget.degrade_to
    if busy_with is not None:
        yield busy_with
