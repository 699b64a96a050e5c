"""Conditions and scores of policies: CEL that is checked when the file is loaded and answered in microseconds.

The engine returns errors as values, and an error is a non-empty text, which Python takes for true. Therefore an
answer is `True` or `False` by identity, and anything else is None: no answer. Who asks decides what that means;
residency denies, a route does not match.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, TypeAlias

import cel_expr_python.cel as cel

from pipeline.policy.facts import REQUEST_FACTS, TARGET_FACTS, FactType
from pipeline.policy.problems import did_you_mean

__all__ = [
    "LARGEST_SCORE",
    "MAX_CHARACTERS",
    "Activation",
    "Condition",
    "ConditionError",
    "Score",
    "checked_form",
    "compile_condition",
    "compile_joined",
    "compile_score",
    "known",
]

MAX_CHARACTERS: Final = 4096
LARGEST_SCORE: Final = 1e9
"""A score beyond it, below zero or above, is none: it is more likely a mistake than a preference."""
Activation: TypeAlias = cel.Activation

_CHECKED: Final[Mapping[FactType, cel.Type]] = {
    "text": cel.Type.STRING,
    "text or null": cel.Type("google.protobuf.StringValue"),
    "boolean": cel.Type.BOOL,
    "integer": cel.Type.INT,
    "integer or null": cel.Type("google.protobuf.Int64Value"),
    "number": cel.Type.DOUBLE,
    "number or null": cel.Type("google.protobuf.DoubleValue"),
    "list": cel.Type.List(cel.Type.STRING),
    "map": cel.Type.Map(cel.Type.STRING, cel.Type.STRING),
}
_FAULT: Final = re.compile(r"<input>:(\d+):(\d+): (.*)")
_UNDECLARED: Final = re.compile(r"undeclared reference to '([^']*)'")
_SYNTAX: Final = "Syntax error: "
_EXPECTED: Final = re.compile(r" expecting (?:\{.*|<EOF>)$")
_ADVICE: Final = (
    (re.compile(r"^and\b", re.IGNORECASE), "here", "; write && for and"),
    (re.compile(r"^or\b", re.IGNORECASE), "here", "; write || for or"),
    (re.compile(r"\bnot\s*$", re.IGNORECASE), "before", "; write ! for not"),
    (re.compile(r"^(?:contains|has)\b", re.IGNORECASE), "here", '; write "x" in req.types for a list that holds x'),
    (re.compile(r"^=(?!=)"), "here", "; write == to compare"),
    (re.compile("^[\u2018\u2019\u201c\u201d]"), "here", "; write straight quotes"),
    (re.compile("^[\"']"), "here", "; the text has no closing quote"),
)
"""What stands at (or before) the place of a fault, and what to write instead."""
_WORD: Final = re.compile(r"\w+")
_HAS_FACT: Final = re.compile(r"\bhas\s*\(\s*((?:req|target)\s*\.\s*\w+)\s*\)")
_STRINGS: Final = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'")


class ConditionError(Exception):
    """A condition that cannot be compiled: why, and at which line and column of it (both from 1)."""

    def __init__(self, text: str, line: int = 1, column: int = 1) -> None:
        super().__init__(text)
        self.text = text
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled condition, and the facts that its text mentions: no others can change its answer."""

    source: str
    names: tuple[str, ...]
    _expression: cel.Expression

    def ask(self, activation: Activation) -> bool | None:
        """True, False, or None when there is no answer (a missing key, an index out of range, …)."""
        try:
            answer = self._expression.eval(activation).value()
        except (RuntimeError, TypeError, ValueError):
            # A fact that the engine cannot take, such as half a surrogate pair.
            return None
        return answer if answer is True or answer is False else None

    def why(self, activation: Activation) -> str | None:
        """Why it has no answer, as the engine says it, which may repeat facts; None where it has one."""
        if self.ask(activation) is not None:
            return None
        try:
            return str(self._expression.eval(activation).value())
        except (RuntimeError, TypeError, ValueError) as error:
            return str(error)


@dataclass(frozen=True, slots=True)
class Score:
    """A compiled score of a route, and the facts that its text mentions."""

    source: str
    names: tuple[str, ...]
    _expression: cel.Expression

    def ask(self, activation: Activation) -> float | None:
        """A finite number within ±`LARGEST_SCORE`, or None when there is no answer."""
        try:
            answer = self._expression.eval(activation).value()
        except (RuntimeError, TypeError, ValueError):
            return None
        if isinstance(answer, bool) or not isinstance(answer, int | float):
            return None
        return float(answer) if math.isfinite(answer) and abs(answer) <= LARGEST_SCORE else None


def known(facts: Mapping[str, object], *, targets: bool) -> Activation:
    """Facts in the form in which conditions take them; make one for a request (and target) and ask all with it."""
    return _environments(targets)[1].Activation(facts)


