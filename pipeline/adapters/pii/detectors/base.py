"""What every detector is: a condition without which it can find nothing, and the search itself."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module

from pipeline.adapters.pii.page import Page
from pipeline.adapters.pii.spans import Span

__all__ = ["Detector", "Search", "checks_out"]

Search = Callable[[Page], Iterator[Span]]


@dataclass(frozen=True, slots=True)
class Detector:
    """One kind of search.

    `needs` is cheap and sound: where it is false, `find` finds nothing. A property test holds it to that.
    """

    name: str
    types: tuple[str, ...]
    needs: Callable[[Page], bool]
    find: Search


def checks_out(validator: str, candidate: str) -> bool:
    """Ask `stdnum.<validator>` whether the check digits fit. Modules load on the first candidate."""
    return bool(import_module(f"stdnum.{validator}").is_valid(candidate))
