"""Whether calls are right: each of them matches one accepted call, whose arguments all have accepted values.

Strings are compared without case, blanks and punctuation; an empty string among the accepted values says that the
argument may be left out; 5 and 5.0 are equal; the order of several calls does not matter.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

__all__ = ["right"]

_NOISE: Final = re.compile(r"[ ,./\-_*^'\"]")

Calls = Sequence[tuple[str, Mapping[str, Any]]]


def right(calls: Calls, accepted: Sequence[Mapping[str, Mapping[str, Any]]]) -> bool:
    """Whether `calls` are what was accepted, each of it once."""
    if len(calls) != len(accepted):
        return False
    left = list(accepted)
    for name, given in calls:
        found = next((each for each in left if _matches(name, given, each)), None)
        if found is None:
            return False
        left.remove(found)
    return True


def _matches(name: str, given: Mapping[str, Any], accepted: Mapping[str, Mapping[str, Any]]) -> bool:
    ((wanted, arguments),) = accepted.items()
    if name != wanted:
        return False
    return _members(given, arguments)


def _members(given: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    if any(name not in wanted for name in given):
        return False
    return all(
        _among(given[name], values) if name in given else "" in values if isinstance(values, list) else False
        for name, values in wanted.items()
    )


def _among(value: Any, accepted: Any) -> bool:
    values = accepted if isinstance(accepted, list) else [accepted]
    return any(_equal(value, each) for each in values)


def _equal(value: Any, wanted: Any) -> bool:
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    if isinstance(value, str) and isinstance(wanted, str):
        return _plain(value) == _plain(wanted)
    if isinstance(value, list) and isinstance(wanted, list):
        return len(value) == len(wanted) and all(_item(a, b) for a, b in zip(value, wanted, strict=True))
    if isinstance(value, dict) and isinstance(wanted, dict):
        return _members(value, wanted)
    return bool(value == wanted)


def _item(value: Any, wanted: Any) -> bool:
    return _equal(value, wanted)


def _plain(text: str) -> str:
    return _NOISE.sub("", text).lower().replace("'", '"')
