"""Finds conditions that have no answer, whatever is asked: an error of the language that only its running shows."""

from collections.abc import Iterator, Sequence

import orjson

from pipeline.policy.compile import Written
from pipeline.policy.conditions import compile_condition, known
from pipeline.policy.expression import Call, Const, Node, tree, walk
from pipeline.policy.problems import Problem

__all__ = ["unanswerable"]

_DIVISIONS = ("_/_", "_%_")
_MATCHES = "matches"


def unanswerable(written: Sequence[Written]) -> Iterator[Problem]:
    """A problem for every condition or score with a part that never has a value."""
    for entry in written:
        for node in walk(tree(entry.source, targets=entry.targets)):
            if (why := _never_has_a_value(node)) is not None:
                yield entry.problem(f"{why}, which never has a value; mend it")
                break


def _never_has_a_value(node: Node) -> str | None:
    match node:
        case Call(function, (_, Const(value=int() | float() as divisor))) if function in _DIVISIONS and divisor == 0:
            return "it divides by zero"
        case Call(function, (_, Const(value=str() as pattern))) if function == _MATCHES and not _compiles(pattern):
            return f"{orjson.dumps(pattern).decode()} is no regular expression (RE2)"
    return None


def _compiles(pattern: str) -> bool:
    """Asked of the engine itself: it has a dialect of its own."""
    condition = compile_condition(f'"".matches({orjson.dumps(pattern).decode()})', targets=False)
    return condition.ask(known({}, targets=False)) is not None
