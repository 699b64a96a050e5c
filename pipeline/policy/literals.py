"""Finds the texts that a condition compares with facts: `req.lane == "batch"`, `"IBAN" in req.types`.

CEL takes any text there, so a misspelt one is no fault of the language. This reads tokens, not the grammar: what is
written in another way than people write it is passed over, and nothing is concluded from that.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from pipeline.policy.conditions import MAX_CHARACTERS

__all__ = ["Compared", "compared"]

_TOKEN: Final = re.compile(
    r"//[^\n]*|\"\"\"[\s\S]*?\"\"\"|'''[\s\S]*?'''"
    r"|(?P<text>[rRbB]{0,2}(?:\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'))"
    r"|(?P<name>[A-Za-z_]\w*(?:\s*\.\s*[A-Za-z_]\w*)*)"
    r"|(?P<sign>==|!=|&&|\|\||[^\s\w])"
)
_COMPARES: Final = frozenset({"==", "!=", "in"})
_MACROS: Final = frozenset({"exists", "exists_one", "all", "filter", "map"})


class Compared(NamedTuple):
    """A text that is compared with a fact, and where it stands in the condition (both from 1)."""

    fact: str
    text: str
    line: int
    column: int


class _Token(NamedTuple):
    kind: str
    value: str
    at: int


def compared(source: str) -> Iterator[Compared]:
    """The texts that `source` compares with facts, by `==`, `!=` and `in`, also in lists and in macros over them."""
    tokens = _tokens(source[:MAX_CHARACTERS])
    facts = _variables(tokens)
    for start, stop, texts in _texts(tokens):
        name = _compared_with(tokens, start, stop)
        fact = facts.get(name, name) if name else None
        for token in texts if fact else ():
            line = source.count("\n", 0, token.at) + 1
            yield Compared(str(fact), token.value, line, token.at - source.rfind("\n", 0, token.at))


def _tokens(source: str) -> list[_Token]:
    return [
        _Token(match.lastgroup, _plain(match[0], match.lastgroup), match.start())
        for match in _TOKEN.finditer(source)
        if match.lastgroup
    ]


def _plain(text: str, kind: str) -> str:
    if kind == "text":
        return text.lstrip("rRbB")[1:-1]
    return re.sub(r"\s", "", text)


def _texts(tokens: list[_Token]) -> Iterator[tuple[int, int, list[_Token]]]:
    """Each text, and each list of nothing but texts: its first and last token, and the texts."""
    at = 0
    while at < len(tokens):
        stop = _list_end(tokens, at)
        if stop is not None:
            yield at, stop, [token for token in tokens[at:stop] if token.kind == "text"]
            at = stop
        elif tokens[at].kind == "text":
            yield at, at, [tokens[at]]
        at += 1


def _list_end(tokens: list[_Token], at: int) -> int | None:
    """Where a list of texts that begins here ends; None when none begins here. `a[...]` is no list."""
    if tokens[at][:2] != ("sign", "[") or (at and tokens[at - 1].kind == "name" and tokens[at - 1].value != "in"):
        return None
    for stop in range(at + 1, len(tokens)):
        token = tokens[stop]
        if token[:2] == ("sign", "]"):
            return stop
        if token.kind != "text" and token[:2] != ("sign", ","):
            return None
    return None


def _compared_with(tokens: list[_Token], start: int, stop: int) -> str | None:
    """The name on the other side of the comparison of what stands from `start` to `stop`."""
    if _value(tokens, start - 1) in _COMPARES:
        grown = _goes_on(tokens, stop + 1) or _value(tokens, start - 3) == "+"
        return None if grown else _name(tokens, start - 2)
    if _value(tokens, stop + 1) in _COMPARES:
        return None if _goes_on(tokens, stop + 3) else _name(tokens, stop + 2)
    return _name(tokens, stop + 8) if _runs_through(tokens, stop + 1) else None


def _runs_through(tokens: list[_Token], at: int) -> bool:
    """Whether a macro begins here whose variable is compared first: `.exists(kind, kind in`."""
    dot, macro, opened, inner, comma, again, sign = (_value(tokens, place) for place in range(at, at + 7))
    return (dot, opened, comma) == (".", "(", ",") and macro in _MACROS and inner == again and sign in _COMPARES


def _goes_on(tokens: list[_Token], at: int) -> bool:
    """Whether the name before is only the beginning of what is compared: a call, an index or a sum."""
    return _value(tokens, at) in {"(", "[", ".", "+"}


def _variables(tokens: list[_Token]) -> dict[str, str]:
    """What the variables of macros over facts run through: `req.types.exists(kind, ...)` makes `kind` a type."""
    found: dict[str, str] = {}
    for at, token in enumerate(tokens):
        fact, _, macro = token.value.rpartition(".")
        if token.kind == "name" and macro in _MACROS and _value(tokens, at + 1) == "(":
            variable = _name(tokens, at + 2)
            if variable and _value(tokens, at + 3) == ",":
                # The same variable over two facts says nothing about either.
                found[variable] = fact if found.get(variable, fact) == fact else ""
    return found


def _name(tokens: list[_Token], at: int) -> str | None:
    return tokens[at].value if 0 <= at < len(tokens) and tokens[at].kind == "name" else None


def _value(tokens: list[_Token], at: int) -> str | None:
    """The sign or word here; a text is none."""
    return tokens[at].value if 0 <= at < len(tokens) and tokens[at].kind != "text" else None
