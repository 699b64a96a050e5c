"""From a Portkey config to a policy.

Targets become targets with one variant. A strategy becomes a tier: `loadbalance` its weights, `fallback` its
fallbacks; `conditional` becomes routes, asked in the order of the conditions.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from pipeline.migrate.account import Account, Value
from pipeline.migrate.draft import Part
from pipeline.migrate.kit import Kit
from pipeline.migrate.litellm_groups import shared
from pipeline.migrate.names import why_renamed
from pipeline.migrate.portkey_conditions import Untranslatable, asked_model, condition
from pipeline.migrate.portkey_targets import Inherited, made, names_of
from pipeline.policy.problems import Path

__all__ = ["translate"]

_MAIN: Final = "main"
_MOST_FALLBACKS: Final = 8


@dataclass(frozen=True, slots=True)
class _Tier:
    """What a strategy comes to: variants with weights, and those that take over."""

    weights: Mapping[str, float]
    fallbacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Case:
    """Under which condition a part of the config serves; `name` is the route that it becomes."""

    match: str
    name: str
    before: tuple[str, ...] = ()
    asked: Value | None = None
    """The condition by which callers name the route, if they do."""


def translate(account: Account, on_day: str) -> Kit:
    """Translate the whole config."""
    kit = Kit(account, on_day)
    root = account.root()
    _retry(kit, root)
    _Walk(kit).serve(root, Inherited(), _Case("true", _MAIN, ("From the whole config.",)))
    return kit


class _Walk:
    """Goes through the targets, from the outside in."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._made: dict[Path, str | None] = {}

    def serve(self, node: Value, above: Inherited, case: _Case) -> None:
        """Make the routes of a node."""
        here = above.within(node)
        called = node.get("name")
        if called is not None and node.get("targets") is not None:
            called.became("routes")
        if _mode(node) == "conditional":
            self._conditional(node, here, case)
            return
        tier = self._tier(node, here)
        if tier is not None:
            self._route(tier, here, case)

    def _route(self, tier: _Tier, here: Inherited, case: _Case) -> None:
        spec: dict[str, object] = {"variants": dict(tier.weights)}
        if tier.fallbacks:
            spec["fallbacks"] = list(tier.fallbacks[:_MOST_FALLBACKS])
        name = self._kit.routes.make(case.name)
        if case.asked is not None and (why := why_renamed(case.name, name)):
            self._kit.account.changed(
                case.asked.path,
                case.asked.data,
                f"{why}: the route is called {name}",
                f"callers ask for the model {name}",
            )
        route: dict[str, object] = {"name": name, "match": case.match, "tiers": [spec], "max_escalations": 0}
        self._kit.draft.routes.append(Part(route | {"cache": here.cache(name)}, list(case.before)))

    # ------------------------------------------------------------ strategies that choose a target

    def _tier(self, node: Value, here: Inherited) -> _Tier | None:
        strategy, targets = node.get("strategy"), node.get("targets")
        mode = _mode(node)
        if targets is None:
            if node.path not in self._made:
                self._made[node.path] = made(self._kit, node, here)
            name = self._made[node.path]
            return _Tier({name: 1.0}) if name else None
        each = [target for target in targets.each() if isinstance(target.data, dict)]
        if strategy is not None:
            _settle_strategy(strategy, mode)
        if not each or mode == "conditional":
            node.left("conditions can be translated at the top or under other conditions only",
                      "write a route with a match for each of them")  # fmt: skip
            return None
        if mode == "single":
            for other in each[1:]:
                other.left("with the strategy single only the first target is asked", "nothing to do")
            each = each[:1]
        found = [(target, tier) for target in each if (tier := self._tier(target, here.within(target))) is not None]
        if not found:
            return None
        return self._balanced(targets, found) if mode == "loadbalance" else self._chain(targets, found)

    def _balanced(self, targets: Value, found: list[tuple[Value, _Tier]]) -> _Tier:
        parts: dict[str, float] = {}
        later: dict[str, None] = {}
        for target, tier in found:
            weight = _weight(target)
            for name, share in tier.weights.items():
                parts[name] = weight * share
            for name in tier.fallbacks:
                later[name] = None
        if later:
            self._kit.account.changed(
                targets.path,
                targets.data,
                "fallbacks of one part take over for all parts of the tier",
                "check routes.yaml",
            )
        weights = shared(parts)
        never = tuple(name for name in parts if name not in weights)
        return _Tier(weights, tuple(dict.fromkeys((*later, *never))))

    def _chain(self, targets: Value, found: list[tuple[Value, _Tier]]) -> _Tier:
        for target, _ in found:
            if (weight := target.get("weight")) is not None:
                weight.left("targets are tried in their order here, and not by weight", "nothing to do")
        for target, tier in found[1:]:
            if len(tier.weights) > 1:
                _now_in_order(target)
        first = found[0][1]
        rest = [name for _, tier in found[1:] for name in (*_heaviest_first(tier.weights), *tier.fallbacks)]
        fallbacks = tuple(dict.fromkeys((*first.fallbacks, *rest)))
        if len(fallbacks) > _MOST_FALLBACKS:
            self._kit.account.changed(
                targets.path, targets.data, f"only {_MOST_FALLBACKS} of {len(fallbacks)} fallbacks are kept"
            )
        return _Tier(first.weights, fallbacks)

    # ------------------------------------------------------------ conditions

    def _conditional(self, node: Value, here: Inherited, case: _Case) -> None:
        strategy, targets = node.get("strategy"), node.get("targets")
        assert strategy is not None
        _settle_strategy(strategy, "conditional")
        named = {name: target for target in (targets.each() if targets else ()) if (name := names_of(target))}
        used: set[str] = set()
        conditions = strategy.get("conditions")
        for entry in conditions.each() if conditions else ():
            wanted, query = entry.get("then"), entry.get("query")
            target = named.get(wanted.text or "") if wanted else None
            if wanted is None or query is None or target is None:
                entry.left("it names no target of this config", "write a route for it")
                continue
            used.add(wanted.text or "")
            wanted.became("routes")
            for one in self._cases(query, case, wanted.text or "", entry.line):
                self.serve(target, here, one)
        default = strategy.get("default")
        if default is not None and (target := named.get(default.text or "")) is not None:
            used.add(default.text or "")
            default.became("routes")
            self.serve(
                target, here, replace(case, name=default.text or _MAIN, before=(f"The default, line {default.line}.",))
            )
        elif default is not None:
            default.left("it names no target of this config", "write a last route that matches all")
        for name, target in named.items():
            if name not in used:
                target.left("no condition leads to it", "nothing to do, or write a route for it")

    def _cases(self, query: Value, case: _Case, name: str, line: int | None) -> Iterator[_Case]:
        """The condition as a match; one on the model alone becomes routes that callers name."""
        before = (f"From the condition in line {line}.",)
        if models := asked_model(query.data):
            query.became("routes")
            for model in models:
                yield _Case("false", model, (*before, "Only for callers that name it as their model."), query)
            return
        try:
            text, keys = condition(query)
        except Untranslatable as error:
            query.left(str(error), "its route answers only those who name it; write its match in routes.yaml")
            yield _Case("false", name, (*before, "check: its condition could not be translated."))
            return
        query.became("routes")
        self._kit.draft.metadata.extend(key for key in keys if key not in self._kit.draft.metadata)
        yield _Case(_both(case.match, text), name, before)


