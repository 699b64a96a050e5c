"""Museum 15: net savings can be negative, and are then shown as negative."""

from recorded_costs import attempted, recorded

from pipeline.cli.money_text import usd
from pipeline.costs.report import Report


def test_a_route_whose_drafts_never_suffice_costs_more_than_the_large_model_alone() -> None:
    report = Report("route")
    for number in range(10):
        draft, large = attempted(1, "small", 0.002), attempted(2, "large", 0.01)
        report.record(recorded(f"r{number}", draft, large, served="large", counterfactual_usd=0.01))
    row = report.rows["chat"]
    assert round(row.gross, 9) == 0.0, "the answers cost what they would have cost anyway"
    assert round(row.net, 9) == -0.02, "and the drafts came on top"
    assert row.as_dict()["net_savings"] == -0.02
    assert usd(row.net) == "-0.02"


def test_a_single_good_draft_does_not_hide_what_the_others_cost() -> None:
    report = Report("route")
    report.record(recorded("r0", attempted(1, "small", 0.002), counterfactual_usd=0.01))
    for number in range(1, 10):
        draft, large = attempted(1, "small", 0.002), attempted(2, "large", 0.01)
        report.record(recorded(f"r{number}", draft, large, served="large", counterfactual_usd=0.01))
    row = report.rows["chat"]
    assert round(row.gross, 9) == 0.008
    assert round(row.net, 9) == -0.01


def test_what_failed_altogether_is_subtracted_too() -> None:
    report = Report("route")
    report.record(recorded("r0", attempted(1, "small", 0.002), counterfactual_usd=0.01))
    lost = attempted(1, "small", 0.02, error_code="target_timeout", estimated=True)
    report.record(recorded("r1", lost, served=None, trail=()))
    assert round(report.total.net, 9) == -0.012
