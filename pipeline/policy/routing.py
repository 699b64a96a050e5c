"""Which route takes a request: the first that matches, or of those that match the one with the highest score."""

from collections.abc import Sequence
from typing import Literal

from pipeline.policy.compiled_parts import CompiledRoute, RouteChoice
from pipeline.policy.conditions import known
from pipeline.policy.facts import RequestFacts
from pipeline.policy.questions import Asked, Questions, bits

__all__ = ["RouteBook"]


class RouteBook:
    """The routes of a policy."""

    def __init__(self, routes: Sequence[CompiledRoute], choose: Literal["first", "scored"]) -> None:
        """Put the conditions together."""
        self._routes = tuple(routes)
        self._scored = choose == "scored"
        self._asked = Asked(Questions([route.condition for route in routes]))
        self._embedding = sum(1 << at for at, route in enumerate(routes) if route.spec.kind == "embedding")
        self._plain = tuple(RouteChoice(route) for route in routes)
        names = {name for route in routes if route.score is not None for name in route.score.names}
        self._score_names = tuple(sorted(names))

    def choose(self, facts: RequestFacts) -> RouteChoice:
        """The route, and those that were asked before it (all of them, if scored) and had no answer."""
        true, silent = self._ask(facts)
        if self._scored:
            return self._best(facts, true, silent)
        if not true:
            return RouteChoice(None, self._named(silent))
        first = (true & -true).bit_length() - 1
        before = silent & ((1 << first) - 1)
        return RouteChoice(self._routes[first], self._named(before)) if before else self._plain[first]

    def scores(self, facts: RequestFacts) -> dict[str, float | None]:
        """The score of each route that matches; None where it has no answer."""
        true, _ = self._ask(facts)
        return {self._routes[at].spec.name: score for at, score in self._scores(facts, true).items()}

    def _ask(self, facts: RequestFacts) -> tuple[int, int]:
        """Which routes match, and which have no answer, of those of the kind that is asked for."""
        true, silent = self._asked.ask(facts)
        if not self._embedding and not facts.embeds:
            return true, silent
        kind = self._embedding if facts.embeds else ~self._embedding
        return true & kind, silent & kind

    def forget(self) -> None:
        """Empty the memory."""
        self._asked.forget()

    def _best(self, facts: RequestFacts, true: int, silent: int) -> RouteChoice:
        scores = self._scores(facts, true)
        silent |= sum(1 << at for at, score in scores.items() if score is None)
        # Of equal scores the first route wins, as the order of the file says.
        ranked = [(-score, at) for at, score in scores.items() if score is not None]
        best = self._routes[min(ranked)[1]] if ranked else None
        return RouteChoice(best, self._named(silent))

    def _scores(self, facts: RequestFacts, true: int) -> dict[int, float | None]:
        activation = known(facts.some(self._score_names), targets=False)
        found: dict[int, float | None] = {}
        for at in bits(true):
            score = self._routes[at].score
            found[at] = 0.0 if score is None else score.ask(activation)
        return found

    def _named(self, silent: int) -> tuple[str, ...]:
        return tuple(self._routes[at].spec.name for at in bits(silent))
