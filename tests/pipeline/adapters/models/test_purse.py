"""Money is set aside before a call and settled after it, however it ends, also on a redelivery."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from cascade import FakeClock
from fakes_ledger import FakeLedger
from fakes_models import FakeJournal, FakeModels, answer, classified, policy, target
from fakes_money import lines

from pipeline.adapters.models.attempts import Attempts
from pipeline.adapters.models.estimates import Size
from pipeline.adapters.models.purse import Bill, charge_of
from pipeline.adapters.money.ledger import StreamLedger
from pipeline.adapters.money.memory import MemoryCounters
from pipeline.contracts import (
    Attempt,
    Budget,
    Chunk,
    Cover,
    Envelope,
    Plan,
    Purpose,
    Reply,
    Request,
    Rung,
    Signals,
    Step,
    Tier,
    Usage,
)
from pipeline.errors import ResidencyRefused, TargetUnavailable, TransportUnavailable
from pipeline.policy import Policy
from pipeline.policy.compiled_parts import CompiledCover
from pipeline.policy.conditions import compile_condition
from pipeline.policy.models import BudgetSpec, Variant
from pipeline.policy.source import FixedPolicy
from pipeline.ports import Charge, Completion, Denial, ModelCall, Run, TokenSink
from pipeline.transport.memory import MemoryLink

PRICED = {"input": 1.0, "output": 10.0, "source": "a list", "as_of": "2026-01-31"}
NAMES = ("small", "spare", "large")
TARGETS = {name: target(f"{name}-m", price=PRICED, max_output_tokens=100) for name in NAMES}
VARIANTS = {name: Variant(target=name) for name in NAMES}
COVERS = (Cover(budget="team", scope="tenant=acme/variant={variant}"),)
SIGNALS = Signals(tenant="acme", tokens=1000)
WORST = (1000 * 1.0 + 100 * 10.0) / 1e6
DENIED = Denial("team", "refuse", "it is used up", 60.0)


def policies() -> Policy:
    limit = {"name": "team", "limit": {"usd": 1.0}, "action": "degrade", "degrade_to": ("spare",)}
    spec = BudgetSpec.model_validate(limit)
    covering = (CompiledCover(spec, compile_condition("true", targets=False)),)
    return replace(policy(TARGETS, variants=VARIANTS), covering=covering)


def envelope(
    request: Request | None = None, *, covers: tuple[Cover, ...] = COVERS, on_capped: str = "degrade", **others: object
) -> Envelope:
    spare = (Rung(variant="spare", target="spare"),)
    tiers = (
        Tier(variant="small", target="small", propensity=1.0, fallbacks=spare),
        Tier(variant="large", target="large", propensity=1.0),
    )
    fields: dict[str, object] = {
        "id": "r1",
        "request": request or Request(input="How deep is it?", tenant="acme"),
        "fingerprint": "f",
        "lane": "interactive",
        "received_at": 1_000_000.0,
        "deadline_at": 1_000_010.0,
        "policy_revision": "0123456789abcdef",
        "classification": classified(*NAMES),
        "plan": Plan(route="chat", tiers=tiers, covers=covers, signals=SIGNALS, on_capped=on_capped),
    }
    return Envelope.model_validate({**fields, **others})


def used(call: ModelCall) -> Completion:
    return replace(answer("x"), usage=Usage(input_tokens=900, output_tokens=20))


COST = (900 * 1.0 + 20 * 10.0) / 1e6


@dataclass
class Bench:
    script: Callable[[ModelCall], Completion | Exception] = used
    ledger: FakeLedger = field(default_factory=FakeLedger)
    journal: FakeJournal = field(default_factory=FakeJournal)
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.models = FakeModels(self.script)

    @property
    def attempts(self) -> Attempts:
        source = FixedPolicy(policies())
        return Attempts(self.models, self.journal, source, self.clock, ledger=self.ledger)


def first_down(call: ModelCall) -> Completion | Exception:
    return TargetUnavailable("down") if call.permit.target == "small" else used(call)


async def test_what_a_call_may_cost_at_most_is_set_aside_and_what_it_cost_is_settled() -> None:
    bench = Bench()
    await bench.attempts.make(envelope(), Run(), "draft", 0)
    assert bench.ledger.lines == [
        ("reserve", "acme.r1.draft-1", pytest.approx(WORST)),
        ("settle", "acme.r1.draft-1", pytest.approx(COST)),
    ]
    charge = bench.ledger.charges["acme.r1.draft-1"]
    assert (charge.tokens, charge.stage, charge.purpose, charge.route) == (1100, "draft", "draft", "chat")
    assert charge.covers == (Cover(budget="team", scope="tenant=acme/variant=small"),)
    assert charge.free == frozenset()
    assert bench.ledger.asked_for == ["acme.r1"]


async def test_what_is_paid_is_found_out_once_for_an_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is settled is the very charge that was set aside; each attempt has its own."""
    made: list[Charge] = []

    def counted(bill: Bill, purpose: Purpose) -> Charge:
        made.append(charge_of(bill, purpose))
        return made[-1]

    monkeypatch.setattr("pipeline.adapters.models.purse.charge_of", counted)
    await Bench(first_down).attempts.make(envelope(), Run(), "draft", 0)
    assert [charge.attempt for charge in made] == ["acme.r1.draft-1", "acme.r1.draft-2"]


