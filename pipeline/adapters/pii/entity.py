"""A named thing as a language pipeline sees it."""

from dataclasses import dataclass

__all__ = ["Entity"]


@dataclass(frozen=True, slots=True)
class Entity:
    """One named thing, with offsets in the whole text. The attributes are those that Presidio reads from spaCy."""

    label_: str
    start_char: int
    end_char: int
    text: str
