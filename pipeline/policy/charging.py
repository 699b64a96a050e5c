"""Which budgets, caps and rates concern a request. Where a condition has no answer, they do: the strict way."""

from collections.abc import Mapping, Sequence
from typing import Generic, Protocol, TypeVar

from pipeline.contracts import Cover
from pipeline.contracts.trusted import trusted
from pipeline.policy.compiled_parts import CompiledCover, CompiledRate
from pipeline.policy.conditions import Condition
from pipeline.policy.facts import RequestFacts
from pipeline.policy.questions import REMEMBERED, Asked, Questions, bits
from pipeline.policy.scopes import RateHit, scope_of

__all__ = ["CoverBook", "RateBook"]


class _Part(Protocol):
    @property
    def condition(self) -> Condition: ...


P = TypeVar("P", bound=_Part)


class _Book(Generic[P]):
    """Parts of a policy, those of which concern a request whose condition is not false."""

    def __init__(self, parts: Sequence[P]) -> None:
        self._parts = tuple(parts)
        self._asked = Asked(Questions([part.condition for part in parts]))
        self._sets: dict[int, list[P]] = {0: []}

    def _concerned(self, facts: RequestFacts) -> list[P]:
        if not self._parts:
            return []
        true, silent = self._asked.ask(facts)
        found = self._sets.get(true | silent)
        if found is None:
            if len(self._sets) >= REMEMBERED:
                self._sets.clear()
            found = self._sets[true | silent] = [self._parts[at] for at in bits(true | silent)]
        return found

    def forget(self) -> None:
        """Empty the memory."""
        self._asked.forget()


class CoverBook(_Book[CompiledCover]):
    """The budgets, and then the caps, of a policy."""

    def covers(self, facts: RequestFacts, scope: Mapping[str, str]) -> tuple[Cover, ...]:
        """Those that concern the request, with whose counter it is."""
        return tuple(
            [
                trusted(Cover, {"budget": part.spec.name, "scope": scope_of(part.spec.by, scope)})
                for part in self._concerned(facts)
            ]
        )


class RateBook(_Book[CompiledRate]):
    """The rates of a policy."""

    def hits(self, facts: RequestFacts, scope: Mapping[str, str], tokens: int) -> tuple[RateHit, ...]:
        """Those that concern the request, with whose counter it is."""
        return tuple(RateHit(part.spec.name, scope_of(part.spec.by, scope), tokens) for part in self._concerned(facts))
