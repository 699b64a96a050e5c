"""Conditions of a Portkey config as CEL over the facts of a request."""

import re
from typing import Final

from pipeline.contracts import Json
from pipeline.migrate.account import Value
from pipeline.policy.conditions import ConditionError, compile_condition, known

__all__ = ["Untranslatable", "asked_model", "condition"]

_KEY: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_COMPARISONS: Final = {"$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}
_TOKENS: Final = frozenset({"params.max_tokens", "params.max_completion_tokens"})


class Untranslatable(Exception):
    """A condition that no fact of a request answers: why."""


def asked_model(query: Json) -> tuple[str, ...]:
    """The models that a condition wants to be asked for, where it looks at nothing else: these become routes."""
    if not isinstance(query, dict) or set(query) != {"params.model"}:
        return ()
    wanted = query["params.model"]
    if isinstance(wanted, dict) and len(wanted) == 1:
        wanted = wanted.get("$eq", wanted.get("$in"))
    names = wanted if isinstance(wanted, list) else [wanted]
    return tuple(name for name in names if isinstance(name, str)) if all(isinstance(n, str) for n in names) else ()


def condition(query: Value) -> tuple[str, tuple[str, ...]]:
    """The condition in CEL, and the keys of metadata that it looks at.

    Raises:
        Untranslatable: it looks at something that is no fact here, or says it in a way that CEL cannot.
    """
    if query.held_credential:
        raise Untranslatable("it compares with what looks like a credential, and a policy holds none")
    keys: dict[str, None] = {}
    text = _all(query.data, keys)
    try:
        compile_condition(text, targets=False)
    except ConditionError as error:
        raise Untranslatable(f"it is no condition here: {error.text}") from None
    return text, tuple(keys)


def _all(query: Json, keys: dict[str, None]) -> str:
    if not isinstance(query, dict) or not query:
        raise Untranslatable("it is no mapping of facts and what they should be")
    return _joined(" && ", [_one(name, wanted, keys) for name, wanted in query.items()])


def _one(name: str, wanted: Json, keys: dict[str, None]) -> str:
    if name in ("$and", "$or"):
        if not isinstance(wanted, list) or not wanted:
            raise Untranslatable(f"{name} needs a list")
        return _joined(" && " if name == "$and" else " || ", [_all(part, keys) for part in wanted])
    where, _, key = name.partition(".")
    if where == "metadata" and _KEY.fullmatch(key):
        keys[key] = None
        return _metadata(key, wanted)
    if name in _TOKENS:
        return _tokens(wanted)
    raise Untranslatable(f"{where} of a request is no fact of it here" if where in ("params", "url") else
                         "it looks at something else than metadata")  # fmt: skip


def _metadata(key: str, wanted: Json) -> str:
    there, value = f"{_text(key)} in req.metadata", f"req.metadata[{_text(key)}]"
    tests = wanted if isinstance(wanted, dict) else {"$eq": wanted}
    if not tests:
        raise Untranslatable("a fact stands without what it should be")
    return _joined(" && ", [_test(there, value, operator, operand) for operator, operand in tests.items()])


def _test(there: str, value: str, operator: str, operand: Json) -> str:
    if operator in ("$eq", "$ne") and isinstance(operand, str):
        same = f"{there} && {value} == {_text(operand)}"
        return same if operator == "$eq" else f"!({same})"
    if operator in ("$in", "$nin") and isinstance(operand, list) and all(isinstance(one, str) for one in operand):
        listed = f"{there} && {value} in [{', '.join(_text(str(one)) for one in operand)}]"
        return listed if operator == "$in" else f"!({listed})"
    if operator in _COMPARISONS:
        return f"{there} && double({value}) {_COMPARISONS[operator]} {_number(operand)}"
    if operator == "$regex" and isinstance(operand, str):
        return f"{there} && {value}.matches({_pattern(operand)})"
    raise Untranslatable(f"{operator} with a {type(operand).__name__} is not known: values of metadata are texts")


def _tokens(wanted: Json) -> str:
    tests = wanted if isinstance(wanted, dict) else {"$eq": wanted}
    signs = {**_COMPARISONS, "$eq": "==", "$ne": "!="}
    parts = []
    for operator, operand in tests.items():
        number = float(_number(operand))
        if operator not in signs or not number.is_integer():
            raise Untranslatable(f"{operator} is not known for a number of tokens")
        parts.append(f"req.max_tokens {signs[operator]} {int(number)}")
    return _joined(" && ", ["req.max_tokens != null", *parts])


def _pattern(pattern: str) -> str:
    """A pattern that the engine of conditions takes: RE2 has no look-around and no back-references."""
    text = _text(pattern)
    if compile_condition(f'"".matches({text})', targets=False).ask(known({}, targets=False)) is None:
        raise Untranslatable("its pattern is none here: look-around and back-references are not taken")
    return text


def _number(operand: Json) -> str:
    if isinstance(operand, bool) or not isinstance(operand, int | float | str):
        raise Untranslatable("it compares with something that is no number")
    try:
        return repr(float(operand))
    except ValueError:
        raise Untranslatable("it compares with something that is no number") from None


def _joined(sign: str, parts: list[str]) -> str:
    if len(parts) == 1:
        return parts[0]
    return sign.join(f"({part})" if " || " in part or " && " in part else part for part in parts)


def _text(text: str) -> str:
    """A text in CEL."""
    if not text.isprintable():
        raise Untranslatable("it compares with control characters")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
