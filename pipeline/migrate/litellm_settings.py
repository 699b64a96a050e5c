"""The settings of a LiteLLM proxy that are not about one deployment: limits, budgets, fallbacks, the cache."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from pipeline.migrate.account import Value
from pipeline.migrate.draft import Part
from pipeline.migrate.kit import Kit

__all__ = ["Common", "budgets", "settings"]

Choose = Literal["weights", "cost", "latency"]
_STRATEGIES: Final[dict[str, Choose]] = {
    "simple-shuffle": "weights",
    "latency-based-routing": "latency",
    "cost-based-routing": "cost",
}
_DURATION: Final = re.compile(r"(\d+)(s|m|h|d|w|mo|y)")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "mo": 2_592_000, "y": 31_536_000}
_WINDOWS: Final = (("minute", 60), ("hour", 3600), ("day", 86_400), ("week", 604_800), ("month", 2_678_400))
_BUDGETS: Final = (
    ("max_budget", "budget_duration", "everything", ()),
    ("max_internal_user_budget", "internal_user_budget_duration", "each-key", ("key",)),
    ("max_end_user_budget", "end_user_budget_duration", "each-user", ("tenant", "user")),
)


@dataclass(slots=True)
class Common:
    """What holds for all groups."""

    total: float | None = None
    choose: Choose = "weights"
    cache: dict[str, object] = field(default_factory=lambda: {"enabled": False})
    fallbacks: dict[str, list[Value]] = field(default_factory=dict)
    too_long: dict[str, list[Value]] = field(default_factory=dict)
    default_fallbacks: list[Value] = field(default_factory=list)
    aliases: dict[str, tuple[Value, str]] = field(default_factory=dict)
    default_model: Value | None = None

    def where(self, group: str) -> Value | None:
        """Where the fallbacks of a group are written."""
        return next(iter(self.fallbacks.get(group, self.default_fallbacks)), None)


def settings(kit: Kit, root: Value) -> Common:
    """Read the sections beside the list of models. The router's own settings go before those of the library."""
    common = Common()
    router, library, general = (root.get(name) for name in ("router_settings", "litellm_settings", "general_settings"))
    sections = [section for section in (router, library) if section is not None]
    _limits(kit, common, sections)
    _strategy(common, router)
    for section in sections:
        _fallbacks(common, section)
    if router is not None:
        _aliases(common, router)
        _checks(router)
    if library is not None:
        _cache(common, library)
    common.default_model = general.get("completion_model") if general else None
    return common


def _limits(kit: Kit, common: Common, sections: list[Value]) -> None:
    tries = _first(sections, "num_retries")
    again = None if tries is None else tries.number_from(0, whole=True)
    if tries is not None and again is not None:
        kept = min(int(again) + 1, 10)
        kit.draft.limits["retry"] = Part({"tries": kept}, [f"From num_retries, line {tries.line}: tries in all."])
        tries.became("limits.retry.tries")
        if kept <= again:
            kit.account.changed(tries.path, tries.data, "there are at most 10 tries")
    total = _first(sections, "timeout", "request_timeout")
    if total is not None and (seconds := total.number_from(0, above=True)) is not None:
        common.total = seconds
        total.became("targets")
    _breaker(kit, sections)


def _breaker(kit: Kit, sections: list[Value]) -> None:
    spec: dict[str, object] = {}
    fails = _first(sections, "allowed_fails")
    if fails is not None and (number := fails.number_from(0, whole=True)) is not None:
        spec["streak"] = int(number) + 1
        fails.changed(
            "limits.breaker.streak", "a target is left alone after so many failures in a row, not in a minute"
        )
    cooldown = _first(sections, "cooldown_time")
    if cooldown is not None and (seconds := cooldown.number_from(0, above=True)) is not None:
        spec["open"] = seconds
        spec["open_cap"] = max(120.0, seconds)
        cooldown.changed("limits.breaker.open", "it doubles each time the target fails again")
    if spec:
        kit.draft.limits["breaker"] = Part(spec, ["From allowed_fails and cooldown_time."])


def _first(sections: list[Value], *names: str) -> Value | None:
    """The value that counts; those it goes before are told."""
    found = [value for section in sections for name in names if (value := section.get(name)) is not None]
    for other in found[1:]:
        other.left(f"line {found[0].line} says it before", "nothing to do")
    return found[0] if found else None


def _strategy(common: Common, router: Value | None) -> None:
    value = router.get("routing_strategy") if router else None
    if value is None:
        return
    known = _STRATEGIES.get(value.text or "")
    if known is None:
        value.left("variants are chosen by weight, cost, latency, a balance of both, or affinity, and not by usage",
                   "weights are used; set `choose` of the tiers in routes.yaml")  # fmt: skip
        return
    common.choose = known
    value.became("routes")


