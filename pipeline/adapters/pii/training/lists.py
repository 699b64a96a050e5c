"""The lists of words in `lists.txt`."""

from functools import lru_cache
from pathlib import Path

__all__ = ["listed"]


@lru_cache(maxsize=1)
def _all() -> dict[str, tuple[str, ...]]:
    every: dict[str, tuple[str, ...]] = {}
    for line in (Path(__file__).parent / "lists.txt").read_text(encoding="utf-8").splitlines()[1:]:
        name, _, words = line.partition(": ")
        every[name] = (*every.get(name, ()), *words.split("|"))
    return every


def listed(name: str) -> tuple[str, ...]:
    """The words of one list.

    Raises:
        KeyError: there is no such list.
    """
    return _all()[name]
