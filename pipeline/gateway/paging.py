"""Lists in pages, as the OpenAI API asks for them and writes them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pipeline.errors import InvalidRequest, UnsupportedParameter

__all__ = ["Wanted", "listing", "wanted"]

USUAL: Final = 20
MOST: Final = 100
_WORD: Final = 64


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which page. `after`: the id of the last one that was seen."""

    after: str | None
    limit: int
    words: Mapping[str, str] = field(default_factory=dict)


def wanted(query: Mapping[str, str], names: Sequence[str]) -> Wanted:
    """Read the query of a list. `names`: what it may say beside `after` and `limit`.

    Raises:
        InvalidRequest: `limit` is no number between 1 and 100, or a word is too long.
        UnsupportedParameter: it says something else.
    """
    words: dict[str, str] = {}
    for name, value in query.items():
        if name not in ("after", "limit", *names):
            raise UnsupportedParameter("the query says something that this list does not know", param="query")
        if len(value) > _WORD:
            raise InvalidRequest(f"{name} is longer than {_WORD} characters", param=name)
        words[name] = value
    said = words.pop("limit", str(USUAL))
    if not (said.isascii() and said.isdigit() and 1 <= int(said) <= MOST):
        raise InvalidRequest(f"limit: a number from 1 to {MOST}", param="limit")
    return Wanted(words.pop("after", None) or None, int(said), words)


def listing(items: Sequence[Mapping[str, Any]], *, more: bool) -> dict[str, Any]:
    """A page."""
    return {
        "object": "list",
        "data": list(items),
        "first_id": items[0]["id"] if items else None,
        "last_id": items[-1]["id"] if items else None,
        "has_more": more,
    }
