"""The parts of a policy in force that have a condition."""

from dataclasses import dataclass

from pipeline.contracts import JsonObject
from pipeline.policy.calibration import Calibrator
from pipeline.policy.conditions import Condition, Score, known
from pipeline.policy.facts import RequestFacts
from pipeline.policy.guards import Guard
from pipeline.policy.models import BudgetSpec, EscalationCap, Rate, ResidencyRule, Route

__all__ = ["CompiledCover", "CompiledRate", "CompiledRoute", "CompiledRule", "RouteChoice"]


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A residency rule with its condition."""

    spec: ResidencyRule
    condition: Condition


@dataclass(frozen=True, slots=True)
class CompiledRoute:
    """A route with its condition.

    Attributes:
        spec: the route; in a tier on which an experiment runs, the variants are those of the experiment.
        score: with `choose: scored`; None counts as 0.
        experiments: for each tier, the experiment that runs there.
        response_schema: of answers to requests that bring none.
        calibrator: makes the confidence of an answer out of how sure the model sounded; None: that is the confidence.
        guard: says which remembered questions have the same answer; None: the one that comes along.
    """

    spec: Route
    condition: Condition
    score: Score | None = None
    experiments: tuple[str | None, ...] = ()
    response_schema: JsonObject | None = None
    calibrator: Calibrator | None = None
    guard: Guard | None = None

    def matches(self, facts: RequestFacts) -> bool | None:
        """Whether the route takes a request of these facts; None when its condition has no answer."""
        return self.condition.ask(known(facts.some(self.condition.names), targets=False))


@dataclass(frozen=True, slots=True)
class RouteChoice:
    """The route that takes the request, and the routes that were asked and had no answer."""

    route: CompiledRoute | None
    silent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CompiledCover:
    """A budget or a cap on escalations with its condition."""

    spec: BudgetSpec | EscalationCap
    condition: Condition


@dataclass(frozen=True, slots=True)
class CompiledRate:
    """A rate with its condition."""

    spec: Rate
    condition: Condition
