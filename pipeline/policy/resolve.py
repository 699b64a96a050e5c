"""Puts the files of a policy set together, and fills in what comes from the environment."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Generic, TypeVar

from pipeline.contracts import Json, JsonObject
from pipeline.policy.calibration import Calibrator
from pipeline.policy.guards import Guard
from pipeline.policy.keys import is_a_key, query_of
from pipeline.policy.models import (
    BUILTIN,
    BudgetsFile,
    BudgetSpec,
    EscalationCap,
    ExperimentsFile,
    ExperimentSpec,
    LimitsFile,
    ModelsFile,
    Rate,
    ResidencyFile,
    Route,
    RoutesFile,
    Target,
    TenantsFile,
    TenantSpec,
    Variant,
)
from pipeline.policy.problems import Path, Place, Problem
from pipeline.policy.text import SourceFile
from pipeline.policy.validate import AnyFile

__all__ = ["Located", "PolicySet", "resolve"]

T = TypeVar("T")
Part = TypeVar("Part", covariant=True)
_RESERVED: Final = frozenset({"auto"})
_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_SECRET: Final = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")
_NO_KEY: Final = "a key does not belong into a file; write ${NAME} and set NAME where it runs"
_USERINFO: Final = re.compile(r"://[^/@]*@")


@dataclass(frozen=True, slots=True)
class Located(Generic[Part]):
    """A part of a policy and where it was written."""

    spec: Part
    source: SourceFile
    path: Path

    def problem(self, text: str, *below: str | int) -> Problem:
        """A problem at this part, or at something below it."""
        return self.source.problem((*self.path, *below), text)

    def inside(self, text: str, line: int, column: int, *below: str | int) -> Problem:
        """A problem at a line and column of a one-line text below; of block texts, where they begin."""
        whole = self.problem(text, *below)
        style = self.source.styles.get((*self.path, *below))
        if line > 1 or style in ("|", ">"):
            return whole
        return replace(whole, place=Place(whole.place.line, whole.place.column + column - 1 + (style is not None)))


@dataclass(slots=True)
class PolicySet:
    """The parts of all files together.

    Attributes:
        filled: the targets with their variables filled in.
        attached: the files that are named, by path; `prompts` (by variant), `schemas`, `calibrators` and `guards`
            (by path) as they were read.
    """

    targets: dict[str, Located[Target]] = field(default_factory=dict)
    variants: dict[str, Located[Variant]] = field(default_factory=dict)
    routes: list[Located[Route]] = field(default_factory=list)
    route_files: list[Located[RoutesFile]] = field(default_factory=list)
    residency: list[Located[ResidencyFile]] = field(default_factory=list)
    limits: list[Located[LimitsFile]] = field(default_factory=list)
    rates: list[Located[Rate]] = field(default_factory=list)
    budget_files: list[Located[BudgetsFile]] = field(default_factory=list)
    budgets: list[Located[BudgetSpec]] = field(default_factory=list)
    caps: list[Located[EscalationCap]] = field(default_factory=list)
    tenant_files: list[Located[TenantsFile]] = field(default_factory=list)
    tenants: dict[str, Located[TenantSpec]] = field(default_factory=dict)
    experiments: list[Located[ExperimentSpec]] = field(default_factory=list)
    attached: dict[str, bytes] = field(default_factory=dict)
    prompts: dict[str, str] = field(default_factory=dict)
    schemas: dict[str, JsonObject] = field(default_factory=dict)
    calibrators: dict[str, Calibrator] = field(default_factory=dict)
    guards: dict[str, Guard] = field(default_factory=dict)
    filled: dict[str, Target] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    @property
    def absent(self) -> tuple[str, ...]:
        """The kinds of files that every set has, and this one has not."""
        needed = {"Models": self.targets, "Routes": self.routes, "Residency": self.residency, "Limits": self.limits}
        return tuple(kind for kind, found in needed.items() if not found)


def resolve(
    files: list[tuple[SourceFile, AnyFile]], environment: Mapping[str, str], *, complete: bool, folder: str
) -> PolicySet:
    """Join the files and collect every problem between them that is not about names (see `names`).

    Args:
        files: the documents that are right in themselves.
        environment: where `${NAME}` is looked up.
        complete: whether that is all files; if not, names that are missing may stand in a broken one.
        folder: name of the folder, for problems that belong to no file.
    """
    joined = PolicySet()
    for source, document in files:
        _join(joined, source, document)
    _fill(joined, environment)
    if complete:
        joined.problems.extend(_absent(joined, folder))
    return joined


def _join(joined: PolicySet, source: SourceFile, document: AnyFile) -> None:
    match document:
        case ModelsFile():
            _add(joined, joined.targets, document.targets, source, "targets")
            _add(joined, joined.variants, document.variants, source, "variants")
        case RoutesFile():
            joined.route_files.append(Located(document, source, ()))
            _add_routes(joined, source, document)
        case ResidencyFile():
            joined.residency.append(Located(document, source, ()))
            joined.problems.extend(_repeated_rules(joined.residency[-1]))
        case LimitsFile():
            joined.limits.append(Located(document, source, ()))
            joined.rates.extend(_each(document.rates, source, "rates"))
        case BudgetsFile():
            joined.budget_files.append(Located(document, source, ()))
            joined.budgets.extend(_each(document.budgets, source, "budgets"))
            joined.caps.extend(_each(document.escalations, source, "escalations"))
        case TenantsFile():
            joined.tenant_files.append(Located(document, source, ()))
            _add(joined, joined.tenants, document.tenants, source, "tenants")
        case ExperimentsFile():
            joined.experiments.extend(_each(document.experiments, source, "experiments"))


def _each(parts: tuple[T, ...], source: SourceFile, section: str) -> Iterator[Located[T]]:
    return (Located(part, source, (section, index)) for index, part in enumerate(parts))


def _add(
    joined: PolicySet, known: dict[str, Located[T]], more: Mapping[str, T], source: SourceFile, section: str
) -> None:
    for name, spec in more.items():
        if name in known:
            first = known[name].source.name
            text = f"{name} is defined in {first} already; give one of them another name"
            joined.problems.append(source.problem((section, name), text, key=True))
        else:
            known[name] = Located(spec, source, (section, name))


def _add_routes(joined: PolicySet, source: SourceFile, document: RoutesFile) -> None:
    names = {route.spec.name: route.source.name for route in joined.routes}
    for index, spec in enumerate(document.routes):
        route = Located(spec, source, ("routes", index))
        if spec.name in _RESERVED:
            joined.problems.append(route.problem(f"{spec.name} means 'choose for me'; take another name", "name"))
        if spec.name in names:
            text = f"a route {spec.name} stands in {names[spec.name]} already; give one of them another name"
            joined.problems.append(route.problem(text, "name"))
        names[spec.name] = source.name
        joined.routes.append(route)


def _repeated_rules(file: Located[ResidencyFile]) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, rule in enumerate(file.spec.rules):
        if rule.id in seen:
            yield file.problem(f"the id {rule.id} stands twice; records name rules by it", "rules", index, "id")
        seen.add(rule.id)


def _absent(joined: PolicySet, folder: str) -> Iterator[Problem]:
    nowhere = SourceFile(folder)
    for kind in joined.absent:
        yield nowhere.problem((), f"there is no file of kind {kind}; add one")
    single: dict[str, Sequence[Located[object]]] = {
        "Residency": joined.residency,
        "Limits": joined.limits,
        "Tenants": joined.tenant_files,
    }
    for kind, files in single.items():
        for file in files[1:]:
            yield file.problem(f"there is a second file of kind {kind}; keep one", "kind")


def _fill(joined: PolicySet, environment: Mapping[str, str]) -> None:
    """Fill variables in. Values from the environment are never repeated in a problem: they may be secrets."""
    for name, target in joined.targets.items():
        filled: dict[str, str] = {}
        for key in ("endpoint", "model", "api_key"):
            text = getattr(target.spec, key)
            if text is None:
                continue
            filled[key], missing = _substitute(text, environment)
            for variable in missing:
                hint = f"export {variable}=… where it runs" if _is_key(key, text, variable) else _or_default(variable)
                joined.problems.append(target.problem(f"the variable {variable} is not set; {hint}", key))
        joined.problems.extend(_indiscreet(target, filled.get("endpoint", "")))
        extra = {key: _filled_in(joined, target, environment, value, key) for key, value in target.spec.extra.items()}
        joined.filled[name] = target.spec.model_copy(update={**filled, "extra": extra})


def _filled_in(
    joined: PolicySet, target: Located[Target], environment: Mapping[str, str], value: Json, *below: str | int
) -> Json:
    """A value of `extra`; a text that is one variable as a whole is filled in, and a key must be one."""
    if isinstance(value, dict):
        return {key: _filled_in(joined, target, environment, inner, *below, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled_in(joined, target, environment, inner, *below, at) for at, inner in enumerate(value)]
    if is_a_key(next((str(name) for name in reversed(below) if isinstance(name, str)), ""), value):
        joined.problems.append(target.problem(_NO_KEY, "extra", *below))
    elif isinstance(value, str) and _SECRET.fullmatch(value):
        text, missing = _substitute(value, environment)
        for variable in missing:
            said = f"the variable {variable} is not set; export {variable}=… where it runs"
            joined.problems.append(target.problem(said, "extra", *below))
        return text
    return value


def _is_key(key: str, text: str, variable: str) -> bool:
    """Whether the variable stands for a key, which has no default."""
    return key == "api_key" or (key == "endpoint" and f"${{{variable}}}" in text.partition("?")[2])


def _or_default(variable: str) -> str:
    return f"set it, or write ${{{variable}:-default}}"


def _substitute(text: str, environment: Mapping[str, str]) -> tuple[str, list[str]]:
    missing: list[str] = []

    def value(match: re.Match[str]) -> str:
        found = environment.get(match[1]) or match[2]
        if found is None:
            missing.append(match[1])
        return found or ""

    return _VARIABLE.sub(value, text), missing


def _indiscreet(target: Located[Target], endpoint: str) -> Iterator[Problem]:
    if target.spec.api_key is not None and not _SECRET.fullmatch(target.spec.api_key):
        yield target.problem(_NO_KEY, "api_key")
    for name, value in query_of(target.spec.endpoint):
        if is_a_key(name, value):
            yield target.inside(_NO_KEY, 1, target.spec.endpoint.index(f"{name}={value}") + len(name) + 2, "endpoint")
    if _USERINFO.search(endpoint):
        yield target.problem("a password does not belong into an address; use api_key", "endpoint")
    elif endpoint and endpoint != BUILTIN and not endpoint.startswith(("http://", "https://")):
        yield target.problem(f"the address must begin with http:// or https://, or be {BUILTIN}", "endpoint")
