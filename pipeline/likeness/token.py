"""One word of a question."""

from dataclasses import dataclass

__all__ = ["Token"]


@dataclass(frozen=True, slots=True)
class Token:
    """One word: as it is compared (`word`), without its inflection (`stem`), its number where it is one."""

    word: str
    stem: str
    number: str | None = None
    name: bool = False
