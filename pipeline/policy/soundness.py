"""Looks whether the parts of a policy set are right in themselves: sums, repeated names, keys that need each other."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from pipeline.policy.models import BUILTIN, BudgetSpec, EscalationCap, Rate, Route, Target, TierSpec, Variant
from pipeline.policy.problems import Problem
from pipeline.policy.resolve import Located, PolicySet

__all__ = ["unsound"]

_UNTIL_PLANNED: Final = frozenset({"variant", "target", "experiment"})
"""Scopes whose value is known at an attempt only."""


def unsound(joined: PolicySet) -> Iterator[Problem]:
    """A problem for everything that cannot be meant, whatever the names point at."""
    for route in joined.routes:
        yield from _route(route)
    yield from _route_files(joined)
    yield from _prompts(joined)
    yield from _adapters(joined.targets)
    yield from _batches(joined.targets)
    yield from _money(joined)
    yield from _experiments(joined)
    yield from _tenants(joined)
    yield from _limits(joined)


# ---------------------------------------------------------------- routes


def _route(route: Located[Route]) -> Iterator[Problem]:
    for index, tier in enumerate(route.spec.tiers):
        yield from _sum(route, tier.variants, "tier", "tiers", index, "variants")
        yield from _fallbacks(route, tier, index)
    yield from _twice(route, route.spec.only or (), "only")
    yield from _twice(route, route.spec.ignore, "ignore")
    yield from _twice(route, route.spec.regions, "regions")


def _sum(part: Located[object], weights: Mapping[str, float], what: str, *below: str | int) -> Iterator[Problem]:
    total = math.fsum(weights.values())
    if not math.isclose(total, 1.0, abs_tol=1e-6):
        article = "an" if what[0] in "aeiou" else "a"
        text = f"the weights of {article} {what} must sum to 1, these sum to {total:g}"
        yield part.problem(text, *below)


def _fallbacks(route: Located[Route], tier: TierSpec, index: int) -> Iterator[Problem]:
    """Where a tier has one variant that is ever chosen, that one cannot take over from itself."""
    own = [name for name, weight in tier.variants.items() if weight > 0]
    for at, name in enumerate(tier.fallbacks):
        if own == [name]:
            text = f"{name} is the tier's own variant, which has failed by then; name another one"
            yield route.problem(text, "tiers", index, "fallbacks", at)
    yield from _twice(route, tier.fallbacks, "tiers", index, "fallbacks")


def _route_files(joined: PolicySet) -> Iterator[Problem]:
    if not joined.route_files:
        return
    first = joined.route_files[0]
    named = [file for file in joined.route_files if file.spec.difficulty_file is not None]
    for file in joined.route_files[1:]:
        if file.spec.choose != first.spec.choose:
            text = f"{first.source.name} chooses {first.spec.choose}; all files of routes must choose in the same way"
            yield file.problem(text, "choose")
    for file in named[1:]:
        if file.spec.difficulty_file != named[0].spec.difficulty_file:
            yield file.problem(f"{named[0].source.name} names another one already; keep one", "difficulty_file")
    for route in joined.routes if first.spec.choose == "first" else ():
        if route.spec.score is not None:
            text = "a score counts only where the file says choose: scored; say so there, or leave the score out"
            yield route.problem(text, "score")


def _prompts(joined: PolicySet) -> Iterator[Problem]:
    for variant in joined.variants.values():
        if variant.spec.system is not None and variant.spec.system_file is not None:
            yield variant.problem("there is a text in system already; keep one of the two", "system_file")
        yield from _passed(variant, joined.targets.get(variant.spec.target))


def _passed(variant: Located[Variant], target: Located[Target] | None) -> Iterator[Problem]:
    """A field for the model's own API reaches it only where its target passes it."""
    if target is None:
        return
    for name in variant.spec.parameters.extra:
        if name not in target.spec.passes:
            text = f"target {variant.spec.target} does not pass {name}; add it to its passes, or leave it out"
            yield variant.problem(text, "parameters", "extra", name)


def _adapters(targets: Mapping[str, Located[Target]]) -> Iterator[Problem]:
    for name, target in targets.items():
        seen = [name]
        while (base := targets[seen[-1]].spec.adapter_of) is not None and base in targets:
            if base == name:
                text = f"{' is an adapter of '.join([*seen, name])}; a chain of adapters must end at a model"
                yield target.problem(text, "adapter_of")
            if base in seen:
                break
            seen.append(base)


