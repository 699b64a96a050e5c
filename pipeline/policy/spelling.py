"""Words in a policy that nothing answers to: types, classes, states and targets that are written in another way.

A protection that names what does not exist protects nothing. What is most likely a misspelling is refused; another
unknown word is warned about, since a recogniser of one's own may find types that are not known here.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from pipeline.policy.kinds import EVERY, KINDS_OF_DATA
from pipeline.policy.literals import compared
from pipeline.policy.logic import CLOSED
from pipeline.policy.models import Given, ResidencyFile
from pipeline.policy.problems import Path, Problem, did_you_mean
from pipeline.policy.resolve import Located, PolicySet
from pipeline.policy.words import nearest

__all__ = ["misspelt", "types_known", "unheard"]

Known = Mapping[str, frozenset[str]]
_TYPES: Final = "req.types"
_CODES: Final = frozenset({"req.origin", "target.jurisdiction"})
"""Facts that a rule may well compare with what no target has: `target.jurisdiction != "EU"` where all are elsewhere."""
_CODE: Final = re.compile(r"[A-Z]{2,8}")


class _Doubt(NamedTuple):
    """A word that nothing answers to, the word that was likely meant, and the place."""

    meant: str | None
    problem: Problem


def types_known(spec: ResidencyFile) -> frozenset[str]:
    """Types that the scan finds, and those that the file gives a class or a meaning, for recognisers of one's own."""
    named = (kind for kinds in (*spec.classes.values(), *spec.special.values()) for kind in kinds)
    return KINDS_OF_DATA | frozenset(named)


def misspelt(joined: PolicySet) -> Iterator[Problem]:
    """Words that are nearly those that were meant."""
    yield from (doubt.problem for doubt in _doubts(joined) if doubt.meant is not None)


def unheard(joined: PolicySet) -> Iterator[Problem]:
    """Warnings: other words that nothing here answers to."""
    yield from (doubt.problem for doubt in _doubts(joined) if doubt.meant is None)


def _doubts(joined: PolicySet) -> Iterator[_Doubt]:
    for file in joined.residency:
        known = _known(joined, file.spec)
        yield from _types(file)
        for index, rule in enumerate(file.spec.rules):
            yield from _literals(file, rule.when, ("rules", index, "when"), known)
        for index, example in enumerate(file.spec.examples):
            yield from _special(file, example.given, index, known)
    for route in joined.routes if joined.residency else ():
        yield from _literals(route, route.spec.match, ("match",), _known(joined, joined.residency[0].spec))


def _known(joined: PolicySet, spec: ResidencyFile) -> Known:
    """The values that a fact can have here, for the facts of which that is known."""
    targets = {name: target.spec for name, target in joined.targets.items()}
    return {
        **CLOSED,
        _TYPES: types_known(spec),
        "req.special": frozenset(spec.special),
        "target.name": frozenset(targets),
        "target.provider": frozenset(target.provider for target in targets.values()),
        "target.region": frozenset(target.region for target in targets.values()),
    }


def _types(file: Located[ResidencyFile]) -> Iterator[_Doubt]:
    named = types_known(file.spec)
    for path, kind in _types_in(file.spec):
        gives_meaning = path[0] in ("classes", "special")
        if kind in KINDS_OF_DATA or kind in ("default", EVERY) or (kind in named and not gives_meaning):
            continue
        meant = nearest(kind, KINDS_OF_DATA)
        yield _Doubt(meant, file.problem(_of_type(kind, meant), *path))


def _of_type(kind: str, meant: str | None) -> str:
    if meant is not None:
        return f"no such type: {kind} (did you mean {meant}?)"
    return (
        f"the scan itself finds no {kind}{_hint(kind, KINDS_OF_DATA)}; it counts where a recogniser of yours finds it"
    )


def _types_in(spec: ResidencyFile) -> Iterator[tuple[Path, str]]:
    for section in ("classes", "special"):
        for name, kinds in getattr(spec, section).items():
            yield from (((section, name, at), kind) for at, kind in enumerate(kinds))
    yield from ((("thresholds", kind), kind) for kind in spec.thresholds)
    yield from ((("output", "mask", at), kind) for at, kind in enumerate(spec.output.mask))
    for index, rule in enumerate(spec.rules):
        yield from ((("rules", index, "types", at), kind) for at, kind in enumerate(rule.types or ()))
    for index, example in enumerate(spec.examples):
        yield from ((("examples", index, "given", "types", at), kind) for at, kind in enumerate(example.given.types))


def _special(file: Located[ResidencyFile], given: Given, index: int, known: Known) -> Iterator[_Doubt]:
    for at, name in enumerate(given.special):
        if name not in known["req.special"]:
            meant = nearest(name, known["req.special"])
            text = f"nothing is special under the name {name}{_hint(name, known['req.special'])}"
            yield _Doubt(meant, file.problem(text, "examples", index, "given", "special", at))


def _literals(part: Located[object], source: str, below: Path, known: Known) -> Iterator[_Doubt]:
    for found in compared(source):
        if found.fact in _CODES and not _CODE.fullmatch(found.text):
            text = f'{found.fact} is never "{found.text}": it is two to eight capital letters, such as EU'
            yield _Doubt(found.text.upper(), part.inside(text, found.line, found.column, *below))
        values = known.get(found.fact)
        if values is None or found.text in values or "\\" in found.text:
            continue
        meant = nearest(found.text, values)
        text = _of_literal(found.fact, found.text, meant, values)
        yield _Doubt(meant, part.inside(text, found.line, found.column, *below))


def _of_literal(fact: str, text: str, meant: str | None, values: frozenset[str]) -> str:
    if fact == _TYPES:
        return _of_type(text, meant)
    hint = f" (did you mean {meant}?)" if meant is not None else _hint(text, values)
    return f'{fact} is never "{text}" here{hint}'


def _hint(word: str, known: frozenset[str]) -> str:
    return did_you_mean(word, known)
