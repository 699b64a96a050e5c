"""Groups of deployments become routes: weights, order, fallbacks, aliases, the cache."""

import math
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from pipeline.migrate.account import Value
from pipeline.migrate.draft import Part
from pipeline.migrate.kit import Kit
from pipeline.migrate.litellm_settings import Common
from pipeline.migrate.names import why_renamed

__all__ = ["Deployment", "groups", "shared"]

_MOST_FALLBACKS: Final = 8


class Deployment(NamedTuple):
    """A deployment that became a target: the variant it has, and where it was written."""

    variant: str
    group: Value
    params: Value
    entry: Value


class _Group(NamedTuple):
    """Deployments of one name: those that are chosen from, and those that come after them where they fail."""

    weights: dict[str, float]
    later: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        return (*sorted(self.weights, key=lambda name: -self.weights[name]), *self.later)


def groups(kit: Kit, deployments: Sequence[Deployment], common: Common) -> None:
    """Make a route of each group, and one of each alias."""
    members: dict[str, list[Deployment]] = {}
    for one in deployments:
        members.setdefault(one.group.text or "", []).append(one)
    made = {name: _group(some) for name, some in members.items()}
    names = {name: kit.routes.make(name) for name in made}
    for name, some in members.items():
        _renamed(kit, some[0].group, name, names[name])
    chains = _chains(made, common)
    for name, some in members.items():
        where = ", ".join(f"[{one.entry.path[-1]}]" for one in some)
        _route(kit, names[name], name, made, chains, common, [f"From model_name {name}, model_list{where}."])
    for alias, (value, group) in common.aliases.items():
        _alias(kit, alias, value, group, made, chains, common)
    _default(kit, common, names)


def _group(some: Sequence[Deployment]) -> _Group:
    orders = {one.variant: _order(one) for one in some}
    first = min(orders.values())
    now = [one for one in some if orders[one.variant] == first]
    weights = _weights(now)
    never = [one.variant for one in now if one.variant not in weights]
    later = sorted((one.variant for one in some if orders[one.variant] != first), key=lambda name: orders[name])
    return _Group(weights, (*never, *later))


def _order(one: Deployment) -> float:
    value = one.params.get("order")
    if value is None or value.number is None:
        return math.inf
    value.became(f"variants.{one.variant}")
    return value.number


def _weights(some: Sequence[Deployment]) -> dict[str, float]:
    """By `weight`, else by `rpm`, else by `tpm`, else all the same; as LiteLLM's simple shuffle."""
    for key in ("weight", "rpm", "tpm"):
        found = {one.variant: one.params.get(key) or one.entry.get(key) for one in some}
        numbers = {name: max(value.number or 0.0, 0.0) if value else 0.0 for name, value in found.items()}
        if sum(numbers.values()) > 0 and (key == "weight" or len(some) > 1):
            for name, value in found.items():
                if value is not None:
                    _weighed(key, value, name)
            return shared(numbers)
    for one in some:
        if (weight := one.params.get("weight")) is not None and weight.number_from(0) is not None:
            weight.became(f"variants.{one.variant}")  # where all weigh nothing, all weigh the same
    return shared(dict.fromkeys((one.variant for one in some), 1.0))


def _weighed(key: str, value: Value, name: str) -> None:
    if key == "weight" and value.number is not None and value.number >= 0:
        value.became(f"variants.{name}")
        return
    if key == "weight":
        value.changed(f"variants.{name}", "its value is out of range: it is taken for a weight of 0")
        return
    value.changed(f"variants.{name}", f"{key} is taken as a weight only, and not as a limit",
                  f"set targets.{name}.slots, or a rate for your callers in limits.yaml")  # fmt: skip


def shared(numbers: dict[str, float]) -> dict[str, float]:
    """Weights that sum to 1, of six digits. Those of nothing are left out, unless all are."""
    kept = {name: number for name, number in numbers.items() if number > 0} or dict.fromkeys(numbers, 1.0)
    total = math.fsum(kept.values())
    parts = {name: round(number / total, 6) for name, number in kept.items()}
    largest = max(parts, key=lambda name: parts[name])
    parts[largest] = round(parts[largest] + 1 - math.fsum(parts.values()), 6)
    return parts


