"""The stage escalate with models in memory: tier by tier until one answers."""

import pytest
from cascade import FakeClock
from fakes_ledger import FakeLedger
from fakes_models import FakeJournal, FakeModels, classified, policy, target
from fakes_stages import attempt, envelope, plan, verdict

from pipeline.adapters.models import Attempts
from pipeline.contracts import Cover, Request
from pipeline.errors import Postponed, ResidencyRefused
from pipeline.policy.source import FixedPolicy
from pipeline.ports import Denial, Run
from stages.escalate import Escalate

DRAFT = attempt(1, text="about 20 m")
SEEN = classified("small", "large", "huge")


class Bench:
    def __init__(self, large: str = "large-m", huge: str = "huge-m") -> None:
        self.models, self.journal, self.clock = FakeModels(), FakeJournal(), FakeClock()
        self.policies = FixedPolicy(policy({"large": target(large), "huge": target(huge)}))

    @property
    def stage(self) -> Escalate:
        return Escalate(Attempts(self.models, self.journal, self.policies, self.clock), self.policies)

    @property
    def called(self) -> list[str]:
        return [call.permit.target for call in self.models.calls]


async def test_the_next_tier_answers() -> None:
    bench = Bench()
    outcome = await bench.stage.handle(envelope(DRAFT, classification=SEEN), Run())
    assert outcome.kind == "escalated"
    assert [made.stage for made in outcome.changes["attempts"]] == ["draft", "escalate"]
    assert bench.called == ["large"]


async def test_where_a_tier_fails_the_one_after_it_is_called() -> None:
    bench = Bench(large="error")
    outcome = await bench.stage.handle(envelope(DRAFT, tiers=plan(3), classification=SEEN), Run())
    assert outcome.kind == "escalated"
    assert bench.called == ["large", "huge"]
    made = outcome.changes["attempts"]
    assert [(one.number, one.tier, one.error is None) for one in made] == [(1, 0, True), (2, 1, False), (3, 2, True)]
    assert set(bench.journal.written) == {("default.r1", "escalate-2"), ("default.r1", "escalate-3")}


async def test_a_redelivery_walks_the_same_tiers_without_a_call() -> None:
    bench = Bench(large="error")
    before = envelope(DRAFT, tiers=plan(3), classification=SEEN)
    first = await bench.stage.handle(before, Run())
    again = await bench.stage.handle(before, Run(delivered=2))
    assert len(bench.called) == 2
    assert [made.text for made in again.changes["attempts"]] == [made.text for made in first.changes["attempts"]]
    assert [made.replayed for made in again.changes["attempts"]] == [False, True, True]


async def test_when_all_fail_the_draft_is_served_and_marked() -> None:
    bench = Bench(large="error", huge="429")
    outcome = await bench.stage.handle(envelope(DRAFT, tiers=plan(3), classification=SEEN, verdict=verdict()), Run())
    assert outcome.changes["degraded"] == "large_unavailable"
    assert len(outcome.changes["attempts"]) == 3


async def test_without_time_the_draft_is_served_and_marked_and_nothing_is_called() -> None:
    bench = Bench()
    bench.clock.time = 1_000_009.99
    outcome = await bench.stage.handle(envelope(DRAFT, classification=SEEN, verdict=verdict()), Run())
    assert outcome.changes["degraded"] == "deadline"
    assert bench.called == []


class Hurrying(FakeClock):
    """A clock that moves by 60 ms with each look at it."""

    def now(self) -> float:
        self.time += 0.06
        return self.time


async def test_a_call_that_used_up_the_time_is_told_as_such() -> None:
    bench = Bench(large="hang")
    bench.clock = Hurrying(1_000_009.79)
    outcome = await bench.stage.handle(envelope(DRAFT, classification=SEEN, verdict=verdict()), Run())
    assert bench.called == ["large"]
    assert outcome.changes["degraded"] == "deadline"


async def test_residency_is_asked_for_each_tier() -> None:
    bench = Bench(large="error")
    with pytest.raises(ResidencyRefused):
        await bench.stage.handle(envelope(DRAFT, tiers=plan(3), classification=classified("small", "large")), Run())
    assert bench.called == ["large"]


COVERED = plan(2, covers=(Cover(budget="team", scope="all"),))


def paying(denial: Denial) -> tuple[Bench, Escalate]:
    bench, ledger = Bench(), FakeLedger(denies=lambda charge: denial)
    return bench, Escalate(
        Attempts(bench.models, bench.journal, bench.policies, bench.clock, ledger=ledger), bench.policies
    )


async def test_without_money_the_draft_is_served_and_marked_and_nothing_is_called() -> None:
    bench, stage = paying(Denial("team", "degrade", "it is used up"))
    before = envelope(DRAFT, tiers=COVERED, classification=SEEN, verdict=verdict())
    outcome = await stage.handle(before, Run())
    assert outcome.changes["degraded"] == "budget"
    assert bench.called == []


async def test_a_budget_that_lets_requests_wait_postpones_the_escalation() -> None:
    bench, stage = paying(Denial("team", "queue", "it is used up", 60.0))
    with pytest.raises(Postponed):
        await stage.handle(envelope(DRAFT, tiers=COVERED, classification=SEEN, verdict=verdict()), Run())
    assert bench.called == []


async def test_with_fallbacks_off_a_failed_tier_is_the_last_one() -> None:
    bench = Bench(large="error")
    request = Request(input="x", disable_fallbacks=True)
    before = envelope(DRAFT, tiers=plan(3), request=request, classification=SEEN, verdict=verdict())
    outcome = await bench.stage.handle(before, Run())
    assert bench.called == ["large"]
    assert outcome.changes["degraded"] == "large_unavailable"