def _both(outer: str, inner: str) -> str:
    """A condition under another one."""
    if outer == "false":
        return outer
    return inner if outer == "true" else f"({outer}) && ({inner})"


def _mode(node: Value) -> str:
    strategy = node.get("strategy")
    mode = strategy.get("mode") if strategy else None
    return mode.text.lower() if mode is not None and mode.text else "single"


def _settle_strategy(strategy: Value, mode: str) -> None:
    value = strategy.get("mode")
    if value is None:
        return
    if mode in ("single", "fallback", "loadbalance", "conditional"):
        value.became("routes")
    else:
        value.left("there is no such strategy; the targets are tried in their order", "check routes.yaml")


def _weight(target: Value) -> float:
    value = target.get("weight")
    weight = None if value is None else value.number_from(0)
    if value is None or weight is None:
        return 1.0
    value.became("routes")
    if weight == 0:
        value.account.changed(value.path, value.data, "a target of no weight is asked where all others fail")
    return weight


def _heaviest_first(weights: Mapping[str, float]) -> list[str]:
    return sorted(weights, key=lambda name: -weights[name])


def _now_in_order(target: Value) -> None:
    """Tell that the parts of a target which takes over are no longer chosen by weight."""
    strategy, parts = target.get("strategy"), target.get("targets")
    balanced = _mode(target) == "loadbalance"
    if balanced and strategy is not None and (mode := strategy.get("mode")) is not None:
        mode.account.changed(mode.path, mode.data, "what takes over is tried in its order here, the heaviest first, "
                             "and not by weight", "make it the first target if the shares matter")  # fmt: skip
    for part in parts.each() if parts else ():
        weight = part.get("weight") if balanced else None
        if weight is not None and weight.number is not None and weight.number >= 0:
            weight.account.changed(weight.path, weight.data, "it says only who is tried first, and no share")
        _now_in_order(part)


def _retry(kit: Kit, root: Value) -> None:
    retry = root.get("retry")
    attempts = retry.get("attempts") if retry else None
    if retry is None or attempts is None or (again := attempts.number_from(0, whole=True)) is None:
        return
    kit.draft.limits["retry"] = Part({"tries": min(int(again) + 1, 10)}, [f"From retry, line {retry.line}."])
    attempts.became("limits.retry.tries")
    if again >= 10:
        kit.account.changed(attempts.path, attempts.data, "there are at most 10 tries")
    honoured = retry.get("use_retry_after_header", "useRetryAfterHeader")
    if honoured is not None and honoured.data is True:
        honoured.became("limits.retry")
