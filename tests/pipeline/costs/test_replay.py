"""Many recorded requests under another policy are counted by route and tenant, in bounded memory."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from planning import policy_of
from recorded import record_of

from pipeline.contracts import Residency, Signals, Snapshot
from pipeline.costs.replay import Replay
from pipeline.policy import Policy
from pipeline.ports import Outcome
from stages.plan import again as planner

OLD = """\
  - {name: sums, match: req.task == "sums", tiers: [{variants: {tiny: 1}}, {variants: {near: 1}}]}
  - {name: chat, match: "true", tiers: [{variants: {tiny: 1}}, {variants: {near: 1}}]}
"""
NEW = """\
  - {name: sums, match: req.task == "sums", tiers: [{variants: {near: 1}}]}
  - {name: talk, match: "true", tiers: [{variants: {tiny: 1}}, {variants: {near: 1}}]}
"""


@pytest.fixture
def old(tmp_path: Path) -> Policy:
    (tmp_path / "old").mkdir()
    return policy_of(tmp_path / "old", OLD)


@pytest.fixture
def new(tmp_path: Path) -> Policy:
    (tmp_path / "new").mkdir()
    return policy_of(tmp_path / "new", NEW)


def test_a_report_says_who_moves_where_and_what_it_costs(old: Policy, new: Policy) -> None:
    replay = Replay(new, planner)
    for number in range(10):
        replay.add(record_of(old, number=number, tenant="acme", metadata={"task": "sums"}))
    for number in range(30):
        replay.add(record_of(old, number=number, tenant="globex"))
    replay.add(record_of(old).model_copy(update={"signals_seen": None}))
    report = replay.report()
    assert (report["records"], report["replayed"], report["moved"]) == (41, 40, 40)
    assert list(report["not_replayable"].values()) == [1]
    assert report["routes"] == [{"from": "chat", "to": "talk", "requests": 30}]
    assert report["variants"] == [{"from": "tiny > near", "to": "near", "requests": 10}]
    assert report["cost"]["difference_usd"] == pytest.approx(10 * (0.02 - 0.002))
    assert (report["cost"]["compared"], report["cost"]["unknown"]) == (40, 0)
    by_tenant = {row["tenant"]: row for row in report["by_tenant"]}
    assert by_tenant["acme"]["difference_usd"] == report["cost"]["difference_usd"]
    assert by_tenant["globex"]["difference_usd"] == 0
    assert [row["route"] for row in report["by_route"]] == ["chat", "sums"]
    assert report["assumptions"]


def test_an_empty_log_has_an_empty_report(new: Policy) -> None:
    report = Replay(new, planner).report()
    assert (report["replayed"], report["moved"], report["moved_share"]) == (0, 0, None)


@dataclass
class Known:
    """A planner that knows the answer."""

    outcome: Outcome

    def plan_again(self, signals: Signals, snapshot: Snapshot, policy: Policy, /) -> Outcome:
        return self.outcome

    def residency_again(self, signals: Signals, policy: Policy, /) -> tuple[Residency, ...]:
        return ()


@pytest.mark.parametrize("records", [3000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_records_of_as_many_tenants_are_counted_in_a_bounded_number_of_rows(
    old: Policy, new: Policy, records: int
) -> None:
    record = record_of(old)
    assert record.signals_seen is not None
    assert record.snapshot is not None
    replay = Replay(new, Known(planner.plan_again(record.signals_seen, record.snapshot, new)))
    for number in range(records):
        replay.add(record.model_copy(update={"tenant": f"t{number}"}))
    report = replay.report()
    assert report["replayed"] == records
    assert len(report["by_tenant"]) <= 1001
    assert sum(row["requests"] for row in report["by_tenant"]) == records
    assert report["by_tenant"][0]["tenant"] == "(others)"
