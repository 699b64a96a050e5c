"""Calls of functions as systems wrote them: lists of calls in Python's notation, or names with JSON text.

What was recorded is brought to the shape in which the product holds calls (`ToolCall`); nothing is judged here.
"""

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

from evaluation.data import Row
from pipeline.adapters.documents import as_schema
from pipeline.contracts import JsonObject, ToolCall

__all__ = ["Said", "asked", "said", "tools_of"]

_END: Final = re.compile(r"<end_of_turn>|<\|[a-z_]+\|>|</?tool_call>|</?s>")
_FENCE: Final = re.compile(r"```[\w+-]*\n?(.*?)```", re.DOTALL)
_JOINTS: Final = re.compile(r"\]\s*[\n;,]\s*\[(?=[A-Za-z_][\w.]*\()")
_CONSTANTS: Final = {"true": True, "false": False, "null": None, "None": None, "True": True, "False": False}


@dataclass(frozen=True, slots=True)
class Said:
    """What a system answered: its calls, None where it is no list of calls, and what was repaired to read it."""

    calls: tuple[ToolCall, ...] | None
    repairs: tuple[str, ...]
    length: int

    @property
    def plain(self) -> list[tuple[str, dict[str, Any]]]:
        """The calls as names and arguments."""
        return [
            (str(call.function["name"]), orjson.loads(str(call.function["arguments"]))) for call in self.calls or ()
        ]


def asked(item: Row) -> str:
    """The words of the request."""
    turns = item["messages"]
    return "\n".join(turn["content"] for turn in turns if isinstance(turn.get("content"), str))


def tools_of(item: Row) -> tuple[JsonObject, ...]:
    """The functions of the request in the shape of tools, with the type names of JSON Schema."""
    return tuple(
        {"type": "function", "function": {**each, "parameters": as_schema(each.get("parameters"))}}
        for each in item["functions"]
    )


def said(raw: Any) -> Said:
    """What a recorded raw output says."""
    if isinstance(raw, list):
        return _listed(raw)
    text = raw if isinstance(raw, str) else ""
    for change, candidate in _candidates(text):
        calls = _parsed(candidate)
        if calls:
            return Said(_tools(calls), change, len(text))
    return Said(None, (), len(text))


def _listed(raw: list[Any]) -> Said:
    calls: list[tuple[str, Any]] = []
    for each in raw:
        for name, arguments in each.items() if isinstance(each, dict) else ():
            calls.append((name, orjson.loads(arguments) if isinstance(arguments, str) else arguments))
    return Said(_tools(calls) if calls else None, (), len(str(raw)))


def _candidates(text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Ever more repaired forms of the text, with what was done to it."""
    yield (), text.strip()
    plain = _END.sub("", text).strip()
    yield (), plain
    fenced = _FENCE.search(plain)
    if fenced is not None:
        yield ("code fence removed",), fenced.group(1).strip()
    joined = _JOINTS.sub(", ", plain)
    yield ("lists joined",), joined
    yield ("lists joined",), f"[{', '.join(line.strip() for line in plain.splitlines() if line.strip())}]"
    first, last = joined.find("["), joined.rfind(")")
    if 0 <= first < last:
        yield ("text around the calls removed",), joined[first : last + 1] + "]"
    yield ("brackets corrected",), joined.replace("))]", ")]")
    yield ("brackets corrected",), joined.replace(")])]", ")])")  # a bracket too many within arguments


def _parsed(text: str) -> list[tuple[str, Any]] | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # escapes that Python would rather not see
            tree = ast.parse(text, mode="eval").body
        nodes = tree.elts if isinstance(tree, ast.List | ast.Tuple) else [tree]
        return [_call(node) for node in nodes]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _call(node: ast.expr) -> tuple[str, Any]:
    if not isinstance(node, ast.Call) or node.args:
        raise ValueError
    return ast.unparse(node.func), {each.arg: _value(each.value) for each in node.keywords if each.arg}


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Name):
        if node.id in _CONSTANTS:
            return _CONSTANTS[node.id]
        return node.id
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return [_value(each) for each in node.elts]
    if isinstance(node, ast.Dict):
        return {str(_value(key)): _value(value) for key, value in zip(node.keys, node.values, strict=True) if key}
    if isinstance(node, ast.Call):
        return ast.unparse(node)
    try:
        return ast.literal_eval(node)
    except ValueError:
        return ast.unparse(node)


def _tools(calls: list[tuple[str, Any]]) -> tuple[ToolCall, ...]:
    return tuple(
        ToolCall(id=str(at), function={"name": name, "arguments": orjson.dumps(given, default=str).decode()})
        for at, (name, given) in enumerate(calls)
    )