def test_a_bill_that_differs_has_a_charge_of_its_own() -> None:
    """What is known about one is not told about the one that was made from it."""
    rung = Rung(variant="small", target="small")
    bill = Bill(envelope(), policies(), "draft", 0, 0, rung, "draft-1", Size(1000, 100), TARGETS["small"].price)
    assert bill.charge.usd == bill.usd == pytest.approx(WORST)
    dearer = bill._replace(place=1, size=Size(2000, 100))
    assert (bill.charge.purpose, dearer.charge.purpose) == ("draft", "fallback")
    assert dearer.charge.usd == dearer.usd == pytest.approx(WORST + 1000 / 1e6)


async def test_a_request_that_no_budget_pays_for_asks_nobody_before_its_call() -> None:
    bench = Bench()
    await bench.attempts.make(envelope(covers=()), Run(), "draft", 0)
    assert bench.ledger.verbs == ["settle draft-1"]
    assert bench.ledger.asked_for == []


async def test_a_fallback_is_paid_for_by_itself_and_a_call_that_cost_nothing_is_released() -> None:
    bench = Bench(first_down)
    await bench.attempts.make(envelope(), Run(), "draft", 0)
    assert bench.ledger.verbs == ["reserve draft-1", "release draft-1", "reserve draft-2", "settle draft-2"]
    charge = bench.ledger.charges["acme.r1.draft-2"]
    assert (charge.purpose, charge.variant) == ("fallback", "spare")
    assert charge.free == {"team"}, "the budget degrades to this variant, so it is never stopped by it"
    assert bench.ledger.asked_for == ["acme.r1"], "once for a request"


async def test_a_call_that_nobody_pays_for_is_not_made() -> None:
    bench = Bench(ledger=FakeLedger(denies=lambda charge: DENIED))
    made = await bench.attempts.make(envelope(), Run(), "draft", 0)
    assert (made.attempts, made.denial) == ((), DENIED)
    assert bench.models.calls == []
    assert bench.journal.written == {}


async def test_a_fallback_that_nobody_pays_for_ends_the_chain() -> None:
    def denies(charge: Charge) -> Denial | None:
        return DENIED if charge.purpose == "fallback" else None

    bench = Bench(first_down, FakeLedger(denies))
    made = await bench.attempts.make(envelope(), Run(), "draft", 0)
    assert [one.variant for one in made.attempts] == ["small"]
    assert made.denial == DENIED
    assert len(bench.models.calls) == 1


async def test_an_escalation_is_counted_once_for_its_tier_and_not_for_a_draft() -> None:
    bench = Bench()
    await bench.attempts.make(envelope(), Run(), "escalate", 1)
    assert bench.ledger.verbs == ["reserve escalate-1", "escalate escalate-1", "settle escalate-1"]


@pytest.mark.parametrize("action", ["degrade", "queue", "refuse"])
async def test_a_capped_escalation_is_not_made_and_goes_the_way_of_its_route(action: str) -> None:
    bench = Bench(ledger=FakeLedger(capped=replace(DENIED, budget="share", action="degrade")))
    made = await bench.attempts.make(envelope(on_capped=action), Run(), "escalate", 1)
    assert made.capped
    assert made.denial is not None
    assert (made.denial.budget, made.denial.action) == ("share", action)
    assert bench.models.calls == []
    assert bench.ledger.verbs == ["reserve escalate-1", "escalate escalate-1", "release escalate-1"]


