"""Many conditions asked at once.

A call into the engine costs much more than what it works out. So conditions are put together into one expression whose
number has a bit for each condition that is true, `(a ? 1 : 0) + (b ? 2 : 0) + …`, and fifty of them cost about six
times as much as one. An error of one is an error of the whole; then each half is asked, down to the one condition that
has no answer. Conditions over facts that hardly ever repeat (counts, clocks, metadata) are asked anew each time; what
the others said is remembered by the facts that they mention. The memory is bounded and changes no answer.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

import cel_expr_python.cel as cel

from pipeline.policy.conditions import Activation, Condition, compile_joined, known

__all__ = ["REMEMBERED", "Answers", "Asked", "FactsOf", "Questions", "bits", "mentioned"]

REMEMBERED: Final = 2048
"""Combinations of facts whose answers are kept; when there are more, all are forgotten."""
_MOST: Final = 60
"""Conditions in one number: its 63 bits hold them."""
_VARIED: Final = frozenset(
    {
        "req.message_count", "req.turns", "req.characters", "req.tokens", "req.max_tokens", "req.complexity",
        "req.difficulty", "req.budget_left", "req.deadline_left_ms", "req.metadata",
    }
)  # fmt: skip
_CONSTANT: Final = {"true": True, "false": False}


class FactsOf(Protocol):
    """The facts of a request; only those that are named are looked at."""

    def some(self, names: Iterable[str]) -> Mapping[str, object]:
        """The named facts, as conditions take them."""
        ...

    def key(self, names: Iterable[str]) -> tuple[object, ...]:
        """The named facts as something hashable."""
        ...


class Answers(NamedTuple):
    """Which conditions are true, and which have no answer: a bit for each, the first is the lowest."""

    true: int
    silent: int


_NONE: Final = Answers(0, 0)


@dataclass(frozen=True, slots=True)
class _Joined:
    """Conditions as one expression; None where together they are too deep. Its halves are for when it has no answer.

    `bits`: for each condition, its bit among all of the questions.
    """

    bits: tuple[int, ...]
    alone: Condition | None
    expression: cel.Expression | None = None
    halves: tuple["_Joined", ...] = ()

    def ask(self, activation: Activation) -> Answers:
        if self.alone is not None:
            answer = self.alone.ask(activation)
            return Answers(self.bits[0] if answer is True else 0, self.bits[0] if answer is None else 0)
        number = self._together(activation)
        if number is not None:
            return Answers(sum(self.bits[at] for at in bits(number)), 0) if number else _NONE
        return _both(half.ask(activation) for half in self.halves)

    def _together(self, activation: Activation) -> int | None:
        if self.expression is None:
            return None
        try:
            answer = self.expression.eval(activation).value()
        except (RuntimeError, TypeError, ValueError):
            return None
        return answer if isinstance(answer, int) else None


@dataclass(frozen=True, slots=True)
class _Part:
    """Conditions that are asked together, and the facts that they mention."""

    names: tuple[str, ...]
    joined: tuple[_Joined, ...]

    def ask(self, activation: Activation) -> Answers:
        return _both(joined.ask(activation) for joined in self.joined)


class Questions:
    """Conditions in their order; what is `true` or `false` in itself is never asked."""

    def __init__(self, conditions: Sequence[Condition], *, targets: bool = False) -> None:
        """Put the conditions together. `targets`: they may speak of a target too."""
        self.targets = targets
        self.names = mentioned(conditions)
        asked = [(at, condition) for at, condition in enumerate(conditions) if _constant(condition) is None]
        self.certain = sum(1 << at for at, condition in enumerate(conditions) if _constant(condition))
        self.steady = _part([entry for entry in asked if _VARIED.isdisjoint(entry[1].names)], targets)
        self.varied = _part([entry for entry in asked if not _VARIED.isdisjoint(entry[1].names)], targets)

    @property
    def repeats(self) -> bool:
        """Whether no condition looks at facts that hardly ever repeat."""
        return not self.varied.joined


class Asked:
    """Questions about requests at one target, or about requests alone."""

    def __init__(
        self, questions: Questions, target: Mapping[str, object] | None = None, *, remembers: bool = True
    ) -> None:
        """Ask with these facts of a target; without one where the questions speak of none.

        `remembers`: whether answers are remembered here; not where the asker remembers what follows from them.
        """
        self._questions = questions
        self._remembers = remembers
        self._target = dict(target or {})
        self._memory: dict[tuple[object, ...], Answers] = {}
        self._steady_names = _of_request(questions.steady.names)
        self._varied_names = _of_request(questions.varied.names)
        self._certain = None if questions.steady.joined or questions.varied.joined else Answers(questions.certain, 0)

    def ask(self, facts: FactsOf) -> Answers:
        """The answers about a request of these facts."""
        if self._certain is not None:
            return self._certain
        questions = self._questions
        true, silent = questions.certain, 0
        if questions.steady.joined:
            found = self._remembered(facts)
            true, silent = true | found.true, silent | found.silent
        if questions.varied.joined:
            found = questions.varied.ask(self._known(facts, self._varied_names))
            true, silent = true | found.true, silent | found.silent
        return Answers(true, silent)

    def forget(self) -> None:
        """Empty the memory."""
        self._memory.clear()

    def _remembered(self, facts: FactsOf) -> Answers:
        if not self._remembers:
            return self._questions.steady.ask(self._known(facts, self._steady_names))
        key = facts.key(self._steady_names)
        found = self._memory.get(key)
        if found is None:
            found = self._questions.steady.ask(self._known(facts, self._steady_names))
            if len(self._memory) >= REMEMBERED:
                self._memory.clear()
            self._memory[key] = found
        return found

    def _known(self, facts: FactsOf, names: tuple[str, ...]) -> Activation:
        return known({**self._target, **facts.some(names)}, targets=self._questions.targets)


def bits(number: int) -> Iterable[int]:
    """The positions of the bits that are set, the lowest first."""
    while number:
        lowest = number & -number
        yield lowest.bit_length() - 1
        number ^= lowest


def mentioned(conditions: Iterable[Condition]) -> tuple[str, ...]:
    """The facts of requests that any of these conditions mentions."""
    return _of_request(sorted({name for condition in conditions for name in condition.names}))


def _of_request(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name.startswith("req."))


def _constant(condition: Condition) -> bool | None:
    return _CONSTANT.get(condition.source.strip())


def _part(entries: list[tuple[int, Condition]], targets: bool) -> _Part:
    names = tuple(sorted({name for _, condition in entries for name in condition.names}))
    chunks = [entries[at : at + _MOST] for at in range(0, len(entries), _MOST)]
    return _Part(names, tuple(_join(chunk, targets) for chunk in chunks))


def _join(entries: Sequence[tuple[int, Condition]], targets: bool) -> _Joined:
    places = tuple(1 << at for at, _ in entries)
    if len(entries) == 1:
        return _Joined(places, entries[0][1])
    # Brackets in pairs: a plain sum would be as deep as it is long. A line of its own ends a comment in a condition.
    terms = [f"((\n{condition.source}\n) ? {1 << at} : 0)" for at, (_, condition) in enumerate(entries)]
    middle = len(entries) // 2
    halves = (_join(entries[:middle], targets), _join(entries[middle:], targets))
    return _Joined(places, None, compile_joined(_sum(terms), targets=targets), halves)


def _sum(terms: Sequence[str]) -> str:
    if len(terms) == 1:
        return terms[0]
    middle = len(terms) // 2
    return f"({_sum(terms[:middle])} + {_sum(terms[middle:])})"


def _both(found: Iterable[Answers]) -> Answers:
    true = silent = 0
    for answers in found:
        true |= answers.true
        silent |= answers.silent
    return Answers(true, silent)
