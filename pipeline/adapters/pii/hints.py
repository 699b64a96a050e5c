"""What the words of a text make possible: one bit for each thing that a word may announce or be a part of.

Most texts hold nothing, and one look at each word must be enough to see that. So those who search say beforehand
which words their finds cannot be without, and a word is judged once, however many ask and however often it comes.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

__all__ = ["Hints", "hints_of", "judged", "literals", "register", "words"]

Hints = int
Rule = Callable[[str], Hints]
_LETTERS: Final = re.compile(r"[^\W\d_]+")
_FIRST: Final = 128
"""Bits below are those of cues."""
_REMEMBERED: Final = 16384
_LONGEST: Final = 32
"""Characters of a word that is remembered."""


class _Judged(dict[str, Hints]):
    """The hints of words, which fills itself, up to a bound, and then begins anew."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []

    def __missing__(self, word: str) -> Hints:
        hints = 0
        for rule in self.rules:
            hints |= rule(word)
        if len(word) <= _LONGEST:
            if len(self) >= _REMEMBERED:
                self.clear()
            self[word] = hints
        return hints


_JUDGED: Final = _Judged()


def register(rule: Rule) -> None:
    """Ask `rule` for the hints of each word from now on."""
    _JUDGED.rules.append(rule)
    _JUDGED.clear()


def hints_of(words: Iterable[str]) -> Hints:
    """The hints of all these words: runs of letters, in lower case."""
    hints = 0
    for found in map(_JUDGED.__getitem__, words):
        if found:
            hints |= found
    return hints


def judged(judge: Callable[[str], bool]) -> Hints:
    """A new bit, for words of which `judge` is true."""
    bit = 1 << (_FIRST + len(_JUDGED.rules))
    register(lambda word: bit if judge(word) else 0)
    return bit


def literals(*texts: str) -> Hints:
    """A new bit. A text in lower case without it contains none of `texts`.

    Raises:
        ValueError: one of `texts` has no letter.
    """
    parts = [_part(text) for text in texts]
    inside = re.compile("|".join(re.escape(part.letters) for part in parts if not part.opens | part.closes) or "(?!)")
    first = tuple(part.letters for part in parts if part.opens)
    last = tuple(part.letters for part in parts if part.closes and not part.opens)
    return judged(lambda word: word.startswith(first) or word.endswith(last) or inside.search(word) is not None)


def words(*texts: str) -> Hints:
    """A new bit. A text without it has none of these words; `*` behind a word means that it may go on."""
    whole = frozenset(text for text in texts if not text.endswith("*"))
    beginnings = tuple(text[:-1] for text in texts if text.endswith("*"))
    return judged(lambda word: word in whole or word.startswith(beginnings))


class _Part(NamedTuple):
    """The longest run of letters of a text, and whether a run of a text around it must begin or end there, too."""

    letters: str
    opens: bool
    closes: bool


def _part(text: str) -> _Part:
    part = max(_LETTERS.finditer(text), key=lambda run: len(run.group()), default=None)
    if part is None:
        raise ValueError(f"{text!r} has no letter")
    return _Part(part.group(), part.start() > 0, part.end() < len(text))