async def test_a_replay_settles_again_and_calls_nobody() -> None:
    bench = Bench()
    await bench.attempts.make(envelope(), Run(), "draft", 0)
    once = dict(bench.ledger.settled)
    bench.ledger.settled.clear()
    await bench.attempts.make(envelope(), Run(delivered=2), "draft", 0)
    assert len(bench.models.calls) == 1
    assert bench.ledger.settled == once


async def test_a_worker_that_dies_before_it_settled_is_made_up_for() -> None:
    class Dying(FakeLedger):
        async def settle(self, charge: Charge, usd: float | None, usage: Usage, *, estimated: bool) -> None:
            raise TransportUnavailable("NATS is away")

    bench = Bench(ledger=Dying())
    with pytest.raises(TransportUnavailable):
        await bench.attempts.make(envelope(), Run(), "draft", 0)
    bench.ledger = FakeLedger()
    made = await bench.attempts.make(envelope(), Run(delivered=2), "draft", 0)
    assert made.last is not None
    assert made.last.replayed
    assert bench.ledger.settled["acme.r1.draft-1"][0] == pytest.approx(COST)


class Torn(FakeJournal):
    """A journal that a worker's death cuts off before its first entry is stored."""

    torn = True

    async def write(self, key: str, step: str, attempt: Attempt) -> Attempt:
        if self.torn:
            self.torn = False
            raise TransportUnavailable("the worker died")
        return await super().write(key, step, attempt)


async def test_a_worker_that_dies_before_its_entry_stands_has_its_call_counted_beside_the_one_made_again() -> None:
    streams, bench = MemoryLink().streams, Bench(journal=Torn())
    money = StreamLedger(MemoryCounters(), streams, FixedPolicy(policies()), bench.clock, fresh_s=0.0)
    bench.ledger = money  # type: ignore[assignment]
    with pytest.raises(TransportUnavailable):
        await bench.attempts.make(envelope(), Run(), "draft", 0)
    for _ in range(2):  # the second of these deliveries finds the entry
        await bench.attempts.make(envelope(), Run(delivered=2), "draft", 0)
    assert len(bench.models.calls) == 2
    settled = {line.attempt: line.usd for line in await lines(streams) if line.kind == "settle"}
    assert settled == {
        "acme.r1.draft-1": pytest.approx(COST),
        "acme.r1.draft-1-lost-1": pytest.approx(WORST),
    }
    (left,) = await money.standing((Cover(budget="team", scope="tenant=acme/variant=small"),))
    assert left.left == pytest.approx(1.0 - COST - WORST)


async def test_the_entry_and_the_line_of_a_call_are_on_their_way_together() -> None:
    class Both(FakeJournal):
        async def write(self, key: str, step: str, attempt: Attempt) -> Attempt:
            await asyncio.wait_for(settles.wait(), 10)
            return await super().write(key, step, attempt)

    class Settling(FakeLedger):
        async def settle(self, charge: Charge, usd: float | None, usage: Usage, *, estimated: bool) -> None:
            settles.set()
            await super().settle(charge, usd, usage, estimated=estimated)

    settles = asyncio.Event()
    bench = Bench(ledger=Settling(), journal=Both())
    made = (await bench.attempts.make(envelope(), Run(), "draft", 0)).last
    assert bench.journal.written == {("acme.r1", "draft-1"): made}


async def test_who_finds_that_another_delivery_wrote_first_goes_on_with_that_one() -> None:
    bench = Bench()
    theirs = (await bench.attempts.make(envelope(), Run(), "draft", 0)).last
    ours = (await bench.attempts.make(envelope(), Run(), "draft", 0)).last
    assert theirs is not None
    assert ours == theirs.model_copy(update={"replayed": True})


# ---------------------------------------------------------------- the caller's own ceiling


