"""One suite for the ledger over every kind of counters: in memory, and in a real Valkey."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field

import pytest
from cascade import FakeClock
from fakes_money import NOON, budget, cap, charge, ledger, lines, spent
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from valkey_server import ValkeyServer, valkey_server

from pipeline.adapters.money import ledger as ledger_of_streams
from pipeline.adapters.money import rebuild, scripts
from pipeline.adapters.money.counters import Bucket, Counters
from pipeline.adapters.money.fold import Fold
from pipeline.adapters.money.folding import Folder
from pipeline.adapters.money.ledger import StreamLedger
from pipeline.adapters.money.memory import MemoryCounters
from pipeline.adapters.money.pacing import Pace
from pipeline.adapters.money.rebuild import Rebuilder, read_fold
from pipeline.adapters.money.valkey import ValkeyCounters
from pipeline.contracts import BudgetStanding, Cover, Usage
from pipeline.policy.models import Allowance
from pipeline.ports import Link, Streams
from pipeline.transport.memory import MemoryLink

DAY = (Cover(budget="day", scope="tenant=acme"),)
FEW = (Cover(budget="few", scope="route=chat"),)


@dataclass
class Desk:
    """Counters and a stream, workers at them, and how to lose what is in the counters."""

    counters: Callable[[], Counters]
    lose: Callable[[], object]
    streams: Streams = field(default_factory=lambda: MemoryLink().streams)
    clock: FakeClock = field(default_factory=lambda: FakeClock(NOON))
    workers: list[StreamLedger] = field(default_factory=list)

    def worker(self, *specs: object, **others: object) -> StreamLedger:
        made = ledger(self.counters(), self.streams, self.clock, *specs, **others)
        self.workers.append(made)
        return made

    async def lost(self) -> None:
        outcome = self.lose()
        if outcome is not None:
            await outcome  # type: ignore[misc]


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    with valkey_server() as server:
        yield server


@pytest.fixture(params=["memory", "valkey"])
async def desk(request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    if request.param == "memory":
        first = MemoryCounters()
        yield Desk(lambda: MemoryCounters(first), first.lose)
        return
    server: ValkeyServer = request.getfixturevalue("valkey")
    admin = ValkeyCounters(server.url)

    async def flush() -> None:
        await admin._calls.command("FLUSHALL")

    await flush()
    await admin._calls.command("SCRIPT", "LOAD", scripts.SETTLE)  # what is asked after one is then counted after it
    made = Desk(lambda: ValkeyCounters(server.url), flush)
    yield made
    for worker in made.workers:
        await worker.stop()
    await admin.close()


async def left(worker: StreamLedger, covers: tuple[Cover, ...] = DAY) -> float:
    """What is left, once it can be told: while counters are counted again nobody can."""
    async with asyncio.timeout(10):
        while not (found := await worker.standing(covers)):
            await asyncio.sleep(0.01)
    return found[0].left


# ---------------------------------------------------------------- set aside, settled, given back


async def test_of_many_at_once_as_many_go_as_the_budget_has_room_for(desk: Desk) -> None:
    workers = [desk.worker() for _ in range(4)]
    asked = [workers[n % 4].reserve(charge(n)) for n in range(60)]
    denials = [denial for denial in await asyncio.gather(*asked) if denial is not None]
    assert len(denials) == 50
    assert {(one.budget, one.action, one.held) for one in denials} == {("day", "refuse", True)}
    assert [entry.kind for entry in await lines(desk.streams)] == ["reserve"] * 10


async def test_what_was_not_spent_is_free_again(desk: Desk) -> None:
    worker = desk.worker()
    assert await worker.reserve(charge(1, 0.009)) is None
    assert await worker.reserve(charge(2, 0.009)) is not None
    await worker.settle(charge(1, 0.009), 0.001, spent(), estimated=False)
    assert await left(worker) == pytest.approx(0.9)
    assert await worker.reserve(charge(2, 0.009)) is None


async def test_what_others_hold_is_denied_for_a_moment_and_what_is_spent_until_the_window_ends(desk: Desk) -> None:
    worker = desk.worker()
    await worker.reserve(charge(1, 0.009))
    held = await worker.reserve(charge(2, 0.002))
    assert held is not None
    assert (held.held, held.resets_s) == (True, 1.0)
    assert "held by requests on their way" in held.reason
    await worker.settle(charge(1, 0.009), 0.009, spent(), estimated=False)
    gone = await worker.reserve(charge(2, 0.002))
    assert gone is not None
    assert (gone.held, gone.resets_s) == (False, 43_200.0)
    assert "used up" in gone.reason
    too_much = await worker.reserve(charge(3, 0.02))
    assert too_much is not None
    assert not too_much.held, "it would not fit into an empty budget either"


async def test_what_is_held_is_known_to_be_held_after_everything_was_counted_again(desk: Desk) -> None:
    worker = desk.worker()
    await worker.reserve(charge(1, 0.009))
    await desk.lost()
    held = await worker.reserve(charge(2, 0.002))
    assert held is not None
    assert held.held
    await worker.release(charge(1, 0.009))
    await worker.reserve(charge(3, 0.009))
    await worker.settle(charge(3, 0.009), 0.009, spent(), estimated=False)
    gone = await worker.reserve(charge(2, 0.002))
    assert gone is not None
    assert not gone.held


async def test_a_request_that_is_counted_is_not_held(desk: Desk) -> None:
    worker = desk.worker(budget(limit=Allowance(requests=1)))
    await worker.reserve(charge(1))
    denied = await worker.reserve(charge(2))
    assert denied is not None
    assert not denied.held


async def test_a_call_that_was_lost_with_its_worker_is_counted_beside_the_one_that_is_made_again(desk: Desk) -> None:
    both = (budget(limit=Allowance(usd=0.01, requests=3, tokens=10_000)),)
    worker = desk.worker(*both)
    await worker.reserve(charge(1, 0.004))
    for _ in range(2):
        assert await worker.reserve(charge(1, 0.004, lost="lost-1")) is None
    assert await left(worker) == pytest.approx(0.2)
    await worker.settle(charge(1, 0.004), 0.001, spent(), estimated=False)
    assert await left(worker) == pytest.approx(1 / 3), "two of three requests"
    told = [(entry.kind, entry.attempt.rpartition(".")[2], entry.estimated) for entry in await lines(desk.streams)]
    assert told == [("reserve", "draft-1", False), ("settle", "draft-1-lost-1", True), ("settle", "draft-1", False)]
    await desk.lost()
    again = desk.worker(*both)
    assert await again.reserve(charge(2, 0.005)) is None
    assert await again.reserve(charge(3, 0.0)) is not None, "three requests are counted"
    assert await left(again) == 0.0


async def test_a_call_that_was_lost_leaves_no_room_for_another_one_where_it_took_the_last(desk: Desk) -> None:
    worker = desk.worker()
    await worker.reserve(charge(1, 0.006))
    denied = await worker.reserve(charge(1, 0.006, lost="lost-1"))
    assert denied is not None
    assert not denied.held
    assert await left(worker) == pytest.approx(0.4)
    assert await worker.reserve(charge(2, 0.004)) is None
    await desk.lost()
    assert await desk.worker().reserve(charge(3, 0.001)) is not None


async def test_a_delivery_that_died_before_it_held_anything_lost_nothing(desk: Desk) -> None:
    worker = desk.worker()
    assert await worker.reserve(charge(1, 0.006, lost="lost-1")) is None
    assert [entry.kind for entry in await lines(desk.streams)] == ["reserve"]


async def told(streams: Streams) -> list[tuple[str, str, float | None]]:
    return [(entry.kind, entry.attempt.removeprefix("acme."), entry.usd) for entry in await lines(streams)]


async def test_a_call_that_was_lost_counts_as_set_aside_and_holds_nothing_more(desk: Desk) -> None:
    """It is counted before its request is called for again, and once however often that is delivered."""
    worker = desk.worker()
    await worker.reserve(charge(1, 0.004))
    for _ in range(2):
        await desk.worker().lost(["acme.r1.draft-1", "acme.r1.draft-1-hedge"], "lost-1")
    assert await left(worker) == pytest.approx(0.6)
    assert await told(desk.streams) == [("reserve", "r1.draft-1", 0.004), ("settle", "r1.draft-1-lost-1", 0.004)]
    await worker.lost(["acme.r1.draft-1"], "lost-2")
    assert len(await told(desk.streams)) == 2, "the second delivery set nothing aside, so it called nobody"
    assert await worker.reserve(charge(1, 0.004, lost="lost-2")) is None
    assert await left(worker) == pytest.approx(0.2)
    await worker.settle(charge(1, 0.004), 0.001, spent(), estimated=False)
    assert await left(worker) == pytest.approx(0.5)


async def test_of_a_request_that_ends_without_its_call_only_what_was_lost_counts_also_after_counting_again(
    desk: Desk,
) -> None:
    worker = desk.worker()
    await worker.reserve(charge(1, 0.004))
    await worker.lost(["acme.r1.draft-1"], "lost-1")
    for _ in range(2):
        await worker.forsaken("acme.r1", "lost-1")
    assert [line[:2] for line in await told(desk.streams)] == [
        ("reserve", "r1.draft-1"),
        ("settle", "r1.draft-1-lost-1"),
        ("release", "r1.draft-1"),
    ]
    assert await left(worker) == pytest.approx(0.6)
    await desk.lost()
    again = desk.worker()
    assert await again.reserve(charge(2, 0.006)) is None, "there is room for it"
    assert await left(again) == pytest.approx(0.0)


async def test_what_was_settled_or_given_back_is_not_lost(desk: Desk) -> None:
    worker = desk.worker()
    await worker.reserve(charge(1, 0.004))
    await worker.settle(charge(1, 0.004), 0.002, spent(), estimated=False)
    await worker.reserve(charge(2, 0.004))
    await worker.release(charge(2, 0.004))
    await worker.lost(["acme.r1.draft-1", "acme.r2.draft-1", "acme.r3.draft-1"], "lost-1")
    assert await left(worker) == pytest.approx(0.8)
    assert not [name for _, name, _ in await told(desk.streams) if "lost" in name]


async def test_of_what_was_held_and_not_written_down_nothing_was_sent(desk: Desk) -> None:
    """The worker died between the two: what it held is free again, and counts for nobody."""
    worker = desk.worker()
    await worker.reserve(charge(9, 0.002))
    made = charge(1, 0.004)
    await worker._hold(made, worker._payers.of(made, worker._policies.current(), NOON))
    await worker.lost([made.attempt], "lost-1")
    assert await left(worker) == pytest.approx(0.8)
    assert [name for _, name, _ in await told(desk.streams)] == ["r9.draft-1"]


async def test_all_that_a_request_holds_is_counted_where_it_makes_no_attempts_any_more(desk: Desk) -> None:
    worker = desk.worker()
    for step in ("draft-1", "draft-1-hedge", "draft-2"):
        await worker.reserve(charge(1, 0.002, step=step))
    await worker.settle(charge(1, 0.002, step="draft-2"), 0.001, spent(), estimated=False)
    await worker.reserve(charge(10, 0.002))
    await worker.forsaken("acme.r1", "lost-1")
    assert await left(worker) == pytest.approx(0.3)
    named = {name for kind, name, _ in await told(desk.streams) if kind == "settle"}
    assert named == {"r1.draft-2", "r1.draft-1-lost-1", "r1.draft-1-hedge-lost-1"}
    held = await worker.reserve(charge(4, 0.004))
    assert held is not None
    assert held.held, "the other request still holds its part"


async def test_what_cost_more_than_was_set_aside_counts_in_full(desk: Desk) -> None:
    worker = desk.worker()
    await worker.reserve(charge(1, 0.001))
    await worker.settle(charge(1, 0.001), 0.02, spent(), estimated=True)
    assert await left(worker) == 0.0
    assert await worker.reserve(charge(2, 0.000001)) is not None


async def test_an_attempt_is_counted_once_however_often_it_is_delivered(desk: Desk) -> None:
    one, other = desk.worker(), desk.worker()
    for worker in (one, other, one):
        assert await worker.reserve(charge(1, 0.006)) is None
    for worker in (other, one, other):
        await worker.settle(charge(1, 0.006), 0.004, spent(), estimated=False)
    assert await left(one) == pytest.approx(0.6)
    assert await other.reserve(charge(1, 0.006)) is None, "it was made, and may be asked about again"
    assert await left(one) == pytest.approx(0.6)
    assert [entry.kind for entry in await lines(desk.streams)] == ["reserve", "settle"]


async def test_of_two_settlements_the_first_one_counts(desk: Desk) -> None:
    one, other = desk.worker(), desk.worker()
    await one.reserve(charge(1))
    await one.settle(charge(1), 0.004, spent(), estimated=False)
    await other.settle(charge(1), 0.009, spent(), estimated=True)
    assert await left(one) == pytest.approx(0.6)
    assert [entry.usd for entry in await lines(desk.streams)] == [0.001, 0.004]


async def test_what_is_given_back_is_free_again_and_may_be_asked_for_again(desk: Desk) -> None:
    worker = desk.worker()
    await worker.reserve(charge(1, 0.01))
    await worker.release(charge(1, 0.01))
    await worker.release(charge(1, 0.01))
    assert await left(worker) == 1.0
    assert await worker.reserve(charge(1, 0.01)) is None
    await worker.settle(charge(1, 0.01), 0.01, spent(), estimated=False)
    assert await left(worker) == 0.0


async def test_what_was_settled_cannot_be_given_back(desk: Desk) -> None:
    worker = desk.worker()
    await worker.reserve(charge(1, 0.006))
    await worker.settle(charge(1, 0.006), 0.004, spent(), estimated=False)
    await worker.release(charge(1, 0.006))
    assert await left(worker) == pytest.approx(0.6)


async def test_all_budgets_or_none(desk: Desk) -> None:
    wide, narrow = budget("wide", 1.0), budget("narrow", 0.001)
    both = (Cover(budget="wide", scope="all"), Cover(budget="narrow", scope="all"))
    worker = desk.worker(wide, narrow)
    assert await worker.reserve(charge(1, covers=both)) is None
    denial = await worker.reserve(charge(2, covers=both))
    assert denial is not None
    assert denial.budget == "narrow"
    assert await left(worker, both[:1]) == pytest.approx(0.999)


async def test_the_strictest_of_those_that_deny_answers(desk: Desk) -> None:
    specs = (budget("soft", 0.0, action="degrade"), budget("slow", 0.0, action="queue"), budget("hard", 0.0))
    covers = tuple(Cover(budget=name, scope="all") for name in ("soft", "slow", "hard"))
    worker = desk.worker(*specs)
    for length, expected in ((1, "degrade"), (2, "queue"), (3, "refuse")):
        denial = await worker.reserve(charge(length, covers=covers[:length]))
        assert denial is not None
        assert denial.action == expected


async def test_tokens_and_requests_have_limits_of_their_own(desk: Desk) -> None:
    tokens = desk.worker(budget(limit=Allowance(tokens=250)))
    assert [await tokens.reserve(charge(n)) is None for n in range(3)] == [True, True, False]
    await desk.lost()


async def test_a_request_counts_once_however_many_attempts_it_makes(desk: Desk) -> None:
    worker = desk.worker(budget(limit=Allowance(requests=2)))
    for step in ("draft-1", "escalate-2", "escalate-3"):
        assert await worker.reserve(charge(1, step=step)) is None
    assert await worker.reserve(charge(2)) is None
    denied = await worker.reserve(charge(3))
    assert denied is not None
    await worker.release(charge(2))
    assert await worker.reserve(charge(3)) is None, "a request that made no attempt does not count"


async def test_what_the_budget_degrades_to_is_counted_and_never_stopped(desk: Desk) -> None:
    worker = desk.worker()
    await worker.reserve(charge(1, 0.01))
    assert await worker.reserve(charge(2, 0.004, free=frozenset({"day"}))) is None
    await worker.settle(charge(1, 0.01), 0.0, spent(), estimated=False)
    assert await left(worker) == pytest.approx(0.6)


async def test_a_cap_on_the_money_of_escalations_counts_escalations_alone(desk: Desk) -> None:
    worker = desk.worker(budget(stages="escalate"))
    await worker.reserve(charge(1, 0.01))
    assert await worker.reserve(charge(1, 0.006, stage="escalate", step="escalate-2")) is None
    assert await left(worker) == pytest.approx(0.4)


async def test_what_costs_nothing_is_never_stopped_by_money(desk: Desk) -> None:
    worker = desk.worker()
    await worker.reserve(charge(1, 0.01))
    assert await worker.reserve(charge(2, 0.0)) is None


async def test_an_unknown_price_is_not_paid_from_a_budget_in_money(desk: Desk) -> None:
    worker = desk.worker(budget(), budget("count", None, limit=Allowance(requests=1)))
    denial = await worker.reserve(charge(1, None))
    assert denial is not None
    assert "no known price" in denial.reason
    assert await worker.reserve(charge(2, None, covers=(Cover(budget="count", scope="all"),))) is None
    assert await worker.reserve(charge(3, None, free=frozenset({"day"}))) is None


async def test_a_cost_that_nobody_knows_keeps_what_was_set_aside(desk: Desk) -> None:
    worker = desk.worker()
    await worker.reserve(charge(1, 0.007))
    await worker.settle(charge(1, 0.007), None, Usage(), estimated=False)
    assert await left(worker) == pytest.approx(0.3)
    await desk.lost()
    assert await worker.reserve(charge(2, 0.0001)) is None
    assert await left(worker) == pytest.approx(0.29)


async def test_variants_and_targets_are_filled_in_at_the_attempt(desk: Desk) -> None:
    covers = (Cover(budget="day", scope="variant={variant}/target={target}"),)
    worker = desk.worker()
    assert await worker.reserve(charge(1, 0.01, covers=covers)) is None
    assert await worker.reserve(charge(2, 0.01, covers=covers, variant="large")) is None
    assert await worker.reserve(charge(3, 0.01, covers=covers)) is not None
    assert await worker.standing(covers) == (), "before the attempt nobody knows whose counter it is"
    assert (await lines(desk.streams))[0].covers[0].scope == "variant=small/target=small-eu"


async def test_a_budget_that_is_no_longer_in_the_policy_pays_for_nothing(desk: Desk) -> None:
    worker = desk.worker()
    gone = charge(1, 5.0, covers=(Cover(budget="gone", scope="all"),))
    assert await worker.reserve(gone) is None
    await worker.settle(gone, 5.0, spent(), estimated=False)
    (only,) = await lines(desk.streams)
    assert (only.kind, only.usd, only.covers) == ("settle", 5.0, ()), "what was spent is written down all the same"


async def test_a_window_ends_by_the_calendar(desk: Desk) -> None:
    worker = desk.worker()
    await worker.reserve(charge(1, 0.01))
    desk.clock.time += 43_199
    assert await worker.reserve(charge(2, 0.01)) is not None
    desk.clock.time += 1
    assert await worker.reserve(charge(2, 0.01)) is None
    await worker.settle(charge(1, 0.01), 0.002, spent(), estimated=False)
    assert await left(worker) == 0.0, "what was set aside yesterday is settled yesterday"


async def test_standing_tells_what_is_left_and_until_when(desk: Desk) -> None:
    worker = desk.worker()
    await worker.reserve(charge(1, 0.004))
    assert await worker.standing((*DAY, *FEW)) == (BudgetStanding(name="day", left=0.6, resets_s=43_200.0),)


async def test_a_budget_used_to_a_large_part_is_told_once(desk: Desk) -> None:
    told: list[tuple[str, float]] = []
    worker = desk.worker(warned=lambda name, share: told.append((name, round(share, 6))))
    for number in range(10):
        await worker.reserve(charge(number))
    assert told == [("day", 0.8)]


# ---------------------------------------------------------------- loss


async def test_a_loss_neither_resets_nor_doubles_a_window(desk: Desk) -> None:
    worker = desk.worker()
    for number in range(4):
        await worker.reserve(charge(number, 0.002))
    await worker.settle(charge(0, 0.002), 0.001, spent(), estimated=False)
    await worker.release(charge(1, 0.002))
    await desk.lost()
    await worker.settle(charge(2, 0.002), 0.003, spent(), estimated=False)
    # 0.001 and 0.003 spent, 0.002 held, and 0.002 given back
    assert await left(worker) == pytest.approx(0.4)
    await desk.lost()
    assert await worker.reserve(charge(5, 0.004)) is None
    assert await worker.reserve(charge(6, 0.000001)) is not None
    await worker.settle(charge(3, 0.002), 0.002, spent(), estimated=False)
    assert await left(worker) == 0.0


async def test_an_attempt_that_was_settled_before_a_loss_takes_nothing_when_it_is_asked_for_again(desk: Desk) -> None:
    worker = desk.worker()
    await worker.reserve(charge(1, 0.006))
    await worker.settle(charge(1, 0.006), 0.004, spent(), estimated=False)
    await desk.lost()
    assert await worker.reserve(charge(1, 0.006)) is None
    await asyncio.gather(*worker._tasks)
    assert await left(worker) == pytest.approx(0.6)


async def test_requests_that_were_counted_before_a_loss_are_not_counted_again(desk: Desk) -> None:
    worker = desk.worker(budget(limit=Allowance(requests=2)))
    await worker.reserve(charge(1))
    await worker.settle(charge(1), 0.0, spent(), estimated=False)
    await desk.lost()
    assert await worker.reserve(charge(1, step="escalate-2")) is None
    assert await worker.reserve(charge(2)) is None
    assert await worker.reserve(charge(3)) is not None


async def test_many_workers_that_notice_a_loss_at_once_count_once(desk: Desk) -> None:
    workers = [desk.worker() for _ in range(6)]
    for number in range(5):
        await workers[0].reserve(charge(number))
    await desk.lost()
    asked = [workers[n % 6].reserve(charge(100 + n)) for n in range(30)]
    assert sum(denial is None for denial in await asyncio.gather(*asked)) == 5


async def test_who_only_looks_counts_nothing_again(desk: Desk) -> None:
    worker = desk.worker()
    await worker.reserve(charge(1))
    await desk.lost()
    assert await worker.standing(DAY) == ()


async def test_a_snapshot_spares_the_reading_and_changes_nothing(desk: Desk) -> None:
    bucket = MemoryLink().bucket("budgets")
    worker = desk.worker(bucket=bucket)
    for number in range(3):
        await worker.reserve(charge(number, 0.002))
    await worker.settle(charge(0, 0.002), 0.001, spent(), estimated=False)
    assert worker._rebuilder is not None
    await worker._rebuilder.refresh()
    await worker.settle(charge(1, 0.002), 0.002, spent(), estimated=False)
    read: list[int] = []
    scan = desk.streams.scan
    desk.streams.scan = lambda stream, **options: (read.append(options["after"]), scan(stream, **options))[1]  # type: ignore[method-assign]
    await desk.lost()
    assert await worker.reserve(charge(9, 0.005)) is None
    assert await left(worker) == 0.0
    assert read == [4], "only what came after the snapshot"


ACTS = st.lists(
    st.tuples(st.sampled_from(["reserve", "settle", "release", "lose"]), st.integers(0, 5), st.integers(0, 9)),
    max_size=30,
)
NUMBERS = itertools.count()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(ACTS)
async def test_whatever_happens_counters_say_what_the_lines_say(desk: Desk, acts: list[tuple[str, int, int]]) -> None:
    run = next(NUMBERS)
    worker = desk.worker(budget(usd=0.02, per="total"), grace_s=0.0)
    covers = (Cover(budget="day", scope=f"run={run}"),)
    held: dict[int, int] = {}
    paid: dict[int, int] = {}
    back: set[int] = set()
    for act, number, amount in acts:
        one = charge(number, amount / 1000, request=f"x{run}-{number}", covers=covers)
        if act == "lose":
            await desk.lost()
        elif act == "reserve" and number not in back:
            if await worker.reserve(one) is None and number not in held and number not in paid:
                held[number] = amount
        elif act == "settle" and number in held:
            await worker.settle(one, amount / 1000, spent(), estimated=False)
            paid[number] = amount
            del held[number]
        elif act == "release" and number in held:
            await worker.release(one)
            del held[number]
            back.add(number)
    await worker.reserve(charge(99, 0.0, request=f"x{run}-99", covers=covers))
    used = sum(held.values()) + sum(paid.values())
    assert await left(worker, covers) == pytest.approx(max(0.0, 1 - used / 20), abs=1e-9)


# ---------------------------------------------------------------- caps


async def test_escalations_stay_within_their_share_and_a_burst(desk: Desk) -> None:
    worker = desk.worker(cap(share=0.25, burst=2))
    allowed = 0
    for number in range(100):
        await worker.asked(f"acme.r{number}", FEW)
        await worker.asked(f"acme.r{number}", FEW)
        allowed += await worker.may_escalate(f"acme.r{number}.escalate-2", FEW) is None
    assert 25 <= allowed <= 27
    denied = await worker.may_escalate("acme.r1000.escalate-2", FEW)
    assert denied is not None
    assert (denied.budget, denied.action) == ("few", "degrade")


async def test_the_same_escalation_again_takes_nothing(desk: Desk) -> None:
    worker = desk.worker(cap(share=0.0, burst=2))
    for _ in range(5):
        assert await worker.may_escalate("acme.r1.escalate-2", FEW) is None
    assert await worker.may_escalate("acme.r2.escalate-2", FEW) is None
    assert await worker.may_escalate("acme.r3.escalate-2", FEW) is not None
    assert await worker.may_escalate("acme.r1.escalate-2", FEW) is None


async def test_all_caps_or_none(desk: Desk) -> None:
    covers = (Cover(budget="wide", scope="all"), Cover(budget="narrow", scope="all"))
    worker = desk.worker(cap("wide", 0.0, 5), cap("narrow", 0.0, 1))
    assert await worker.may_escalate("a", covers) is None
    for name in "bcd":
        assert await worker.may_escalate(name, covers) is not None
    assert [await worker.may_escalate(name, covers[:1]) is None for name in "efghi"] == [True] * 4 + [False]


async def test_a_quiet_hour_saves_up_no_more_than_the_burst(desk: Desk) -> None:
    worker = desk.worker(cap(share=1.0, burst=3))
    for number in range(50):
        await worker.asked(f"acme.r{number}", FEW)
    assert [await worker.may_escalate(f"e{n}", FEW) is None for n in range(5)] == [True] * 3 + [False] * 2


async def test_a_paced_cap_lets_those_pass_that_its_arithmetic_lets_pass(desk: Desk) -> None:
    """Wherever it is counted: the same decisions, one by one."""
    chance = random.Random(11)
    spec = cap(share=0.25, burst=4).model_copy(update={"pace": True, "resume": 0.2})
    bucket = Bucket("few|all", spec.share, spec.burst, paced=True, resume=0.2)
    worker, pace, passed = desk.worker(spec), Pace.fresh(bucket), 0
    for number in range(250):
        await worker.asked(f"acme.r{number}", FEW)
        pace, urgency = pace.asked(bucket), chance.random()
        expected = pace.lets(bucket, urgency)
        denied = await worker.may_escalate(f"acme.r{number}.escalate-2", FEW, urgency)
        assert (denied is None) == expected, number
        pace = pace.taken() if expected else pace.denied(bucket)
        passed += expected
    assert 40 <= passed <= 67


async def test_lines_in_pages_count_as_before_and_a_loss_changes_nothing(link: Link) -> None:
    """On a real server: pages are written, lines removed, and counters counted again from both."""
    worker = ledger(MemoryCounters(), link.streams, FakeClock(NOON), budget(usd=1.0), bucket=link.bucket("budgets"))
    for number in range(40):
        await worker.reserve(charge(number, 0.002))
        if number % 4:
            await worker.settle(charge(number, 0.002), 0.001, spent(), estimated=False)
    assert worker._rebuilder is not None
    await worker._rebuilder.refresh()
    folder = Folder(link.streams)
    for number in range(40, 50):
        await worker.settle(charge(number, 0.002), 0.001, spent(), estimated=False)
    removals = await folder.fold("traffic", [f"acme.r{number}" for number in range(50)])
    await folder.remove(removals[::2])  # and then it died
    await folder.remove(await folder.fold("traffic", [f"acme.r{number}" for number in range(50)]))
    left = [stored.subject async for stored in link.streams.scan("LEDGER", subject="ledger.>")]
    assert left == [f"ledger.acme.r{number}.draft-1.reserve" for number in range(0, 40, 4)]
    for bucket in (link.bucket("budgets"), None):
        fold, _ = await read_fold(link.streams, bucket, NOON, {"total"})
        (total,) = fold.image(NOON).totals.values()
        assert (total.nano, total.requests) == (40 * 1_000_000 + 10 * 2_000_000, 40)
    await worker.stop()


async def test_of_many_workers_one_makes_the_snapshot(desk: Desk) -> None:
    bucket = MemoryLink().bucket("budgets")
    first, second = (desk.worker(bucket=bucket)._rebuilder for _ in range(2))
    assert first is not None
    assert second is not None
    assert await first.is_due()
    await first.refresh()
    assert await first.is_due(), "nobody else made one"
    await first.refresh()
    assert not await second.is_due(), "the first made one since"
    assert await second.is_due(), "and none since then"


@pytest.mark.parametrize(("defers", "asked"), [(0, 1), (2, 3)])
async def test_a_worker_of_callers_makes_a_snapshot_only_where_nobody_else_does(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, defers: int, asked: int
) -> None:
    """After a large batch it takes seconds, in which callers would wait."""
    monkeypatch.setattr(ledger_of_streams, "REFRESH_S", 0.001)
    times, made = 0, asyncio.Event()

    async def is_due(_: Rebuilder) -> bool:
        nonlocal times
        times += not made.is_set()
        return True

    async def refresh(_: Rebuilder) -> None:
        made.set()

    monkeypatch.setattr(Rebuilder, "is_due", is_due)
    monkeypatch.setattr(Rebuilder, "refresh", refresh)
    worker = desk.worker(bucket=MemoryLink().bucket("budgets"), defers=defers)
    await worker.start()
    await made.wait()
    await worker.stop()
    assert times == asked


async def test_reading_looks_through_what_it_read_when_that_has_doubled(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []
    monkeypatch.setattr(Fold, "forget", lambda fold, _: looked.append(len(fold)))
    monkeypatch.setattr(rebuild, "_GROWN", 8)
    monkeypatch.setattr(rebuild, "_YIELD", 1)
    worker = desk.worker()
    for number in range(40):
        await worker.reserve(charge(number, 0.0001))
    await read_fold(desk.streams, None, NOON, {"day"})
    assert all(later >= 2 * earlier for earlier, later in itertools.pairwise(looked)), looked
    assert 1 < len(looked) < 6
