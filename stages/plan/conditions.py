"""The hard conditions: each a question about one variant for one request, with one answer. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

from pipeline.contracts import Residency, Signals, TargetStanding
from pipeline.policy import permits
from pipeline.policy.models import Route, Target, TenantSpec
from pipeline.policy.pricing import above_ceiling, too_dear, worst_cost
from stages.plan.budgets import Rest
from stages.plan.wishes import Wishes

__all__ = ["CONDITIONS", "Case", "Cut", "Hard", "asked_of", "listed", "too_much", "trouble_of"]

Cut = Literal["budget", "max_cost"]
"""Whose money took a variant away: a budget's, or what the caller pays for the request."""
Hard = Literal["residency", "list", "preference", "capability", "context", "price", "budget", "health"]


@dataclass(slots=True)
class Case:
    """One variant for one request: all that the conditions look at.

    `rests`: what is left of the budgets that leave it to other variants where that does not suffice. `encoder`: whose
    vectors the route gives.
    """

    signals: Signals
    route: Route
    tenant: TenantSpec
    wishes: Wishes
    variant: str
    name: str
    target: Target
    residency: Residency | None
    standing: TargetStanding | None
    tokens_in: int
    tokens_out: int
    rests: Sequence[Rest] = ()
    encoder: str | None = None

    @property
    def cost_usd(self) -> float | None:
        """What one call costs at most, None where the price is unknown; few requests are so planned that it matters."""
        return worst_cost(self.target.price, self.tokens_in, self.tokens_out, self.signals.modalities)


def listed(names: Sequence[str], name: str, target: Target) -> bool:
    """Whether a list of targets and providers names this target."""
    return name in names or target.provider in names


def _residency(case: Case) -> str | None:
    decided = case.residency
    if decided is None:
        return "the classification says nothing about it"
    return None if permits(decided.action, case.target) else f"rule {decided.rule}: {decided.reason}"


def _list(case: Case) -> str | None:
    for whose, lists in ((f"the route {case.route.name}", case.route), ("its tenant", case.tenant)):
        if lists.only is not None and not listed(lists.only, case.name, case.target):
            return f"{whose} is served by {', '.join(lists.only) or 'nobody'} only"
        if lists.ignore and listed(lists.ignore, case.name, case.target):
            return f"{whose} is not served by it"
    return None


def _preference(case: Case) -> str | None:
    wishes, target = case.wishes, case.target
    if wishes.only is not None and not listed(wishes.only, case.name, target):
        return "the caller's provider.only does not name it"
    if wishes.ignore and listed(wishes.ignore, case.name, target):
        return "the caller's provider.ignore names it"
    if wishes.no_training and target.may_train:
        return "it may train on what it is sent, and the caller's provider.data_collection denies that"
    return None


def _capability(case: Case) -> str | None:
    signals, able = case.signals, case.target.capabilities
    if signals.embeds:
        return _embeds(case)
    missing = ["chat"] if "chat" not in able and "embedding" in able else []
    if (signals.has_schema or case.route.response_schema_file) and "json_schema" not in able:
        missing.append("json_schema")
    if (signals.has_tools or signals.has_tool_results) and "tools" not in able:
        missing.append("tools")
    if signals.has_images and "vision" not in able:
        missing.append("vision")
    if signals.wants_logprobs and "logprobs" not in able:
        missing.append("logprobs")
    if missing:
        return f"it lacks {', '.join(missing)}"
    unknown = [name for name in signals.passes if name not in case.target.passes] if signals.passes else []
    return f"it does not pass {', '.join(unknown)}" if unknown else None


def _embeds(case: Case) -> str | None:
    """Why it does not make the vectors that are asked for, and such as the others of its route make."""
    target, asked = case.target, case.signals.dimensions
    if "embedding" not in target.capabilities:
        return "it lacks embedding"
    if case.encoder is not None and target.encoder != case.encoder:
        return f"its encoder is {target.encoder}, and vectors of the route {case.route.name} are of {case.encoder}"
    vectors = target.vectors
    if asked is None or asked == vectors.dimensions:
        return None
    if not vectors.shortens:
        known = f"of {vectors.dimensions} numbers" if vectors.dimensions is not None else "of one length"
        return f"it makes vectors {known}, and none of {asked}"
    if vectors.dimensions is not None and asked > vectors.dimensions:
        return f"it makes vectors of at most {vectors.dimensions} numbers, and none of {asked}"
    return None