async def test_a_fallback_that_would_pass_the_callers_ceiling_is_not_called() -> None:
    def dear_failure(call: ModelCall) -> Completion | Exception:
        error = TargetUnavailable("broke off")
        error.charged = call.permit.target == "small"
        return error if error.charged else used(call)

    for ceiling, called in ((1.4 * WORST, 1), (3 * WORST, 2)):
        bench = Bench(dear_failure)
        request = Request(input="x", tenant="acme", budget=Budget(max_cost_usd=ceiling))
        made = await bench.attempts.make(envelope(request), Run(), "draft", 0)
        assert len(bench.models.calls) == called
        assert (made.denial is not None) == (called == 1)


async def test_an_escalation_that_would_pass_the_callers_ceiling_degrades() -> None:
    bench = Bench()
    request = Request(input="x", tenant="acme", budget=Budget(max_cost_usd=1.2 * WORST))
    first = await bench.attempts.make(envelope(request), Run(), "draft", 0)
    made = await bench.attempts.make(envelope(request, attempts=first.attempts), Run(), "escalate", 1)
    assert made.denial is not None
    assert (made.denial.budget, made.denial.action) == ("budget.max_cost_usd", "degrade")
    assert len(bench.models.calls) == 1


async def test_with_a_ceiling_nothing_is_called_whose_price_nobody_knows() -> None:
    unpriced = policy({"small": target("small-m", price=None)})
    bench = Bench()
    attempts = Attempts(bench.models, bench.journal, FixedPolicy(unpriced), bench.clock)
    request = Request(input="x", tenant="acme", budget=Budget(max_cost_usd=100.0))
    made = await attempts.make(envelope(request), Run(), "draft", 0)
    assert made.denial is not None
    assert bench.models.calls == []


# ---------------------------------------------------------------- calls that nobody waited for


@dataclass
class Leaving:
    left: int = 3

    async def chunk(self, chunk: Chunk) -> bool:
        self.left -= 1
        return self.left > 0

    async def reply(self, reply: Reply) -> None: ...


async def test_a_stream_that_is_abandoned_is_settled_with_what_was_generated() -> None:
    bench = Bench(lambda call: answer("one two three four five six"))
    alone = envelope(Request(input="x", tenant="acme", stream=True)).model_copy()
    made = await bench.attempts.make(alone, Run(1, Leaving()), "escalate", 1)
    assert made.last is not None
    assert made.last.error is not None
    usd, usage, estimated = bench.ledger.settled["acme.r1.escalate-1"]
    assert estimated
    assert (usage.input_tokens, usage.output_tokens) == (1000, 4)
    assert usd == pytest.approx((1000 + 40) / 1e6)


@pytest.mark.parametrize(("reason", "code"), [("cancelled", "cancelled"), ("expired", "target_timeout")])
async def test_a_call_that_is_stopped_from_outside_is_settled_and_stands_in_the_record(reason: str, code: str) -> None:
    bench = Bench()
    source = FixedPolicy(policy({"small": target("hang", price=PRICED, max_output_tokens=100)}))
    attempts = Attempts(bench.models, bench.journal, source, bench.clock, ledger=bench.ledger)
    task = asyncio.create_task(attempts.make(envelope(), Run(), "draft", 0))
    while not bench.models.calls:
        await asyncio.sleep(0)
    task.cancel(reason)
    made = await task
    assert not task.cancelling()
    assert made.last is not None
    assert made.last.error is not None
    assert made.last.error.code == code
    usd, usage, estimated = bench.ledger.settled["acme.r1.draft-1"]
    assert estimated
    assert usage == Usage(input_tokens=1000, output_tokens=100), "nobody saw how far it was: as long as it may be"
    assert usd == pytest.approx(WORST)


async def test_a_worker_that_stops_settles_nothing_for_the_call_is_made_again() -> None:
    bench = Bench()
    source = FixedPolicy(policy({"small": target("hang", price=PRICED)}))
    attempts = Attempts(bench.models, bench.journal, source, bench.clock, ledger=bench.ledger)
    task = asyncio.create_task(attempts.make(envelope(), Run(), "draft", 0))
    while not bench.models.calls:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert bench.ledger.verbs == ["reserve draft-1"]
    assert bench.journal.written == {}


