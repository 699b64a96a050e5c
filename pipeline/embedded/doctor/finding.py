"""What an examination says."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Condition", "Finding", "attention", "good", "problem"]

Condition = Literal["good", "attention", "problem"]
"""`attention`: works, but a person should know. `problem`: something will not work."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: how it stands, in a sentence, and what to do where something is to be done."""

    what: str
    condition: Condition
    sentence: str
    advice: str | None = None


def good(what: str, sentence: str) -> Finding:
    """All is well."""
    return Finding(what, "good", sentence)


def attention(what: str, sentence: str, advice: str) -> Finding:
    """It works, but."""
    return Finding(what, "attention", sentence, advice)


def problem(what: str, sentence: str, advice: str) -> Finding:
    """It does not work."""
    return Finding(what, "problem", sentence, advice)