def _context(case: Case) -> str | None:
    window = case.target.context_window
    if case.signals.embeds:
        if case.signals.longest <= window:
            return None
        return f"about {case.signals.longest} tokens of one text do not fit into its window of {window}"
    needed = case.tokens_in + case.tokens_out
    if needed <= window:
        return None
    about = "" if case.name in case.signals.counted else "about "
    return f"{about}{needed} tokens, answer included, do not fit into its window of {window}"


def _price(case: Case) -> str | None:
    price, wished = case.target.price, case.wishes.max_price
    why = too_dear(case.route, price)
    if why is None and wished is not None:
        why = above_ceiling(price, wished.prompt, wished.completion, "the caller")
    return why or too_much(case)


def too_much(case: Case) -> str | None:
    """Why one call of it may cost more than the caller pays for the request."""
    ceiling = case.signals.max_cost_usd
    if ceiling is None:
        return None
    if case.cost_usd is None:
        return "its price is unknown, and the request has a ceiling"
    if case.cost_usd <= ceiling:
        return None
    return f"up to {case.cost_usd:.6f} USD is above the ceiling of {ceiling:g}"


def _budget(case: Case) -> str | None:
    for rest in case.rests:
        if case.variant in rest.leaves or rest.covers(case.cost_usd, case.tokens_in + case.tokens_out):
            continue
        what = "is used up" if rest.gone else "holds less than a call may cost"
        return f"budget {rest.budget} {what} and leaves {', '.join(sorted(rest.leaves)) or 'nothing'}"
    return None


def _health(case: Case) -> str | None:
    """Why it takes no calls. An outlier does take them: it is left out only where somebody else can be called."""
    standing = case.standing
    return None if standing is None or standing.healthy or standing.why == "outlier" else trouble_of(standing)


def trouble_of(standing: TargetStanding) -> str:
    """Why a target is left alone, and until when, as far as that is known."""
    why = _TROUBLES.get(standing.why or "", "it takes no calls at the moment")
    return why if standing.back_s is None else f"{why} for another {standing.back_s:.1f} s"


_TROUBLES: Final = {
    "breaker": "it failed too often and is left alone",
    "quiet": "it asked not to be called",
    "outlier": "it does much worse than those beside it and is left out",
}


Condition = Callable[[Case], str | None]

CONDITIONS: Final[tuple[tuple[Hard, Condition], ...]] = (
    ("residency", _residency),
    ("list", _list),
    ("preference", _preference),
    ("capability", _capability),
    ("context", _context),
    ("price", _price),
    ("budget", _budget),
    ("health", _health),
)
"""In this order, and the first that fails is the one that is told: what is forbidden is never called expensive."""


def asked_of(
    signals: Signals, route: Route, tenant: TenantSpec, wishes: Wishes, *, degrades: bool
) -> tuple[tuple[Hard, Condition], ...]:
    """The conditions without those that hold for every variant of this request, since nobody sets them."""
    idle: set[Hard] = set()
    if route.only is None and tenant.only is None and not route.ignore and not tenant.ignore:
        idle.add("list")
    if wishes.only is None and not wishes.ignore and not wishes.no_training:
        idle.add("preference")
    ceilings = (route.max_price, route.max_cost_per_token, wishes.max_price, signals.max_cost_usd)
    if ceilings == (None, None, None, None):
        idle.add("price")
    if not degrades:
        idle.add("budget")
    return _without(frozenset(idle)) if idle else CONDITIONS


@cache
def _without(idle: frozenset[Hard]) -> tuple[tuple[Hard, Condition], ...]:
    return tuple((name, condition) for name, condition in CONDITIONS if name not in idle)
