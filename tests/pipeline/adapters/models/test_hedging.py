"""A second call beside a slow first one: the first answer wins, the other is stopped, and both are paid for."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from cascade import FakeClock
from fakes_ledger import FakeLedger
from fakes_models import FakeJournal, FakeModels, answer, classified, policy, shown, target

from pipeline.adapters.models.attempts import Attempts
from pipeline.adapters.models.hedging import Hedges, race
from pipeline.contracts import Attempt, Budget, Cover, Envelope, Plan, Request, Signals, Tier, Usage
from pipeline.errors import TargetUnavailable
from pipeline.policy.models import Hedge
from pipeline.policy.source import FixedPolicy
from pipeline.ports import Charge, Completion, Denial, ModelCall, Run, TokenSink, Try

RULES = Hedge(share=0.05, quantile=0.95, minimum=20)


def warm(hedges: Hedges, calls: int, latency_ms: float = 1.0) -> Hedges:
    for _ in range(calls):
        hedges.answered("small", latency_ms, RULES)
    return hedges


def test_a_call_is_slow_beyond_the_quantile_of_the_last_calls() -> None:
    hedges = Hedges()
    for latency in range(1, 101):
        hedges.answered("small", float(latency), RULES)
    assert hedges.after_s("small", RULES) == pytest.approx(0.096)
    assert hedges.after_s("large", RULES) is None


def test_before_enough_calls_were_seen_nothing_counts_as_slow() -> None:
    assert warm(Hedges(), RULES.minimum - 1).after_s("small", RULES) is None
    assert warm(Hedges(), RULES.minimum).after_s("small", RULES) is not None


def test_only_recent_calls_count() -> None:
    hedges = warm(warm(Hedges(), 300, 1000.0), 200, 2.0)
    assert hedges.after_s("small", RULES) == pytest.approx(0.002)


def test_of_many_calls_no_larger_share_is_made_twice() -> None:
    hedges, twice = Hedges(), 0
    for _ in range(2000):
        hedges.answered("small", 1.0, RULES)
        twice += hedges.spend("small")
    assert 90 <= twice <= 100
    assert warm(Hedges(), 10_000).spend("small")
    saved = warm(Hedges(), 10_000)
    assert sum(saved.spend("small") for _ in range(100)) == 5, "a quiet time saves up no more than a few"


# ---------------------------------------------------------------- the race


async def slow(seconds: float = 3600.0, text: str = "slow") -> Completion:
    await asyncio.sleep(seconds)
    return answer(text)


async def quick(text: str = "quick") -> Completion:
    return answer(text)


async def broken() -> Completion:
    raise TargetUnavailable("broken")


def giving(beside: Coroutine[Any, Any, Completion] | None) -> Any:
    async def second() -> Coroutine[Any, Any, Completion] | None:
        return beside

    return second


async def test_a_quick_call_is_not_made_twice() -> None:
    ended = await race(quick(), 0.05, giving(None))
    assert (ended.answer.text, ended.second, ended.begun) == ("quick", False, False)


async def test_the_second_one_wins_and_the_first_is_stopped() -> None:
    tasks = asyncio.all_tasks()
    ended = await race(slow(), 0.001, giving(quick()))
    assert (ended.answer.text, ended.second, ended.begun) == ("quick", True, True)
    assert asyncio.all_tasks() == tasks


async def test_the_first_one_may_still_win() -> None:
    ended = await race(slow(0.01, "first"), 0.001, giving(slow()))
    assert (ended.answer.text, ended.second, ended.begun) == ("first", False, True)


async def test_one_that_breaks_does_not_stop_the_other() -> None:
    assert (await race(slow(0.01, "first"), 0.001, giving(broken()))).answer.text == "first"

    async def breaks_late() -> Completion:
        await asyncio.sleep(0.005)
        raise TargetUnavailable("late")

    assert (await race(breaks_late(), 0.001, giving(slow(0.02, "second")))).second


async def test_where_both_break_the_error_is_that_of_the_first() -> None:
    async def breaks_late() -> Completion:
        await asyncio.sleep(0.005)
        raise TargetUnavailable("the first")

    with pytest.raises(TargetUnavailable, match="the first"):
        await race(breaks_late(), 0.001, giving(broken()))


async def test_a_race_that_is_stopped_stops_both() -> None:
    tasks = asyncio.all_tasks()
    running = asyncio.create_task(race(slow(), 0.0, giving(slow())))
    await asyncio.sleep(0.01)
    running.cancel("cancelled")
    with pytest.raises(asyncio.CancelledError) as caught:
        await running
    assert caught.value.args == ("cancelled",)
    assert asyncio.all_tasks() == tasks


# ---------------------------------------------------------------- attempts


PRICED = {"input": 1.0, "output": 10.0, "source": "a list", "as_of": "2026-01-31"}
USED = Usage(input_tokens=90, output_tokens=7)
STOPPED = Usage(input_tokens=100, output_tokens=50)


@dataclass
class SlowFirst(FakeModels):
    """Each call takes 5 ms. The first call of the next request hangs once it is told to; `both` hang."""

    slow: bool = False
    both: bool = False
    stopped: list[str] = field(default_factory=list)
    clock: FakeClock = field(default_factory=FakeClock)

    async def complete(self, call: ModelCall, sink: TokenSink | None = None) -> Completion:
        if call.opens is not None:
            call.progress.opened = True
            await call.opens()
        self.calls.append(call)
        call.progress.running = Try(unseen=True)
        key = shown(call).idempotency_key
        if self.slow and (self.both or not key.endswith(".hedge")):
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                self.stopped.append(key)
                raise
        call.progress.running = None
        self.clock.time += 0.005
        return replace(answer("x"), usage=USED)


def envelope(request: Request | None = None) -> Envelope:
    tier = Tier(variant="small", target="small", propensity=1.0)
    signals = Signals(tenant="acme", tokens=100)
    return Envelope.model_validate(
        {
            "id": "r1",
            "request": request or Request(input="x", tenant="acme"),
            "fingerprint": "f",
            "lane": "interactive",
            "received_at": 1_000_000.0,
            "deadline_at": 1_000_010.0,
            "policy_revision": "0123456789abcdef",
            "classification": classified("small"),
            "plan": Plan(route="chat", tiers=(tier,), covers=(Cover(budget="team", scope="all"),), signals=signals),
        }
    )


@dataclass
class Bench:
    models: SlowFirst = field(default_factory=SlowFirst)
    ledger: FakeLedger = field(default_factory=FakeLedger)
    journal: FakeJournal = field(default_factory=FakeJournal)
    hedge: bool = True

    def __post_init__(self) -> None:
        spec = target("small-m", price=PRICED, hedge=self.hedge, max_output_tokens=50)
        self.attempts = Attempts(
            self.models, self.journal, FixedPolicy(policy({"small": spec})), self.models.clock, ledger=self.ledger
        )

    async def warm(self) -> "Bench":
        for _ in range(60):
            await self.attempts.make(envelope(), Run(), "draft", 0)
            self.journal.written.clear()
        self.models.calls.clear()
        self.ledger.lines.clear()
        self.ledger.settled.clear()
        self.ledger.charges.clear()
        self.models.slow = True
        return self

    async def make(self, request: Request | None = None, run: Run | None = None) -> Attempt:
        made = (await self.attempts.make(envelope(request), run or Run(), "draft", 0)).last
        assert made is not None
        return made


async def test_a_slow_call_is_made_a_second_time_under_a_key_of_its_own_and_both_are_paid() -> None:
    bench = await Bench().warm()
    made = await bench.make()
    assert [shown(call).idempotency_key for call in bench.models.calls] == ["acme.r1.draft-1", "acme.r1.draft-1.hedge"]
    assert bench.models.stopped == ["acme.r1.draft-1"]
    assert (made.text, made.hedged, made.estimated, made.hedge_usage) == ("x", True, True, USED)
    assert made.usage == USED + STOPPED
    assert made.cost_usd == pytest.approx((190 + 57 * 10) / 1e6)
    assert bench.ledger.verbs == ["reserve draft-1", "reserve draft-1-hedge", "settle draft-1", "settle draft-1-hedge"]
    assert bench.ledger.charges["acme.r1.draft-1-hedge"].purpose == "hedge"
    assert bench.ledger.settled["acme.r1.draft-1"][:2] == (pytest.approx((100 + 500) / 1e6), STOPPED)
    assert bench.ledger.settled["acme.r1.draft-1-hedge"][:2] == (pytest.approx((90 + 70) / 1e6), USED)
    assert sum(usd or 0.0 for usd, _, _ in bench.ledger.settled.values()) == pytest.approx(made.cost_usd)


async def test_a_replay_settles_both_again() -> None:
    bench = await Bench().warm()
    await bench.make()
    before = dict(bench.ledger.settled)
    bench.ledger.settled.clear()
    await bench.make(run=Run(delivered=2))
    assert bench.ledger.settled == before
    assert len(bench.models.calls) == 2


async def test_where_nobody_pays_for_a_second_call_there_is_none() -> None:
    def denies(charge: Charge) -> Denial | None:
        return Denial("team", "refuse", "it is used up") if charge.purpose == "hedge" else None

    bench = await Bench(ledger=FakeLedger(denies)).warm()
    task = asyncio.create_task(bench.make())
    while "deny draft-1-hedge" not in bench.ledger.verbs:
        await asyncio.sleep(0.001)
    assert len(bench.models.calls) == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_no_second_call_is_made_that_would_wait_for_a_slot() -> None:
    bench = await Bench().warm()
    bench.models.full.add("small")
    task = asyncio.create_task(bench.make())
    await asyncio.sleep(0.05)
    assert len(bench.models.calls) == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_second_call_that_would_pass_the_callers_ceiling_is_not_made() -> None:
    bench = await Bench().warm()
    worst = (100 + 50 * 10) / 1e6
    task = asyncio.create_task(bench.make(Request(input="x", tenant="acme", budget=Budget(max_cost_usd=1.5 * worst))))
    await asyncio.sleep(0.05)
    assert len(bench.models.calls) == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("hedge", [True, False])
async def test_only_where_the_target_says_so(hedge: bool) -> None:
    bench = await Bench(hedge=hedge).warm()
    task = asyncio.create_task(bench.make())
    await asyncio.sleep(0.05)
    assert len(bench.models.calls) == (2 if hedge else 1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_request_that_is_taken_back_pays_for_the_first_call() -> None:
    bench = await Bench().warm()
    bench.models.both = True
    task = asyncio.create_task(bench.make())
    while len(bench.models.calls) < 2:
        await asyncio.sleep(0.001)
    task.cancel("cancelled")
    made = await task
    assert made.error is not None
    assert sorted(bench.models.stopped) == ["acme.r1.draft-1", "acme.r1.draft-1.hedge"]
    assert made.usage == STOPPED + STOPPED
    assert set(bench.ledger.settled) == {"acme.r1.draft-1", "acme.r1.draft-1-hedge"}
