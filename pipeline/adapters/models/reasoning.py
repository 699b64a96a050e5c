"""What a model reasoned before it answered, beside its text. Pure.

Endpoints name it `reasoning_content` or `reasoning`. It is passed on, and never weighed.
"""

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["LONGEST", "Reasoning", "reasoning_in"]

LONGEST: Final = 131_072
"""Bytes of UTF-8 that are kept: an envelope with the attempts of several tiers must fit into one message."""

_FIELDS: Final = ("reasoning_content", "reasoning")


def reasoning_in(message: Mapping[str, Any]) -> str:
    """The reasoning in a message or a delta. What is no text is none."""
    for name in _FIELDS:
        text = message.get(name)
        if text and isinstance(text, str):
            return text
    return ""


class Reasoning:
    """The reasoning so far; what comes after `LONGEST` bytes is left out."""

    __slots__ = ("_pieces", "_room", "_taken")

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._room = LONGEST
        self._taken = 0

    def add(self, piece: str) -> None:
        """Take a piece, or what there is room for."""
        body = piece.encode("utf-8", "replace")
        kept = body[: self._room].decode("utf-8", "ignore")
        self._room = max(0, self._room - len(body))
        if kept:
            self._pieces.append(kept)

    def fresh(self) -> str:
        """What came since this was last asked."""
        new, self._taken = self._pieces[self._taken :], len(self._pieces)
        return "".join(new)

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self._pieces)
