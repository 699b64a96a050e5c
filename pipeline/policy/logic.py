"""Whether a condition can ever be true, and whether others are always true before it. What is said is certain.

A condition is read as a formula over variables: one for each fact that it compares with literals, whose values are
those literals, what lies between them, and one other value. What cannot be read in this way (a macro, a method, two
facts compared with each other) becomes a variable of its own that may be true, false or without an answer. Relations
between facts are not known here. All of that lets more be possible than is, so that `never` and `always` are certain,
and nothing is concluded from the opposite. The search tries values one by one and ends after a number of steps.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias, get_args

from pipeline.contracts import DataClass, Lane
from pipeline.policy.expression import Call, Const, Fact, Field, Items, Node
from pipeline.policy.facts import REQUEST_FACTS, TARGET_FACTS, FactType

__all__ = ["CLOSED", "Formula", "formula", "never", "ruled_out", "taken_before"]

Value: TypeAlias = str | int | float | bool | None
CLOSED: Final[Mapping[str, frozenset[str]]] = {
    "req.data_class": frozenset(get_args(DataClass)),
    "req.scan": frozenset({"complete", "partial", "failed"}),
    "req.lane": frozenset(get_args(Lane)),
}
"""Facts that have no other values than these."""

_STEPS: Final = 3000
_LARGEST: Final = 2**53
_NO, _YES, _ERROR, _OPEN = 0, 1, 2, 3
"""What a formula is where some variables are not set yet: false, true, without an answer, or not known yet."""


class _Absent:
    """The value of a key of the metadata that is not there; comparing it has no answer."""


class _Another(str):
    """A text that equals no literal."""

    __slots__ = ()


_ABSENT: Final = _Absent()
_ANOTHER: Final = _Another("\x00 something else")
_FACTS: Final[Mapping[str, FactType]] = {**REQUEST_FACTS, **TARGET_FACTS}
_MIRROR: Final = {"_<_": "_>_", "_>_": "_<_", "_<=_": "_>=_", "_>=_": "_<=_", "_==_": "_==_", "_!=_": "_!=_"}
_ORDER: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "_<_": lambda one, other: one < other,
    "_>_": lambda one, other: one > other,
    "_<=_": lambda one, other: one <= other,
    "_>=_": lambda one, other: one >= other,
}
Assignment: TypeAlias = dict[str, object]
Ask: TypeAlias = Callable[[Assignment], int]


@dataclass(frozen=True, slots=True)
class Formula:
    """A condition as a function of its variables, and the literals with which each is compared."""

    ask: Ask
    literals: Mapping[str, frozenset[Value]]


def formula(node: Node) -> Formula:
    """Read a condition."""
    literals: dict[str, set[Value]] = {}
    ask = _read(node, literals)
    return Formula(ask, {name: frozenset(values) for name, values in literals.items()})


def never(condition: Formula) -> bool:
    """Whether no request makes the condition true. False also where that is not known."""
    return _search(condition, (), condition.literals) is None


def taken_before(condition: Formula, earlier: Sequence[Formula]) -> bool:
    """Whether, wherever the condition is true, one of the earlier ones is too. False also where that is not known."""
    return _search(condition, earlier, _joined((condition, *earlier))) is None


def ruled_out(condition: Formula, known: Mapping[str, object]) -> bool:
    """Whether the condition is false wherever these facts are so, whatever the others are."""
    return condition.ask(dict(known)) == _NO


# ---------------------------------------------------------------- the search


class _Tired(Exception):
    """Too many steps."""


def _search(goal: Formula, against: Sequence[Formula], literals: Mapping[str, frozenset[Value]]) -> Assignment | None:
    """Values that make `goal` true and none of `against`; None: there are none. An empty one: not known."""
    values = {name: _values(name, found) for name, found in literals.items()}
    asks = [formula.ask for formula in against]
    order = sorted(values, key=lambda name: (name not in goal.literals, len(values[name])))
    left = [_STEPS]

    def tried(assigned: Assignment, at: int) -> Assignment | None:
        left[0] -= 1
        if left[0] < 0:
            raise _Tired
        hit = goal.ask(assigned)
        if hit in (_NO, _ERROR):
            return None
        if hit == _YES:
            found = [ask(assigned) for ask in asks]
            if _YES in found:
                return None
            if _OPEN not in found:
                return assigned
        name = order[at]
        for value in values[name]:
            answer = tried({**assigned, name: value}, at + 1)
            if answer is not None:
                return answer
        return None

    try:
        return tried({}, 0)
    except (_Tired, RecursionError):
        return {}


def _joined(formulas: Iterable[Formula]) -> dict[str, frozenset[Value]]:
    joined: dict[str, frozenset[Value]] = {}
    for part in formulas:
        for name, values in part.literals.items():
            joined[name] = joined.get(name, frozenset()) | values
    return joined


def _values(name: str, literals: frozenset[Value]) -> tuple[object, ...]:
    """Values of a variable, such that any other value behaves as one of them."""
    kind = _FACTS.get(name)
    if name.startswith(_OPAQUE):
        return (True, False, _ERROR)
    if name.startswith(_KEY):
        return (*sorted(str(literal) for literal in literals if literal is not None), _ANOTHER, _ABSENT)
    if kind is None or kind in ("boolean", "list", "map"):
        return (True, False)
    null: tuple[object, ...] = (None,) if kind.endswith("or null") else ()
    if kind.startswith("text"):
        closed = CLOSED.get(name)
        texts = sorted(closed) if closed else [*sorted(str(one) for one in literals if one is not None), _ANOTHER]
        return (*texts, *null)
    numbers = [one for one in literals if isinstance(one, int | float)]
    return (*_between(numbers, whole=kind.startswith("integer")), *null)


def _between(numbers: Sequence[float], *, whole: bool) -> list[float]:
    """The numbers, and one in each gap. Counts are never below zero; the other facts are shares."""
    if whole:
        near = {int(number) + step for number in numbers for step in (-1, 0, 1)}
        return sorted({number for number in near if 0 <= number <= _LARGEST} | {0})
    points = sorted({number for number in numbers if 0 <= number <= 1} | {0.0, 1.0})
    return sorted({*points, *((low + high) / 2 for low, high in pairwise(points))})


# ---------------------------------------------------------------- reading a condition

_OPAQUE: Final = "?"
_KEY: Final = "key "
_HELD: Final = "held "


def _read(node: Node, literals: dict[str, set[Value]]) -> Ask:
    match node:
        case Const(value=bool() as value):
            return lambda _: int(value)
        case Fact(name=name) if _FACTS.get(name) == "boolean":
            return _variable(name, literals)
        case Call("!_", (inner,)):
            return _not(_read(inner, literals))
        case Call("_&&_", (one, other)):
            return _and(_read(one, literals), _read(other, literals))
        case Call("_||_", (one, other)):
            return _not(_and(_not(_read(one, literals)), _not(_read(other, literals))))
        case Call("_?_:_", (question, one, other)):
            return _if(_read(question, literals), _read(one, literals), _read(other, literals))
        case Call(sign, (one, other)) if sign in _MIRROR:
            return _comparison(sign, one, other, literals) or _unread(sign, one, other, literals)
        case Call("@in", (one, other)):
            return _membership(one, other, literals) or _opaque(node, literals)
        case Field(operand=Fact("req.metadata"), name=name, test=True):
            return _there(name, literals)
    return _opaque(node, literals)


def _comparison(sign: str, one: Node, other: Node, literals: dict[str, set[Value]]) -> Ask | None:
    if isinstance(one, Const) and not isinstance(other, Const):
        return _comparison(_MIRROR[sign], other, one, literals)
    name = _name(one)
    if name is None or not isinstance(other, Const) or isinstance(other.value, bool) or not _fits(name, sign):
        return None
    literal = other.value
    literals.setdefault(name, set()).add(literal)
    if sign in _ORDER:
        order = _ORDER[sign]
        return lambda given: _ordered(order, given.get(name, _OPEN_VALUE), literal)
    equal = _equals(name, literal)
    return equal if sign == "_==_" else _not(equal)


def _unread(sign: str, one: Node, other: Node, literals: dict[str, set[Value]]) -> Ask:
    """A comparison that is not understood; `a != b` is understood as far as it is the opposite of `a == b`."""
    if sign == "_!=_":
        return _not(_opaque(Call("_==_", (one, other)), literals))
    return _opaque(Call(sign, (one, other)), literals)


def _membership(one: Node, other: Node, literals: dict[str, set[Value]]) -> Ask | None:
    """`fact in ["a", "b"]`, `"a" in req.types`, `"a" in req.metadata`."""
    name = _name(one)
    if name is not None and isinstance(other, Items) and _fits(name, "_==_"):
        found = [item.value for item in other.items if isinstance(item, Const) and not isinstance(item.value, bool)]
        if len(found) != len(other.items):
            return None
        literals.setdefault(name, set()).update(found)
        asks = [_equals(name, literal) for literal in found]
        return lambda given: _any(ask(given) for ask in asks)
    if isinstance(one, Const) and isinstance(one.value, str) and isinstance(other, Fact):
        if other.name == "req.metadata":
            return _there(one.value, literals)
        if _FACTS.get(other.name) == "list":
            return _variable(f"{_HELD}{one.value} in {other.name}", literals)
    return None


def _name(node: Node) -> str | None:
    """The variable of a fact, or of a key of the metadata."""
    match node:
        case Fact(name=name) if name in _FACTS:
            return name
        case Field(operand=Fact("req.metadata"), name=key, test=False):
            return _KEY + key
        case Call("_[_]", (Fact("req.metadata"), Const(value=str() as key))):
            return _KEY + key
    return None


def _fits(name: str, sign: str) -> bool:
    """Whether this comparison is understood for this variable."""
    kind = "text" if name.startswith(_KEY) else _FACTS[name]
    if sign in _ORDER:
        return kind.startswith(("integer", "number"))
    return kind.startswith(("text", "integer", "number"))


_OPEN_VALUE: Final = object()


def _equals(name: str, literal: Value) -> Ask:
    def ask(given: Assignment) -> int:
        value = given.get(name, _OPEN_VALUE)
        if value is _OPEN_VALUE:
            return _OPEN
        return _ERROR if value is _ABSENT else int(value == literal)

    return ask


def _ordered(order: Callable[[float, float], bool], value: object, literal: Value) -> int:
    if value is _OPEN_VALUE:
        return _OPEN
    if isinstance(value, int | float) and isinstance(literal, int | float):
        return int(order(value, literal))
    return _ERROR


def _there(key: str, literals: dict[str, set[Value]]) -> Ask:
    name = _KEY + key
    literals.setdefault(name, set())

    def ask(given: Assignment) -> int:
        value = given.get(name, _OPEN_VALUE)
        return _OPEN if value is _OPEN_VALUE else int(value is not _ABSENT)

    return ask


def _variable(name: str, literals: dict[str, set[Value]]) -> Ask:
    literals.setdefault(name, set())

    def ask(given: Assignment) -> int:
        value = given.get(name, _OPEN_VALUE)
        return _OPEN if value is _OPEN_VALUE else int(bool(value))

    return ask


def _opaque(node: Node, literals: dict[str, set[Value]]) -> Ask:
    name = f"{_OPAQUE}{node!r}"
    literals.setdefault(name, set())

    def ask(given: Assignment) -> int:
        value = given.get(name, _OPEN_VALUE)
        if value is _OPEN_VALUE:
            return _OPEN
        return value if isinstance(value, int) and not isinstance(value, bool) else int(bool(value))

    return ask


def _not(ask: Ask) -> Ask:
    return lambda given: (_YES, _NO, _ERROR, _OPEN)[ask(given)]


def _and(one: Ask, other: Ask) -> Ask:
    """False where either is, whatever the other; without an answer only where the other is not false."""

    def ask(given: Assignment) -> int:
        first = one(given)
        if first == _NO:
            return _NO
        second = other(given)
        if second == _NO:
            return _NO
        return max(first, second)

    return ask


def _any(answers: Iterable[int]) -> int:
    found = set(answers)
    return next((answer for answer in (_YES, _OPEN, _ERROR) if answer in found), _NO)


def _if(question: Ask, one: Ask, other: Ask) -> Ask:
    def ask(given: Assignment) -> int:
        answer = question(given)
        if answer == _YES:
            return one(given)
        return other(given) if answer == _NO else answer

    return ask
