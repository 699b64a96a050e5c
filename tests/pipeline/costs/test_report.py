"""Sums of what requests cost and saved."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded_costs import attempted, recorded, settled

from pipeline.contracts import Snapshot
from pipeline.costs.report import BY, Report, Row


def test_all_attempts_are_cost_and_only_the_one_that_answered_is_served() -> None:
    report = Report()
    draft, broken = attempted(1, "small", 0.1), attempted(2, "large", 0.3, error_code="target_timeout")
    report.record(recorded("r1", draft, broken, attempted(3, "large", 0.5), served="large", counterfactual_usd=0.5))
    row = report.rows["acme"]
    assert (row.requests, row.answered, row.escalated, row.attempts) == (1, 1, 1, 3)
    assert (row.cost, row.served) == (pytest.approx(0.9), 0.5)
    assert (row.overhead, row.gross, row.net) == (pytest.approx(0.4), 0.0, pytest.approx(-0.4))


def test_of_an_attempt_only_the_call_that_answered_is_served_and_every_call_is_counted() -> None:
    report = Report()
    report.record(recorded("r1", attempted(1, "small", 0.61, lost_usd=0.18, calls=3), counterfactual_usd=0.43))
    row = report.rows["acme"]
    assert (row.attempts, row.cost, row.served) == (3, 0.61, pytest.approx(0.43))
    assert (row.overhead, row.gross, row.net) == (pytest.approx(0.18), pytest.approx(0.0), pytest.approx(-0.18))
    again = attempted(2, "large", 0.2, calls=2)
    report.record(recorded("r1", attempted(1, "small", 0.61, calls=3), again, served="large"))
    assert report.rows["acme"].attempts == 5


def test_a_remembered_answer_costs_nothing_and_saves_a_large_one() -> None:
    report = Report()
    report.record(recorded("r1", cache="hit", cost_usd=0.0, counterfactual_usd=0.5))
    row = report.rows["acme"]
    assert (row.cached, row.cost, row.net, row.gross) == (1, 0.0, 0.5, 0.5)


def test_an_unknown_cost_is_counted_and_never_passes_for_nothing() -> None:
    report = Report()
    report.record(recorded("r1", attempted(1, "small", None), counterfactual_usd=0.5))
    row = report.rows["acme"]
    assert (row.requests, row.unknown, row.cost, row.large, row.net) == (1, 1, 0.0, 0.0, 0.0)


def test_what_cannot_be_compared_is_left_out_of_the_savings_and_counted() -> None:
    report = Report()
    report.record(recorded("r1", attempted(1, "small", 0.2), counterfactual_usd=None))
    report.record(recorded("r2", attempted(1, "small", 0.1), counterfactual_usd=0.5))
    row = report.rows["acme"]
    assert (row.incomparable, row.cost) == (1, pytest.approx(0.3))
    assert (row.gross, row.net) == (pytest.approx(0.4), pytest.approx(0.4))


def test_a_record_that_was_written_twice_counts_once() -> None:
    report = Report()
    for _ in range(2):
        report.record(recorded("r1", attempted(1, "small", 0.2), counterfactual_usd=0.5))
    assert (report.total.requests, report.total.cost) == (1, 0.2)


def test_the_further_attempts_of_a_request_that_was_retried_by_hand_are_added() -> None:
    report = Report()
    first = attempted(1, "small", 0.2, error_code="target_timeout")
    report.record(recorded("r1", first, served=None, snapshot=Snapshot(route="chat")))
    report.record(recorded("r1", first, attempted(2, "large", 0.4), served="large"))
    total = report.total
    assert (total.requests, total.attempts, total.cost) == (1, 2, pytest.approx(0.6))


def test_lines_of_the_ledger_count_where_no_record_holds_their_attempt() -> None:
    report = Report()
    report.record(recorded("r1", attempted(1, "small", 0.2), counterfactual_usd=0.5))
    report.line(settled("r1", "draft-1", 0.2))
    report.line(settled("r1", "draft-1-hedge", 0.1))
    report.line(settled("r1", "escalate-2", 0.4))
    report.line(settled("r9", "draft-1", 0.7, estimated=True))
    report.line(settled("r9", "embedding-x", None))
    row = report.rows["acme"]
    assert (row.cost, row.unrecorded, row.estimated) == (pytest.approx(1.3), pytest.approx(1.1), 0.7)
    assert (row.requests, row.unknown) == (1, 1)
    assert row.net == pytest.approx(0.5 - 1.3)


def test_a_call_that_was_lost_with_its_worker_counts_beside_the_recorded_one() -> None:
    report = Report()
    report.record(recorded("r1", attempted(1, "small", 0.2)))
    report.line(settled("r1", "draft-1", 0.2))
    report.line(settled("r1", "draft-1-lost-1", 0.5, estimated=True))
    row = report.rows["acme"]
    assert (row.cost, row.unrecorded, row.estimated, row.attempts) == (pytest.approx(0.7), 0.5, 0.5, 2)


def test_the_same_id_of_two_tenants_is_two_requests() -> None:
    report = Report()
    report.record(recorded("r1", attempted(1, "small", 0.2)))
    report.record(recorded("r1", attempted(1, "small", 0.3), tenant="other"))
    assert {name: row.cost for name, row in report.rows.items()} == {"acme": 0.2, "other": 0.3}


@pytest.mark.parametrize(("by", "expected"), [*zip(BY, ("acme", "chat", "large", "interactive"), strict=True)])
def test_each_grouping(by: str, expected: str) -> None:
    report = Report(by)  # type: ignore[arg-type]
    report.record(recorded("r1", attempted(1, "small", 0.1), attempted(2, "large", 0.2), served="large"))
    assert list(report.rows) == [expected]


def test_of_what_nobody_answered_the_route_is_that_which_planning_took() -> None:
    by_route, by_variant = Report("route"), Report("variant")
    for report in (by_route, by_variant):
        report.record(recorded("r1", served=None, snapshot=Snapshot(route="tests")))
        report.record(recorded("r2", served=None, cost_usd=0.0))
    assert set(by_route.rows) == {"tests", "-"}
    assert set(by_variant.rows) == {"-"}


COSTS = st.lists(st.one_of(st.none(), st.floats(0, 1e9)), max_size=3)


@given(st.lists(st.tuples(COSTS, st.one_of(st.none(), st.integers(0, 1000)), st.booleans()), max_size=20))
def test_groups_add_up_to_the_total_whatever_they_are_grouped_by(
    ended: list[tuple[list[float | None], int | None, bool]],
) -> None:
    totals = []
    for by in BY:
        report = Report(by)
        for number, (costs, large, answered) in enumerate(ended):
            made = [attempted(place + 1, "small", cost) for place, cost in enumerate(costs)]
            told = None if large is None else large / 1000
            report.record(
                recorded(
                    f"r{number}",
                    *made,
                    served=("small", "large")[number % 2] if answered else None,
                    tenant=f"t{number % 3}",
                    lane=("interactive", "batch")[number % 2],
                    counterfactual_usd=told if answered else None,
                )
            )
        totals.append(report.total.as_dict())
        assert report.total.overhead >= 0
    assert all(total == totals[0] for total in totals), "to the last digit"


def test_sums_are_told_with_what_follows_from_them() -> None:
    row = Row(requests=1)
    row.pay(0.1, "cost", "served")
    row.pay(0.2, "cost")
    told = row.as_dict()
    assert (told["cost"], told["overhead"], told["requests"]) == (0.3, 0.2, 1)
