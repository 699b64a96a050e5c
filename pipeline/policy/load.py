"""From a folder of files to a policy in force: parse, resolve, compile, try the examples. All of it or nothing."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from pipeline.contracts import Json
from pipeline.errors import PolicyInvalid
from pipeline.policy.compiled import CompiledRoute, CompiledRule, Policy
from pipeline.policy.conditions import Condition, ConditionError, compile_condition
from pipeline.policy.examples import failing_examples
from pipeline.policy.facts import target_facts
from pipeline.policy.gaps import gaps
from pipeline.policy.problems import Problem, refuse
from pipeline.policy.resolve import Located, PolicySet, resolve
from pipeline.policy.spelling import misspelt, unheard
from pipeline.policy.text import MAX_BYTES, SourceFile, read_text
from pipeline.policy.validate import AnyFile, validated

__all__ = ["MAX_FILES", "SUFFIXES", "Checked", "check_folder", "load_folder"]

MAX_FILES: Final = 64
SUFFIXES: Final = frozenset({".yaml", ".yml"})


@dataclass(frozen=True, slots=True)
class Checked:
    """What checking a folder found: the policy, if nothing is wrong, and what its owners should think about."""

    policy: Policy | None
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...] = ()


def load_folder(path: Path, environment: Mapping[str, str]) -> Policy:
    """Load every `*.yaml` in the folder (not below it), in the order of their names.

    Raises:
        PolicyInvalid: with one line for each problem, all of them at once.
    """
    policy, _, problems = _tried(path, environment)
    if policy is None:
        raise refuse(problems)
    return policy


def check_folder(path: Path, environment: Mapping[str, str]) -> Checked:
    """Like `load_folder`, but hand back problems and warnings instead of raising them.

    Raises:
        PolicyInvalid: there is no such folder, or no policy file in it.
    """
    policy, joined, problems = _tried(path, environment)
    return Checked(policy, problems, (*unheard(joined), *gaps(policy, joined)) if policy is not None else ())


def _tried(path: Path, environment: Mapping[str, str]) -> tuple[Policy | None, PolicySet, tuple[Problem, ...]]:
    """The policy whose own examples hold, or none and the problems in their order."""
    files, problems = _documents(path)
    complete = not problems
    joined = resolve(files, environment, complete=complete, folder=str(path))
    problems.extend(joined.problems)
    if complete:
        problems.extend(misspelt(joined))
    routes, rules = _compiled(joined, problems)
    policy = None if problems else _policy(joined, routes, rules)
    if policy is not None:
        problems.extend(failing_examples(policy, joined))
    return None if problems else policy, joined, _in_order(problems)


def _in_order(problems: list[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(set(problems)))


def _documents(path: Path) -> tuple[list[tuple[SourceFile, AnyFile]], list[Problem]]:
    files: list[tuple[SourceFile, AnyFile]] = []
    problems: list[Problem] = []
    for file in _names(path):
        source = read_text(str(file), _bytes(file))
        if source.problems:
            problems.extend(source.problems)
            continue
        document, wrong = validated(source)
        problems.extend(wrong)
        if document is not None:
            files.append((source, document))
    return files, problems


def _names(path: Path) -> list[Path]:
    if not path.is_dir():
        raise PolicyInvalid(f"{path}: there is no such folder; name one with policy files, or set STEPWELL_POLICIES")
    names = sorted(entry for entry in path.iterdir() if entry.suffix in SUFFIXES and entry.is_file())
    if not names:
        raise PolicyInvalid(f"{path}: there is no policy file (*.yaml) in this folder")
    if len(names) > MAX_FILES:
        raise PolicyInvalid(f"{path}: there are more than {MAX_FILES} policy files; join some")
    return names


def _bytes(file: Path) -> bytes:
    """At most one byte more than is taken, so that a huge file is refused without being read."""
    try:
        with file.open("rb") as opened:
            return opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise PolicyInvalid(f"{file}: the file cannot be read: {error.strerror}") from None


def _compiled(joined: PolicySet, problems: list[Problem]) -> tuple[list[CompiledRoute], list[CompiledRule]]:
    routes, rules = [], []
    for route in joined.routes:
        if condition := _condition(route, route.spec.match, ("match",), problems, targets=False):
            routes.append(CompiledRoute(route.spec, condition))
    for file in joined.residency:
        for index, rule in enumerate(file.spec.rules):
            if condition := _condition(file, rule.when, ("rules", index, "when"), problems, targets=True):
                rules.append(CompiledRule(rule, condition))
    return routes, rules


def _condition(
    part: Located[object], text: str, below: tuple[str | int, ...], problems: list[Problem], *, targets: bool
) -> Condition | None:
    try:
        return compile_condition(text, targets=targets)
    except ConditionError as error:
        problems.append(part.inside(error.text, error.line, error.column, *below))
        return None


def _policy(joined: PolicySet, routes: list[CompiledRoute], rules: list[CompiledRule]) -> Policy:
    return Policy(
        revision=_revision(joined),
        targets=joined.filled,
        variants={name: variant.spec for name, variant in joined.variants.items()},
        routes=tuple(routes),
        residency=joined.residency[0].spec,
        residency_rules=tuple(rules),
        limits=joined.limits[0].spec,
        target_facts={name: target_facts(name, target) for name, target in joined.filled.items()},
    )


def _revision(joined: PolicySet) -> str:
    """The digest of what decides: examples and comments are left out, and so is what belongs to one machine.

    Addresses and keys count as written, with their variables, so that replicas that reach the same model by different
    ways agree and no secret is in it; the model counts as it was filled in, since another model gives other answers.
    """
    content: dict[str, Json] = {
        "targets": dict(_targets(joined)),
        "variants": {name: variant.spec.model_dump(mode="json") for name, variant in joined.variants.items()},
        "routes": [route.spec.model_dump(mode="json") for route in joined.routes],
        "residency": joined.residency[0].spec.model_dump(mode="json", exclude={"examples"}),
        "limits": joined.limits[0].spec.model_dump(mode="json"),
    }
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def _targets(joined: PolicySet) -> Iterator[tuple[str, Json]]:
    for name, target in joined.targets.items():
        content: dict[str, Json] = target.spec.model_dump(mode="json")
        content["capabilities"] = [*sorted(target.spec.capabilities)]
        yield name, {**content, "model": joined.filled[name].model}
