"""Metrics of budgets. The label is the name that the policy gives; whose counter it was is never said."""

from functools import cache

from prometheus_client import CollectorRegistry, Counter

from pipeline.telemetry.exposition import process_registry

__all__ = ["BudgetWarnings", "budget_warned"]


class BudgetWarnings:
    """Counts budgets of which a large share is used (their `warn_at`)."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._warned = Counter(
            "stepwell_budget_warnings",
            "Counters of a budget that were used to its warn_at, once for each window and worker",
            ("budget",),
            registry=registry,
        )

    def warned(self, budget: str) -> None:
        """A counter of this budget is used to `warn_at`."""
        self._warned.labels(budget).inc()


@cache
def _of_process() -> BudgetWarnings:
    return BudgetWarnings(process_registry())


def budget_warned(budget: str, _: float) -> None:
    """Count the warning in the registry of this process."""
    _of_process().warned(budget)
