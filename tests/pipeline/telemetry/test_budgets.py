"""Metrics of budgets."""

from prometheus_client import CollectorRegistry

from pipeline.telemetry.budgets import BudgetWarnings
from pipeline.telemetry.exposition import exposition


def test_warnings_are_counted_by_the_name_of_the_budget_and_nothing_else() -> None:
    registry = CollectorRegistry()
    warnings = BudgetWarnings(registry)
    warnings.warned("tests-eu")
    warnings.warned("tests-eu")
    text = exposition(registry)[0].decode()
    assert 'stepwell_budget_warnings_total{budget="tests-eu"} 2.0' in text
