"""A condition as the engine read it: its tree, out of the form in which the engine hands it over.

That form is a `cel.expr.CheckedExpr` (github.com/google/cel-spec, proto/cel/expr/checked.proto and syntax.proto) in
protocol-buffer encoding. Only what is looked at here is read: constants, facts, fields, calls, lists and macros.
Anything else becomes `Other`, from which nothing is concluded.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

from pipeline.policy.conditions import checked_form

__all__ = ["Call", "Const", "Fact", "Field", "Items", "Node", "Other", "metadata_keys", "tree", "walk"]

_ANY_VALUE: Final = 2
_CHECKED_EXPR: Final = 4
_CONST, _IDENT, _SELECT, _CALL, _LIST, _FOLD = 3, 4, 5, 6, 7, 9
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_SIGN: Final = 1 << 63


@dataclass(frozen=True, slots=True)
class Const:
    """A literal."""

    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact (`req.lane`), or the variable of a macro."""

    name: str


@dataclass(frozen=True, slots=True)
class Field:
    """`operand.name`; with `test`, `has(operand.name)`."""

    operand: "Node"
    name: str
    test: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A function or sign, such as `_==_`, `_&&_`, `@in`; what a method is called on is its first argument."""

    function: str
    args: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Items:
    """A list that is written out."""

    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Other:
    """Anything else, by its bytes: equal bytes in one condition are the same thing."""

    body: bytes


FOLD: Final = "@fold"
"""How the function of a macro begins; its variable follows."""

Node: TypeAlias = Const | Fact | Field | Call | Items | Other


@lru_cache(maxsize=1024)
def tree(source: str, *, targets: bool) -> Node:
    """The tree of a condition that compiles."""
    return _node(_last(_last(checked_form(source, targets=targets), _ANY_VALUE), _CHECKED_EXPR))


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it."""
    yield node
    below: tuple[Node, ...] = ()
    match node:
        case Field(operand=operand):
            below = (operand,)
        case Call(args=args):
            below = args
        case Items(items=items):
            below = items
    for child in below:
        yield from walk(child)


def metadata_keys(node: Node) -> frozenset[str]:
    """The keys of `req.metadata` that a condition names."""
    found: set[str] = set()
    metadata = Fact("req.metadata")
    for part in walk(node):
        match part:
            case Field(operand=operand, name=name) if operand == metadata:
                found.add(name)
            case Call("_[_]", (operand, Const(value=str() as name))) if operand == metadata:
                found.add(name)
            case Call("@in", (Const(value=str() as name), operand)) if operand == metadata:
                found.add(name)
    return frozenset(found)


# ---------------------------------------------------------------- the encoding


def _node(body: bytes) -> Node:
    for number, value in _fields(body):
        if not isinstance(value, bytes):
            continue
        if number == _CONST:
            return _const(value)
        if number == _IDENT:
            return Fact(_text(value, 1))
        if number == _SELECT:
            return Field(_node(_last(value, 1)), _text(value, 2), any(n == 3 and v for n, v in _fields(value)))
        if number == _CALL:
            return _call(value)
        if number == _LIST:
            return Items(tuple(_node(item) for n, item in _fields(value) if n == 1 and isinstance(item, bytes)))
        if number == _FOLD:
            return _fold(value)
    return Other(body)


def _call(body: bytes) -> Call:
    parts = [(number, value) for number, value in _fields(body) if isinstance(value, bytes)]
    target = [_node(value) for number, value in parts if number == 1]
    return Call(_text(body, 2), (*target, *(_node(value) for number, value in parts if number == 3)))


def _fold(body: bytes) -> Call:
    """A macro that runs through a list: `req.types.exists(t, …)`."""
    parts = {
        number: _node(value) for number, value in _fields(body) if number not in (1, 3) and isinstance(value, bytes)
    }
    return Call(f"{FOLD} {_text(body, 1)}", tuple(parts[number] for number in sorted(parts)))


def _const(body: bytes) -> Node:
    for number, value in _fields(body):
        match number, value:
            case 1, int():
                return Const(None)
            case 2, int():
                return Const(bool(value))
            case 3, int():
                return Const(value - (1 << 64) if value & _SIGN else value)
            case 4, int():
                return Const(value)
            case 5, bytes():
                return Const(float(struct.unpack("<d", value)[0]))
            case 6, bytes():
                return Const(value.decode("utf-8", "replace"))
    return Other(body)


def _text(body: bytes, number: int) -> str:
    return _last(body, number).decode("utf-8", "replace")


def _last(body: bytes, number: int) -> bytes:
    found = b""
    for here, value in _fields(body):
        if here == number and isinstance(value, bytes):
            found = value
    return found


def _fields(body: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(body):
        tag, at = _varint(body, at)
        kind = tag & 7
        if kind == _VARINT:
            value, at = _varint(body, at)
            yield tag >> 3, value
            continue
        if kind == _BYTES:
            length, at = _varint(body, at)
        else:
            length = {_FIXED64: 8, _FIXED32: 4}[kind]
        yield tag >> 3, body[at : at + length]
        at += length


def _varint(body: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = body[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