def compile_condition(source: str, *, targets: bool) -> Condition:
    """Check and compile a condition over `req.*`, with `targets` also over `target.*`.

    Raises:
        ConditionError: it is no expression, names an unknown fact, compares unlike things, or is not true or false.
    """
    checked, expression = _compile(source, targets=targets)
    if checked.return_type() != cel.Type.BOOL:
        raise ConditionError(f"the condition must be true or false; this is of type {checked.return_type().name()}")
    return Condition(source, _mentioned(source, _names(targets)), expression)


def compile_score(source: str) -> Score:
    """Check and compile a number over `req.*`. Raises `ConditionError`, also where it is no number."""
    checked, expression = _compile(source, targets=False)
    if checked.return_type() not in (cel.Type.INT, cel.Type.UINT, cel.Type.DOUBLE):
        raise ConditionError(f"a score must be a number; this is of type {checked.return_type().name()}")
    return Score(source, _mentioned(source, _names(targets=False)), expression)


def checked_form(source: str, *, targets: bool) -> bytes:
    """A condition that compiles, as the engine read it: a serialised `cel.expr.CheckedExpr` in an `Any`."""
    return bytes(_environments(targets)[0].compile(source).serialize())


def compile_joined(source: str, *, targets: bool) -> cel.Expression | None:
    """Compile what was put together out of conditions that compile; None where together they are too deep."""
    try:
        return _environments(targets)[1].compile(source)
    except RuntimeError:
        return None


def _compile(source: str, *, targets: bool) -> tuple[cel.Expression, cel.Expression]:
    """The expression to check the type of, and the one to evaluate."""
    if len(source) > MAX_CHARACTERS:
        raise ConditionError(f"the condition is longer than {MAX_CHARACTERS} characters")
    names = _names(targets)
    if pointless := _HAS_FACT.search(_STRINGS.sub(_blank, source)):
        raise ConditionError(f"{pointless[1]} is always there; compare it with null instead of has(…)")
    strict, lenient = _environments(targets)
    try:
        return strict.compile(source), lenient.compile(source)
    except RuntimeError as error:
        raise _fault(str(error), names, source) from None


def _names(targets: bool) -> Mapping[str, FactType]:
    return {**REQUEST_FACTS, **TARGET_FACTS} if targets else REQUEST_FACTS


@cache
def _environments(targets: bool) -> tuple[cel.Env, cel.Env]:
    """One environment to check with, and one to evaluate with: the engine's nullable text takes no Python str."""
    names = _names(targets)
    strict = {name: _CHECKED[kind] for name, kind in names.items()}
    lenient = {name: cel.Type.DYN if kind.endswith("or null") else strict[name] for name, kind in names.items()}
    return cel.NewEnv(variables=strict), cel.NewEnv(variables=lenient)


def _mentioned(source: str, names: Mapping[str, FactType]) -> tuple[str, ...]:
    """Facts whose last word occurs anywhere in the text. That may be too many and is never too few."""
    words = set(re.findall(r"\w+", source))
    return tuple(name for name in names if name.rsplit(".", 1)[-1] in words)


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _fault(message: str, names: Mapping[str, FactType], source: str) -> ConditionError:
    fault = _FAULT.search(message)
    if fault is None:
        return ConditionError("the condition cannot be compiled")
    line, column, text = int(fault[1]), int(fault[2]), fault[3].removesuffix(" [INVALID_ARGUMENT]")
    if unknown := _UNDECLARED.match(text):
        name = unknown[1]
        # The engine points at the dot; people look for the beginning of the name.
        column = max(1, column - name.rfind(".")) if "." in name else column
        return ConditionError(f"no such fact: {name}{did_you_mean(name, names)}", line, column)
    if text.startswith(_SYNTAX):
        return ConditionError(_no_cel(text.removeprefix(_SYNTAX), source, line, column), line, column)
    return ConditionError(f"{text}{_number_advice(text)}", line, column)


def _number_advice(said: str) -> str:
    """Whole numbers and others are not compared with each other in CEL."""
    return "; write 1.0 for a number with parts, 1 for a count" if {"int", "double"} <= set(_WORD.findall(said)) else ""


def _no_cel(said: str, source: str, line: int, column: int) -> str:
    """What the parser said, without its list of everything it would have taken, and what is usually meant."""
    if not source.strip():
        return "this is no CEL: it is empty; write true for what always holds"
    short = _EXPECTED.sub("", said).replace("'<EOF>'", "the end").replace("<EOF>", "the end")
    before, here = _around(source, line, column)
    advice = next(
        (text for pattern, where, text in _ADVICE if pattern.search(before if where == "before" else here)), ""
    )
    return f"this is no CEL: {short}{advice}"


def _around(source: str, line: int, column: int) -> tuple[str, str]:
    """The text of the line before the place, and from the place on."""
    lines = source.split("\n")
    text = lines[min(line, len(lines)) - 1]
    return text[: column - 1], text[column - 1 :]
