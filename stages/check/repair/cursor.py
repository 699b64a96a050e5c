"""Where a repair stands in its text, what it has changed so far, and how many steps it may still take. Pure."""

import re
from dataclasses import dataclass, field
from typing import Final, Literal

__all__ = ["BLANK", "DEEPEST", "STEPS", "Cursor", "Escaped", "Irreparable"]

DEEPEST: Final = 100
"""Levels of nesting that a repair follows."""
STEPS: Final = 24
"""Characters looked at for each character of the text: what makes the time linear, whatever the text."""

BLANK: Final = "\\s\u180e\u200b\ufeff"
_SPECIAL: Final = re.compile("[\x0b\x0c\x1c-\x1f\x85\u00a0\u180e\u2000-\u200b\u2028\u2029\u202f\u205f\u3000\ufeff]")
_CLOSER: Final = re.compile(r"[}\]]")
_BLANKS: Final = re.compile(f"[{BLANK}]+")

Closer = Literal["}", "]", ")"]


class Irreparable(Exception):
    """Nothing sensible can be made of the text, or not with the steps that there are."""


class Escaped(Exception):
    """The document is itself the inside of a string: its quotes have backslashes from `at` on."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.at = at


@dataclass(slots=True)
class Cursor:
    """A place in a text.

    Attributes:
        at: the next character.
        open: the closers that are still to come, innermost last.
        changes: what was changed, in words; a dict for its order.
        invented: a value was supplied that does not stand in the text.
        loose: words without quotes at the outermost level were taken as a string.
        incomplete: something was left out, or has another reading that is as good.
        steps: how many are left.
        escapes: whether the string at hand has such as begin a control character, and backslashes that begin nothing.
        lasts: where characters stand last, as far as it was asked.
    """

    text: str
    at: int = 0
    open: list[Closer] = field(default_factory=list)
    changes: dict[str, None] = field(default_factory=dict)
    invented: bool = False
    loose: bool = False
    incomplete: bool = False
    steps: int = 0
    lasts: dict[str, int] = field(default_factory=dict)
    escapes: set[Literal["meant", "kept"]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.steps = STEPS * len(self.text) + 1000

    def spend(self, characters: int = 1) -> None:
        """Count what is about to be looked at. Raises `Irreparable` where it is too much."""
        self.steps -= characters + 1
        if self.steps < 0:
            raise Irreparable

    def tell(self, change: str) -> None:
        """Remember what was changed."""
        self.changes[change] = None

    def last(self, character: str) -> int:
        """The last place of `character`; -1: there is none."""
        if character not in self.lasts:
            self.lasts[character] = self.text.rfind(character)
        return self.lasts[character]

    @property
    def char(self) -> str:
        """The next character; empty at the end."""
        return self.text[self.at : self.at + 1]

    def starts(self, prefix: str) -> bool:
        """Whether the rest begins with `prefix`."""
        return self.text.startswith(prefix, self.at)

    def after(self, place: int) -> int:
        """The place behind blanks and comments that begin at `place`."""
        while True:
            match = _BLANKS.match(self.text, place)
            end = match.end() if match is not None else place
            comment = self._comment(end)
            self.spend(comment - place)
            if comment == end:
                return end
            place = comment

    def skip(self) -> None:
        """Go behind blanks and comments."""
        end = self.after(self.at)
        between = self.text[self.at : end]
        if between and not between.isspace() and _BLANKS.fullmatch(between) is None:
            self.tell("comment removed")
        if between and _SPECIAL.search(between) is not None:
            self.tell("special blanks replaced")
        self.at = end
        if self.starts('\\"') or self.starts("\\n"):
            raise Escaped(self.at)

    def _comment(self, place: int) -> int:
        text = self.text
        if text.startswith("/*", place):
            end = text.find("*/", place + 2)
            return len(text) if end < 0 else end + 2
        if not text.startswith(("//", "#"), place):
            return place
        end = text.find("\n", place) if self.last("\n") >= place else -1
        if end < 0 and self.open:
            closer = _CLOSER.search(text, place)  # a comment on a line with the rest of the document
            end = closer.start() if closer is not None else -1
        return len(text) if end < 0 else end
