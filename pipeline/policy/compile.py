"""Makes a policy out of a set that is right: compiles its conditions, lays experiments over tiers, takes the digest."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from pipeline.contracts import Json
from pipeline.policy.compiled import Policy
from pipeline.policy.compiled_parts import CompiledCover, CompiledRate, CompiledRoute, CompiledRule
from pipeline.policy.conditions import Condition, ConditionError, Score, compile_condition, compile_score
from pipeline.policy.facts import UNSTABLE, target_facts
from pipeline.policy.models import BudgetSpec, EscalationCap, Route, Variant
from pipeline.policy.problems import Path, Problem
from pipeline.policy.resolve import Located, PolicySet

__all__ = ["Compiled", "Written", "compiled", "policy_of"]


@dataclass(frozen=True, slots=True)
class Written:
    """A condition or score that compiles, and where it stands."""

    part: Located[object]
    below: Path
    source: str
    targets: bool = False

    def problem(self, text: str) -> Problem:
        """A problem of the whole of it."""
        return self.part.problem(text, *self.below)


@dataclass(slots=True)
class Compiled:
    """The conditions of a set, each beside the part it belongs to; `written` are all of them, scores too."""

    routes: list[tuple[Located[Route], Condition, Score | None]] = field(default_factory=list)
    rules: list[CompiledRule] = field(default_factory=list)
    covers: list[CompiledCover] = field(default_factory=list)
    rates: list[CompiledRate] = field(default_factory=list)
    written: list[Written] = field(default_factory=list)


def compiled(joined: PolicySet, problems: list[Problem]) -> Compiled:
    """Compile every condition; what cannot be compiled is a problem."""
    found = Compiled()
    compiler = _Compiler(problems, found.written)
    for route in joined.routes:
        condition = compiler.condition(route, route.spec.match, ("match",))
        score = None if route.spec.score is None else compiler.score(route, route.spec.score)
        if condition is not None:
            found.routes.append((route, condition, score))
    for file in joined.residency:
        for index, rule in enumerate(file.spec.rules):
            condition = compiler.stable(file, rule.when, ("rules", index, "when"), targets=True)
            if condition is not None:
                found.rules.append(CompiledRule(rule, condition))
    covers: list[Located[BudgetSpec] | Located[EscalationCap]] = [*joined.budgets, *joined.caps]
    for part in covers:
        if condition := compiler.stable(part, part.spec.match, ("match",)):
            found.covers.append(CompiledCover(part.spec, condition))
    for rate in joined.rates:
        if condition := compiler.stable(rate, rate.spec.match, ("match",)):
            found.rates.append(CompiledRate(rate.spec, condition))
    return found


class _Compiler:
    def __init__(self, problems: list[Problem], written: list[Written]) -> None:
        self._problems = problems
        self._written = written

    def condition(self, part: Located[object], text: str, below: Path, *, targets: bool = False) -> Condition | None:
        try:
            condition = compile_condition(text, targets=targets)
        except ConditionError as error:
            self._problems.append(part.inside(error.text, error.line, error.column, *below))
            return None
        self._written.append(Written(part, below, text, targets))
        return condition

    def stable(self, part: Located[object], text: str, below: Path, *, targets: bool = False) -> Condition | None:
        """A condition that has the same answer whenever a request is looked at again."""
        condition = self.condition(part, text, below, targets=targets)
        for name in sorted(UNSTABLE & set(condition.names)) if condition is not None else ():
            said = f"{name} changes while a request is served, so only routes may look at it"
            self._problems.append(part.problem(said, *below))
        return condition

    def score(self, part: Located[object], text: str) -> Score | None:
        try:
            score = compile_score(text)
        except ConditionError as error:
            self._problems.append(part.inside(error.text, error.line, error.column, "score"))
            return None
        self._written.append(Written(part, ("score",), text))
        return score


def policy_of(joined: PolicySet, found: Compiled) -> Policy:
    """The policy of a set without problems."""
    first = joined.route_files[0].spec
    return Policy(
        revision=_revision(joined),
        targets=joined.filled,
        variants=dict(_variants(joined)),
        routes=tuple(_route(joined, *entry) for entry in found.routes),
        residency=joined.residency[0].spec,
        residency_rules=tuple(found.rules),
        limits=joined.limits[0].spec,
        target_facts={name: target_facts(name, target) for name, target in joined.filled.items()},
        choose=first.choose,
        record_metadata=_record_metadata(joined),
        covering=tuple(found.covers),
        metered=tuple(found.rates),
        tenants={name: tenant.spec for name, tenant in joined.tenants.items()},
        experiments={experiment.spec.name: experiment.spec for experiment in joined.experiments},
        attached=dict(joined.attached),
        difficulty_file=_difficulty_file(joined),
    )


def _variants(joined: PolicySet) -> Iterator[tuple[str, Variant]]:
    for name, variant in joined.variants.items():
        prompt = joined.prompts.get(name)
        yield name, variant.spec if prompt is None else variant.spec.model_copy(update={"system": prompt})


def _route(joined: PolicySet, route: Located[Route], condition: Condition, score: Score | None) -> CompiledRoute:
    spec = route.spec
    running = {
        part.spec.tier: part.spec for part in joined.experiments if part.spec.running and part.spec.route == spec.name
    }
    tiers = tuple(
        tier.model_copy(update={"variants": running[index].variants}) if index in running else tier
        for index, tier in enumerate(spec.tiers)
    )
    names = tuple(running[index].name if index in running else None for index in range(len(tiers)))
    schema = joined.schemas.get(spec.response_schema_file) if spec.response_schema_file is not None else None
    curve = None if spec.accept.calibrator_file is None else joined.calibrators.get(spec.accept.calibrator_file)
    semantic = spec.cache.semantic
    guard = joined.guards.get(semantic.guard_file) if semantic is not None and semantic.guard_file is not None else None
    spec = spec.model_copy(update={"tiers": tiers}) if running else spec
    return CompiledRoute(spec, condition, score, names, schema, curve, guard)


def _record_metadata(joined: PolicySet) -> tuple[str, ...]:
    return tuple(dict.fromkeys(key for file in joined.route_files for key in file.spec.record_metadata))


def _difficulty_file(joined: PolicySet) -> str | None:
    named = (file.spec.difficulty_file for file in joined.route_files)
    return next((path for path in named if path is not None), None)


# ---------------------------------------------------------------- the revision


def _revision(joined: PolicySet) -> str:
    """The digest of what decides: examples and comments are left out, and so is what belongs to one machine.

    Addresses and keys count as written, with their variables, so that replicas that reach the same model by different
    ways agree and no secret is in it; the model counts as it was filled in, since another model gives other answers.
    Files beside the policies count with their bytes.
    """
    content: dict[str, Json] = {
        "targets": dict(_targets(joined)),
        "variants": _dumped(joined.variants),
        "choose": joined.route_files[0].spec.choose,
        "record_metadata": [*_record_metadata(joined)],
        "routes": [route.spec.model_dump(mode="json") for route in joined.routes],
        "residency": joined.residency[0].spec.model_dump(mode="json", exclude={"examples"}),
        "limits": joined.limits[0].spec.model_dump(mode="json"),
        "budgets": [part.spec.model_dump(mode="json") for part in joined.budgets],
        "escalations": [part.spec.model_dump(mode="json") for part in joined.caps],
        "tenants": _dumped(joined.tenants),
        "experiments": [part.spec.model_dump(mode="json") for part in joined.experiments],
        "difficulty_file": _difficulty_file(joined),
        "attached": {path: hashlib.sha256(body).hexdigest() for path, body in joined.attached.items()},
    }
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def _dumped(parts: Mapping[str, Located[Any]]) -> dict[str, Json]:
    return {name: part.spec.model_dump(mode="json") for name, part in parts.items()}


def _targets(joined: PolicySet) -> Iterator[tuple[str, Json]]:
    for name, target in joined.targets.items():
        content: dict[str, Json] = target.spec.model_dump(mode="json")
        content["capabilities"] = [*sorted(target.spec.capabilities)]
        content["passes"] = [*sorted(target.spec.passes)]
        yield name, {**content, "model": joined.filled[name].model}
