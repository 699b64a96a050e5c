"""What a word announces, looked up for all kinds of data at once: whole, by how it begins or ends, or in a phrase."""

import re
from typing import Final

from pipeline.adapters.pii.page import Page

__all__ = ["PHRASE", "Cue", "Lexicon"]

Cue = int
"""Kinds of data, a bit each."""
PHRASE: Final = 1 << 100
"""Marks a word with which a phrase begins."""
_WORD: Final = re.compile(r"[^\W\d_]+")
_REMEMBERED: Final = 16384
_KEY: Final = 2
_UNSPACED: Final = "\u3000"


class Lexicon(dict[str, Cue]):
    """What words announce: whole words, beginnings, endings, and phrases by their first word.

    As a dictionary it answers for any word and remembers what it worked out, up to a bound.
    """

    def __init__(self) -> None:
        self.kinds = 0
        self.whole: dict[str, Cue] = {}
        self.beginnings: dict[str, list[tuple[str, Cue]]] = {}
        self.endings: list[tuple[str, Cue]] = []
        self.tails: tuple[str, ...] = ()
        self.phrases: dict[str, list[tuple[str, Cue]]] = {}
        self.anywhere: list[tuple[str, Cue]] = []

    def kind(self, words: str) -> Cue:
        """A new kind. Words are parted by `|`; one with `*` behind may go on, as `karte*` does in `kartennummer`.

        `*` in front makes it the end of a word. Words of scripts that set no spaces count wherever they stand. All are
        folded as a page folds its text.
        """
        bit = 1 << self.kinds
        self.kinds += 1
        for word in words.split("|"):
            for written in {word, word.upper(), word.capitalize()} if not word.isascii() else {word}:
                self._add(Page(written).lower, bit)
        return bit

    def _add(self, word: str, bit: Cue) -> None:
        if word[0] >= _UNSPACED:
            self.anywhere.append((word.rstrip("*"), bit))
            return
        if word[0] == "*":
            self.endings.append((word[1:], bit))
            self.tails = (*self.tails, word[1:])
            return
        head = _WORD.match(word)
        if head is None:
            raise ValueError(f"a cue begins with a letter, {word!r} does not")
        rest = word[head.end() :]
        if rest == "*":
            self.beginnings.setdefault(head[0][:_KEY], []).append((head[0], bit))
        elif rest:
            self.phrases.setdefault(head[0], []).append((rest.rstrip("*"), bit))
        else:
            self.whole[word] = self.whole.get(word, 0) | bit

    def __missing__(self, word: str) -> Cue:
        kinds = self.whole.get(word, 0)
        for beginning, bit in self.beginnings.get(word[:_KEY], ()):
            if word.startswith(beginning):
                kinds |= bit
        if word.endswith(self.tails):
            for ending, bit in self.endings:
                if word.endswith(ending):
                    kinds |= bit
        if word in self.phrases:
            kinds |= PHRASE
        if len(self) < _REMEMBERED:
            self[word] = kinds
        return kinds

    def inside(self, text: str) -> Cue:
        """The kinds that words of scripts without spaces announce in `text`."""
        if text.isascii():
            return 0
        kinds = 0
        for word, bit in self.anywhere:
            if word in text:
                kinds |= bit
        return kinds

    def phrase(self, text: str, word: str, end: int) -> Cue:
        """The kinds of the phrases that begin with `word`, which ends at `end`."""
        kinds = 0
        for rest, bit in self.phrases[word]:
            if text.startswith(rest, end):
                kinds |= bit
        return kinds

    def possible(self, word: str) -> Cue:
        """The kinds that `word` announces, or that a phrase beginning with it may announce."""
        kinds = 0
        for _, bit in self.phrases.get(word, ()):
            kinds |= bit
        return kinds
