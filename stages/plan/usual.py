"""Plans of requests of which nothing is special, remembered by all that they depend on.

Most requests of a route differ in nothing that a plan looks at but their size and what budgets have left. Both only
ever take variants away: what may serve a longer question, or with less left, may serve this one too. So a plan is made
for a question a little longer, with a little less left, and where neither took anything away in it, it holds for all
requests up to there. Whoever pins, wishes or caps something, wants vectors, answers a tool's call, or meets a target in
trouble, gets a plan of their own. The memory is bounded and changes no plan.
"""

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Final

from pipeline.contracts import Plan, Residency, Signals, Snapshot
from pipeline.contracts.trusted import changed, trusted
from pipeline.policy import Policy
from pipeline.policy.models import Route
from pipeline.ports import Outcome
from stages.plan.conditions import Hard
from stages.plan.route import Chosen
from stages.plan.skip import skip_draft

__all__ = ["Usual"]

MOST: Final = 1024
"""Plans that are remembered; when there are more, all are forgotten."""
SHARES: Final = 64
"""What a budget has left is rounded down to so many parts of its limit."""
_DIGITS: Final = 4
"""Binary digits of a size that count: it is rounded up by an eighth of itself at most."""
_LASTING: Final[frozenset[Hard]] = frozenset({"residency", "list", "preference", "capability", "price"})
"""Conditions that say the same of a shorter question, and with more left; without a caller's ceiling prices do."""
_special = attrgetter("provider", "pin", "busy_with", "max_cost_usd", "quality_floor")
_NOTHING: Final = (None,) * 5
_shape = attrgetter(
    "has_schema", "has_tools", "has_tool_results", "has_images", "wants_logprobs", "passes", "modalities",
    "max_tokens", "max_escalations", "cache", "disable_fallbacks",
)  # fmt: skip

Make = Callable[[Signals, Snapshot], Outcome]
"""Plans a request of these signals in this world."""


class Usual:
    """The plans of one policy."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], tuple[Outcome, Plan] | None] = {}

    def __len__(self) -> int:
        """How many are remembered, those included that are made anew each time."""
        return len(self._known)

    def outcome(
        self,
        signals: Signals,
        residency: Sequence[Residency],
        snapshot: Snapshot,
        policy: Policy,
        chosen: Chosen,
        carried: Mapping[str, object],
        make: Make,
    ) -> Outcome | None:
        """The plan, where nothing is special about the request; None: it needs one of its own.

        Args:
            signals: as `decide` takes them.
            residency: the same.
            snapshot: the same.
            policy: the one whose plans are remembered here.
            chosen: the route.
            carried: what the plan carries for others.
            make: plans in full.
        """
        if _is_special(signals, snapshot, chosen):
            return None
        route, tokens = chosen.route, _rounded(signals.tokens)
        key = (
            route.name,
            id(policy.tenant(signals.tenant)),  # it lives as long as its policy, and this memory no longer
            (signals.task, signals.tenant) if route.accept.confidence == "promised" else None,
            _shape(signals),
            tokens,
            tuple([(entry.target, entry.action, entry.rule, entry.reason) for entry in residency]),
            tuple([(standing.name, int(standing.left * SHARES)) for standing in snapshot.budgets]),
            tuple(carried),
        )
        known = self._known.get(key, self)
        if known is self:
            known = self._remembered(key, _made(signals, snapshot, route, tokens, make))
        if known is None or isinstance(known, Usual) or skip_draft(signals, snapshot, route) is not None:
            return None
        outcome, plan = known
        own = changed(plan, {"signals": signals, "snapshot": snapshot, **carried})
        return Outcome(outcome.kind, outcome.reasons, {"plan": own}, outcome.facts)

    def _remembered(self, key: tuple[object, ...], made: tuple[Outcome, Plan] | None) -> tuple[Outcome, Plan] | None:
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[key] = made
        return made


def _is_special(signals: Signals, snapshot: Snapshot, chosen: Chosen) -> bool:
    if chosen.pinned or chosen.silent or signals.embeds or signals.counted or _special(signals) != _NOTHING:
        return True
    if snapshot.weights or snapshot.fallen is not None:
        return True
    return not all([standing.healthy for standing in snapshot.targets.values()])  # noqa: C419  no generator: quicker


def _rounded(tokens: int) -> int:
    """A number of tokens that is as large or a little larger."""
    less = max(0, tokens.bit_length() - _DIGITS)
    return ((tokens >> less) + 1 << less) - 1


def _made(signals: Signals, snapshot: Snapshot, route: Route, tokens: int, make: Make) -> tuple[Outcome, Plan] | None:
    """The plan for a question of so many tokens, with a little less left; None: others may get another one."""
    if any(sum(weight > 0.0 for weight in tier.variants.values()) > 1 for tier in route.tiers):
        return None  # who of them answers is chosen for each request
    left = [standing.model_copy(update={"left": int(standing.left * SHARES) / SHARES}) for standing in snapshot.budgets]
    # Without a record of the route no draft is left out; whether it is, is asked of each request.
    world = trusted(Snapshot, {"targets": snapshot.targets, "budgets": tuple(left), "route": snapshot.route})
    outcome = make(signals.model_copy(update={"tokens": tokens}), world)
    plan = outcome.changes.get("plan")
    if outcome.kind != "planned" or not isinstance(plan, Plan):
        return None
    return (outcome, plan) if all(gone.condition in _LASTING for gone in plan.excluded) else None