def _batches(targets: Mapping[str, Located[Target]]) -> Iterator[Problem]:
    for target in targets.values():
        spec = target.spec
        if spec.batches is None:
            continue
        if spec.endpoint == BUILTIN or "embedding" in spec.capabilities:
            text = "only models that answer are called by a provider's batch, and no encoder; leave it out"
            yield target.problem(text, "batches")
        if spec.batches.spare >= spec.batches.least:
            text = f"must be shorter than least ({spec.batches.least:g} s), or no call has time to wait"
            yield target.problem(text, "batches", "spare")
        if spec.batches.max_wait <= spec.batches.gather:
            text = f"must be longer than gather ({spec.batches.gather:g} s), or every call is made by itself"
            yield target.problem(text, "batches", "max_wait")


# ---------------------------------------------------------------- money and limits


def _money(joined: PolicySet) -> Iterator[Problem]:
    parts: Sequence[Located[BudgetSpec] | Located[EscalationCap]] = [*joined.budgets, *joined.caps]
    yield from _repeated(parts, "budget or cap")
    for budget in joined.budgets:
        yield from _budget(budget)
    for cap in joined.caps:
        yield from _scopes(cap, "a cap counts requests, and so knows no {} yet; leave it out")
        yield from _twice(cap, cap.spec.by, "by")


def _budget(budget: Located[BudgetSpec]) -> Iterator[Problem]:
    spec = budget.spec
    yield from _twice(budget, spec.by, "by")
    yield from _twice(budget, spec.degrade_to, "degrade_to")
    if spec.action == "degrade" and spec.stages == "all" and not spec.degrade_to:
        yield budget.problem("name in degrade_to the variants that serve when nothing is left", "action")
    if spec.action != "degrade" and spec.degrade_to:
        yield budget.problem(
            f"degrade_to counts with action: degrade only, and this one says {spec.action}", "degrade_to"
        )
    if spec.action == "queue" and spec.per == "total":
        text = "a budget per total has no next window to wait for; take action: refuse, or another window"
        yield budget.problem(text, "action")


def _experiments(joined: PolicySet) -> Iterator[Problem]:
    yield from _repeated(joined.experiments, "experiment")
    running: dict[tuple[str, int], str] = {}
    for experiment in joined.experiments:
        spec = experiment.spec
        yield from _sum(experiment, spec.variants, "experiment", "variants")
        other = running.get((spec.route, spec.tier)) if spec.running else None
        if other is not None:
            text = f"the experiment {other} runs on tier {spec.tier} of {spec.route} already; stop one (running: false)"
            yield experiment.problem(text, "tier")
        elif spec.running:
            running[spec.route, spec.tier] = spec.name


def _tenants(joined: PolicySet) -> Iterator[Problem]:
    for tenant in joined.tenants.values():
        for name, other in tenant.spec.variants.items():
            if name == other:
                yield tenant.problem(f"{name} takes the place of itself; leave it out", "variants", name)
        yield from _twice(tenant, tenant.spec.only or (), "only")
        yield from _twice(tenant, tenant.spec.ignore, "ignore")
        yield from _twice(tenant, tenant.spec.regions, "regions")


def _limits(joined: PolicySet) -> Iterator[Problem]:
    yield from _repeated(joined.rates, "rate")
    for rate in joined.rates:
        yield from _scopes(rate, "a rate is counted before a model is chosen, and so knows no {} yet; leave it out")
        yield from _twice(rate, rate.spec.by, "by")
    for file in joined.limits:
        changes = file.spec.changes
        yield from _twice(file, changes.approvers, "changes", "approvers")
        if changes.approvers and len(changes.approvers) < changes.approvals:
            text = f"{changes.approvals} must approve, and {len(changes.approvers)} may; name more approvers"
            yield file.problem(text, "changes", "approvals")


def _scopes(part: Located[EscalationCap] | Located[Rate], text: str) -> Iterator[Problem]:
    for index, name in enumerate(part.spec.by):
        if name in _UNTIL_PLANNED:
            yield part.problem(text.format(name), "by", index)


# ---------------------------------------------------------------- names


def _repeated(
    parts: Sequence[Located[BudgetSpec] | Located[EscalationCap]] | Sequence[Located[Rate]] | Sequence[Located[object]],
    what: str,
) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for part in parts:
        name = str(getattr(part.spec, "name", ""))
        if name in seen:
            text = f"a {what} {name} stands in {seen[name]} already; give one of them another name"
            yield part.problem(text, "name")
        seen[name] = part.source.name


def _twice(part: Located[object], names: Iterable[str], *below: str | int) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            yield part.problem(f"{name} stands twice; keep one", *below, index)
        seen.add(name)