class _Chains(NamedTuple):
    """For each group: the groups that take over where it fails, and those that take what does not fit into it."""

    failed: dict[str, tuple[str, ...]]
    too_long: dict[str, tuple[str, ...]]


def _chains(made: dict[str, _Group], common: Common) -> _Chains:
    every = tuple(_known(made, common.default_fallbacks, in_order=True))
    failed = {
        name: tuple(_known(made, common.fallbacks.get(name, common.fallbacks.get("*", ())), in_order=True)) or every
        for name in made
    }
    long = {name: tuple(_known(made, common.too_long.get(name, common.too_long.get("*", ())))) for name in made}
    return _Chains(failed, long)


def _known(made: dict[str, _Group], values: Iterable[Value], *, in_order: bool = False) -> Iterable[str]:
    """The groups that are named. `in_order`: as fallbacks, which have no weights."""
    for value in values:
        if value.text in made:
            value.became("routes")
            if in_order and len(made[value.text or ""].weights) > 1:
                why = "where it takes over, its deployments are tried in order, the heaviest first, and not by weight"
                value.account.changed(value.path, value.data, why)
            yield value.text or ""
        else:
            value.left("no model of the list has this name", "name one that there is")


def _route(
    kit: Kit, name: str, group: str, made: dict[str, _Group], chains: _Chains, common: Common, before: list[str]
) -> None:
    tiers: list[dict[str, object]] = [_tier(kit, group, made, chains.failed[group], common)]
    for other in chains.too_long[group]:
        tiers.append(_tier(kit, other, made, (), common))
    if len(tiers) > 1:
        before = [*before, "What does not fit into the first tier is answered by the next one; nothing is escalated."]
    spec: dict[str, object] = {"name": name, "match": "false", "tiers": tiers[:8], "max_escalations": 0}
    spec["cache"] = dict(common.cache)
    kit.draft.routes.append(Part(spec, before, {"match": "only for callers that name it"}))


def _tier(kit: Kit, group: str, made: dict[str, _Group], after: Sequence[str], common: Common) -> dict[str, object]:
    own = made[group]
    chain = [name for name in own.all if len(own.all) > 1]
    chain += [name for other in after for name in made[other].all]
    alone = set(own.weights) if len(own.weights) == 1 else set()  # nothing takes over from itself
    fallbacks = [name for name in dict.fromkeys(chain) if name not in alone]
    if len(fallbacks) > _MOST_FALLBACKS:
        value = common.where(group) or kit.account.root()
        kit.account.changed(
            value.path, value.data, f"only {_MOST_FALLBACKS} of {len(fallbacks)} fallbacks of {group} are kept"
        )
    tier: dict[str, object] = {"variants": own.weights}
    if common.choose != "weights" and len(own.weights) > 1:
        tier["choose"] = common.choose
    if fallbacks:
        tier["fallbacks"] = fallbacks[:_MOST_FALLBACKS]
    return tier


def _renamed(kit: Kit, value: Value, asked: str, name: str) -> None:
    value.became(f"routes.{name}")
    if why := why_renamed(asked, name):
        kit.account.changed(
            value.path, value.data, f"{why}: the route is called {name}", f"callers ask for the model {name}"
        )


def _alias(
    kit: Kit, alias: str, value: Value, group: str, made: dict[str, _Group], chains: _Chains, common: Common
) -> None:
    if group not in made:
        value.left("no model of the list has this name", "name one that there is")
        return
    name = kit.routes.make(alias)
    _renamed(kit, value, alias, name)
    _route(kit, name, group, made, chains, common, [f"From model_group_alias, line {value.line}."])


def _default(kit: Kit, common: Common, names: dict[str, str]) -> None:
    """The group that answers who names none becomes the route that matches all."""
    value = common.default_model
    if value is None:
        return
    if value.text not in names:
        value.left("no model of the list has this name", "name one that there is")
        return
    wanted = names[value.text or ""]
    value.became(f"routes.{wanted}.match")
    part = next(part for part in kit.draft.routes if part.spec["name"] == wanted)
    part.spec["match"] = "true"
    part.beside["match"] = "completion_model: also for callers that name no model"
    kit.draft.routes.remove(part)
    kit.draft.routes.append(part)