@pytest.mark.parametrize(("delivered", "waited", "lost"), [(1, 0, ""), (2, 0, "lost-1"), (3, 2, "lost-2-2")])
async def test_a_later_delivery_names_the_one_whose_call_nobody_heard_of(
    delivered: int, waited: int, lost: str
) -> None:
    bench = Bench()
    step = Step(stage="draft", outcome="postponed", facts={"times": waited}, at=0, duration_ms=1, worker="w")
    await bench.attempts.make(envelope(trail=(step,) if waited else ()), Run(delivered=delivered), "draft", 0)
    charge = bench.ledger.charges["acme.r1.draft-1"]
    assert charge.lost == lost
    assert bench.ledger.verbs == ["reserve draft-1", "settle draft-1"], "it keeps its own name"


# ---------------------------------------------------------------- a slot first, then the money


class Waiting(FakeModels):
    """Every call waits for a slot until somebody gives it one; `asked` counts those that came."""

    slot = asyncio.Event()
    asked = 0

    async def complete(self, call: ModelCall, sink: TokenSink | None = None) -> Completion:
        self.asked += 1
        await self.slot.wait()
        return await super().complete(call, sink)


def waiting(ledger: FakeLedger | None = None) -> Bench:
    bench = Bench(ledger=ledger or FakeLedger())
    bench.models = Waiting(used)
    bench.models.slot = asyncio.Event()
    return bench