def _fallbacks(common: Common, section: Value) -> None:
    for key, into in (("fallbacks", common.fallbacks), ("context_window_fallbacks", common.too_long)):
        for group, value in _pairs(section.get(key)):
            if group in into:
                value.left("the fallbacks of this model are named before", "nothing to do")
            else:
                into[group] = list(value.each())
                _empty(value)
    for group, value in _pairs(section.get("content_policy_fallbacks")):
        value.left(f"an answer that a provider's filter kept back is not asked for elsewhere (model {group})",
                   "nothing like it; the caller is told the finish reason")  # fmt: skip
    default = section.get("default_fallbacks")
    if default is not None and common.default_fallbacks:
        default.left("default fallbacks are named before", "nothing to do")
    elif default is not None:
        common.default_fallbacks = list(default.each())
        _empty(default)


def _empty(value: Value) -> None:
    """A list of nothing means what it says."""
    if value.data == []:
        value.became("routes")


def _pairs(value: Value | None) -> Iterator[tuple[str, Value]]:
    """`[{a: [b]}, {c: [d]}]`, or the same as one mapping."""
    if value is None:
        return
    for name, item in value.items():
        yield name, item
    for each in value.each():
        for name, item in each.items():
            yield name, item


def _aliases(common: Common, router: Value) -> None:
    aliases = router.get("model_group_alias")
    for alias, value in aliases.items() if aliases else ():
        target = value if value.text is not None else value.get("model")
        if target is None or target.text is None:
            value.left("it names no model", "name one")
            continue
        common.aliases[alias] = (target, target.text)
        hidden = value.get("hidden")
        if hidden is not None and hidden.data is False:
            hidden.became("routes")
        elif hidden is not None:
            hidden.left("a route is always listed among the models", "nothing to do")


def _checks(router: Value) -> None:
    """Settings that say what is always so here."""
    for name in ("enable_pre_call_checks", "enable_pre_call_check"):
        value = router.get(name)
        if value is not None and value.data is True:
            value.became("targets")
        elif value is not None:
            value.left("what does not fit into a window is never sent", "nothing to do")


def _cache(common: Common, library: Value) -> None:
    value, params = library.get("cache"), library.get("cache_params")
    if value is None:
        return
    on = value.data is True
    value.became("routes")
    mode = params.get("mode") if params else None
    if on and mode is not None and mode.text == "default_off":
        mode.left("callers cannot ask for a cache that is off", "set cache.enabled of the routes")
        on = False
    kind = params.get("type") if params else None
    if on and kind is not None and "semantic" in (kind.text or ""):
        kind.left("only answers to the very same question are remembered", "nothing to do")
    common.cache["enabled"] = on
    ttl = params.get("ttl") if params else None
    if ttl is not None and (seconds := ttl.number_from(0, above=True)) is not None:
        common.cache["ttl"] = seconds
        ttl.became("routes")


def budgets(kit: Kit, root: Value) -> None:
    """Make the budgets, once the targets are known: in money nothing can be counted where no price is known."""
    library = root.get("litellm_settings")
    if library is None:
        return
    if all("price" not in part.spec for part in kit.draft.targets.values()):
        _without_prices(library)
        return
    for key, duration_key, name, by in _BUDGETS:
        value, duration = library.get(key), library.get(duration_key)
        if value is None or (most := value.number_from(0)) is None:
            continue
        window = _window(kit, duration, f"budgets.{name}.per")
        before = [f"From {key}, line {value.line}."]
        spec: dict[str, object] = {"name": name, "by": list(by), "per": window, "limit": {"usd": most}}
        kit.draft.budgets.append(Part({**spec, "action": "refuse"}, before))
        value.became(f"budgets.{name}.limit.usd")
        if name == "each-key":
            kit.account.changed(value.path, value.data, "it holds for each key of a caller", "name the tenants instead")


def _without_prices(library: Value) -> None:
    """With no price at all a budget in money would stop every request."""
    for value in filter(None, (library.get(key) for names in _BUDGETS for key in (names[0], names[1]))):
        value.left("no target has a price, and a budget in money refuses what has none",
                   "add prices in models.yaml, and then the budget in budgets.yaml")  # fmt: skip


def _window(kit: Kit, value: Value | None, place: str) -> str:
    """The window of the calendar; for what is none, the next longer one: no more is spent than before."""
    if value is None:
        return "total"
    found = _DURATION.fullmatch(value.text or "")
    if found is None:
        value.left("it is no duration", "the budget never starts anew; write `per` yourself")
        return "total"
    wanted = int(found[1]) * _SECONDS[found[2]]
    window = next((name for name, seconds in _WINDOWS if wanted <= seconds), "total")
    value.became(place)
    exact = {"1m", "60s", "1h", "60m", "1d", "24h", "7d", "1w", "1mo", "30d", "31d"}
    if value.text not in exact:
        kit.account.changed(value.path, value.data, f"windows are those of the calendar: it counts for a {window}, "
                            "which is no shorter", "change the limit in budgets.yaml")  # fmt: skip
    return window
