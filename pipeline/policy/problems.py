"""What is wrong in a policy file, where it stands, and what was probably meant."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from pipeline.errors import PolicyInvalid

__all__ = ["Path", "Place", "Problem", "did_you_mean", "dotted", "refuse"]

Path = tuple[str | int, ...]
"""The way from the top of a document to a value: keys and list indices."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A position in a file, both counted from 1."""

    line: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing to mend. It prints as `file:line:column: path: text`."""

    file: str
    place: Place
    path: str
    text: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.place.line}:{self.place.column}"
        return f"{where}: {self.path}: {self.text}" if self.path else f"{where}: {self.text}"


def dotted(path: Path) -> str:
    """The path as people write it: `rules[1].when`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` (did you mean …?)` for the nearest of the known words; else a short list of them; else nothing."""
    words = sorted(set(known))
    near = get_close_matches(word, words, n=1, cutoff=0.6)
    if near:
        return f" (did you mean {near[0]}?)"
    return f" (there is {', '.join(words)})" if 0 < len(words) <= 12 else ""


def refuse(problems: Iterable[Problem]) -> PolicyInvalid:
    """The error that holds all problems, a line for each, in the order of the files."""
    return PolicyInvalid("\n".join(str(problem) for problem in sorted(set(problems))))