async def until(came: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not came():
            await asyncio.sleep(0)


async def test_while_a_call_waits_for_a_slot_nothing_is_set_aside_for_it() -> None:
    bench = waiting()
    task = asyncio.create_task(bench.attempts.make(envelope(), Run(), "draft", 0))
    await until(lambda: bench.models.asked)
    assert (bench.ledger.lines, bench.ledger.asked_for) == ([], [])
    bench.models.slot.set()
    await task
    assert bench.ledger.verbs == ["reserve draft-1", "settle draft-1"]


async def test_a_worker_that_dies_while_its_calls_wait_leaves_nothing_aside() -> None:
    bench = waiting()
    task = asyncio.create_task(bench.attempts.make(envelope(), Run(), "draft", 0))
    await until(lambda: bench.models.asked)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert bench.ledger.lines == []
    assert bench.journal.written == {}


@pytest.mark.parametrize("price", [PRICED, None])
@pytest.mark.parametrize("reason", ["cancelled", "expired"])
async def test_a_call_that_is_taken_back_while_it_waits_cost_nothing(reason: str, price: dict | None) -> None:
    bench = waiting()
    source = FixedPolicy(policy({"small": target("small-m", price=price)}))
    attempts = Attempts(bench.models, bench.journal, source, bench.clock, ledger=bench.ledger)
    task = asyncio.create_task(attempts.make(envelope(), Run(), "draft", 0))
    await until(lambda: bench.models.asked)
    task.cancel(reason)
    made = (await task).last
    assert made is not None
    assert made.error is not None
    assert (made.cost_usd, made.estimated, made.usage) == (0.0, False, Usage())
    assert bench.ledger.lines == []
    assert bench.journal.written == {("acme.r1", "draft-1"): made}


async def test_a_call_that_is_taken_back_while_its_money_is_set_aside_gives_it_back() -> None:
    class Slow(FakeLedger):
        async def reserve(self, charge: Charge) -> Denial | None:
            await super().reserve(charge)
            await asyncio.sleep(3600)
            return None

    bench = Bench(ledger=Slow())
    task = asyncio.create_task(bench.attempts.make(envelope(), Run(), "draft", 0))
    await until(lambda: bench.ledger.lines)
    task.cancel("cancelled")
    await task
    assert bench.ledger.verbs == ["reserve draft-1", "release draft-1"]
    assert bench.models.calls == []


async def test_what_the_callers_ceiling_forbids_waits_for_no_slot() -> None:
    bench = waiting()
    request = Request(input="x", tenant="acme", budget=Budget(max_cost_usd=0.5 * WORST))
    made = await bench.attempts.make(envelope(request), Run(), "draft", 0)
    assert made.denial is not None
    assert bench.models.asked == 0


async def test_what_an_earlier_delivery_may_have_called_is_counted_before_anything_is_waited_for() -> None:
    """With the call beside it; of a first delivery, and of one whose answer stands in the journal, nobody asks."""
    bench = waiting()
    task = asyncio.create_task(bench.attempts.make(envelope(), Run(delivered=2), "draft", 0))
    await until(lambda: bench.models.asked)
    assert bench.ledger.buried == [("draft-1", "lost-1"), ("draft-1-hedge", "lost-1")]
    assert bench.ledger.lines == []
    bench.models.slot.set()
    await task
    bench.ledger.buried.clear()
    await bench.attempts.make(envelope(), Run(delivered=3), "draft", 0)
    await bench.attempts.make(envelope(id="r2"), Run(), "draft", 0)
    assert bench.ledger.buried == []


async def test_a_lost_call_is_counted_also_where_the_policy_no_longer_lets_it_be_made() -> None:
    bench = Bench()
    with pytest.raises(ResidencyRefused):
        await bench.attempts.make(
            envelope(classification=classified(*NAMES, action="deny")), Run(delivered=2), "draft", 0
        )
    assert bench.ledger.buried[0] == ("draft-1", "lost-1")


@pytest.mark.parametrize(("delivered", "covers", "buried"), [(2, COVERS, [("acme.r1", "lost-1")]), (2, (), [])])
async def test_a_request_that_ends_without_its_stage_has_all_its_lost_calls_counted(
    delivered: int, covers: tuple[Cover, ...], buried: list[tuple[str, str]]
) -> None:
    bench = Bench()
    await bench.attempts.forsaken(envelope(covers=covers), delivered)
    assert bench.ledger.buried == buried


def spared(**others: object) -> Envelope:
    before = envelope(**others)
    assert before.plan is not None
    tiers = tuple(tier.model_copy(update={"fallbacks": ()}) for tier in before.plan.tiers)
    spares = (Rung(variant="spare", target="spare"),)
    return before.model_copy(update={"plan": before.plan.model_copy(update={"tiers": tiers, "spares": spares})})


def denies_small(action: str, budget: str = "team") -> FakeLedger:
    denial = Denial(budget, action, "it is used up", 60.0)  # type: ignore[arg-type]
    return FakeLedger(denies=lambda charge: denial if charge.variant != "spare" else None)


async def test_an_attempt_that_a_budget_denies_is_made_by_those_it_degrades_to() -> None:
    bench = Bench(ledger=denies_small("degrade"))
    made = await bench.attempts.make(spared(), Run(), "draft", 0)
    assert made.denial is None
    assert [(one.variant, one.fallback, one.number) for one in made.attempts] == [("spare", 1, 1)]
    assert bench.ledger.verbs == ["deny draft-1", "reserve draft-1", "settle draft-1"]
    assert bench.ledger.charges["acme.r1.draft-1"].variant == "small"
    again = await bench.attempts.make(spared(), Run(delivered=2), "draft", 0)
    assert [(one.variant, one.replayed) for one in again.attempts] == [("spare", True)]


@pytest.mark.parametrize("action", ["refuse", "queue"])
async def test_a_budget_that_does_not_degrade_turns_to_nobody(action: str) -> None:
    made = await Bench(ledger=denies_small(action)).attempts.make(spared(), Run(), "draft", 0)
    assert made.attempts == ()
    assert made.denial is not None
    assert made.denial.action == action


async def test_where_there_is_an_answer_already_a_denied_escalation_turns_to_nobody() -> None:
    bench = Bench(ledger=denies_small("degrade"))
    first = (await bench.attempts.make(spared(), Run(), "draft", 0)).attempts
    made = await bench.attempts.make(spared(attempts=first), Run(), "escalate", 1)
    assert (made.attempts, made.denial is not None) == ((), True)


async def test_a_spare_that_may_not_see_the_request_leaves_the_denial() -> None:
    bench = Bench(ledger=denies_small("degrade"))
    blind = spared().model_copy(update={"classification": classified("small", "large")})
    made = await bench.attempts.make(blind, Run(), "draft", 0)
    assert (made.attempts, made.denial is not None, made.passed_over) == ((), True, ("spare:residency_refused",))


@pytest.mark.parametrize(("action", "wait_s"), [("refuse", 5.0), ("queue", None), ("degrade", None)])
async def test_who_is_refused_a_better_answer_by_a_cap_is_told_when_to_ask_again(
    action: str, wait_s: float | None
) -> None:
    bench = Bench(ledger=FakeLedger(capped=Denial("few", "degrade", "the cap is reached")))
    made = await bench.attempts.make(envelope(on_capped=action), Run(), "escalate", 1)
    assert made.denial is not None
    assert made.denial.resets_s == wait_s
