"""What a worker lets in, from what NATS says is on its way and what it has let in itself."""

import asyncio
from collections import Counter

import pytest
from cascade import FakeClock
from servers import until

from pipeline.admission import gate as module
from pipeline.admission.gate import Gate
from pipeline.contracts import Lane
from pipeline.errors import Overloaded, TransportUnavailable
from pipeline.policy.models.limits import AdmissionLimits

LIMITS = AdmissionLimits(interactive=100, batch=10)


class Road:
    """A cascade that ends requests in their order, and says how many it holds."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.holds: list[str] = []
        self.away = False
        self.asked = 0
        self.gate = Gate(self.count, self.clock)
        self.kept_back: Counter[str] = Counter()

    async def count(self, lane: Lane) -> Counter[str]:
        self.asked += 1
        if self.away:
            raise TransportUnavailable("away")
        return Counter(self.holds) if lane == "interactive" else Counter()

    async def ask(self, tenant: str, times: int = 1) -> None:
        for _ in range(times):
            try:
                self.gate.admit(tenant, "interactive", LIMITS)
            except Overloaded:
                self.kept_back[tenant] += 1
            else:
                self.holds.append(tenant)
                self.gate.confirmed(tenant, "interactive", True)
        await asyncio.sleep(0)

    async def later(self, seconds: float = 1.0, ended: int = 0) -> None:
        self.clock.time += seconds
        del self.holds[:ended]
        await self.ask("tick")  # who asks next makes it look
        await asyncio.sleep(0)


async def test_up_to_the_limit_everything_is_let_in() -> None:
    road = Road()
    await road.ask("a", 100)
    assert not road.kept_back


async def test_a_flood_is_kept_back_at_once_and_says_when_to_come_again() -> None:
    road = Road()
    await road.ask("a", 100)
    with pytest.raises(Overloaded, match="100 interactive requests") as raised:
        road.gate.admit("a", "interactive", LIMITS)
    assert raised.value.retry_after_s is not None
    assert raised.value.http_status == 503


@pytest.mark.parametrize("known", [None, 500.0])
@pytest.mark.parametrize("rate", [8, 30, 400])
async def test_in_the_first_second_of_an_overload_callers_are_told_when_there_is_a_place(
    rate: int, known: float | None
) -> None:
    """Whatever an earlier overload had shown: the lane is full at once, and empties at its own rate."""
    road = Road()
    here = road.gate._lanes["interactive"]
    here.rate = known
    here.forget()
    await road.ask("a", 100)
    begun, ended, honest = road.clock.time, 0, []
    for number in range(500):
        passed = number / 500
        road.clock.time = begun + passed
        due = int(passed * rate) - ended
        del road.holds[:due]
        ended += due
        try:
            road.gate.admit("a", "interactive", LIMITS)
        except Overloaded as error:
            true = (ended + len(honest) + 1) / rate - passed
            honest.append((error.retry_after_s or 0.0) / min(30.0, max(1.0, true)))
        else:
            road.holds.append("a")
            road.gate.confirmed("a", "interactive", True)
        for _ in range(3):
            await asyncio.sleep(0)
    honest.sort()
    assert len(honest) > 50
    assert honest[len(honest) // 10] > 0.7
    assert honest[len(honest) * 9 // 10] < 1.4


async def test_it_looks_more_often_while_nobody_knows_how_fast_a_full_lane_empties() -> None:
    road = Road()
    await road.ask("a", 101)
    assert road.asked == 1
    for _ in range(16):
        await road.later(1.01 * module.LOOK_SOON_S)
    assert road.asked == 17
    await road.later(1.01 * module.LOOK_SOON_S)
    assert road.asked == 17, "it knows it now"


async def test_a_flood_of_one_tenant_does_not_lock_out_another() -> None:
    road = Road()
    for _ in range(20):
        await road.ask("flood", 500)
        await road.ask("quiet", 2)
        await road.later(ended=5)
    assert road.kept_back["flood"]
    assert not road.kept_back["quiet"]
    assert len(road.holds) <= 200


async def test_two_floods_end_with_the_same_share() -> None:
    road = Road()
    for _ in range(60):
        await road.ask("a", 50)
        await road.ask("b", 20)
        await road.later(ended=10)
    held = Counter(road.holds)
    assert abs(held["a"] - held["b"]) <= 20


async def test_what_has_ended_makes_place_again() -> None:
    road = Road()
    await road.ask("a", 150)
    await road.later(ended=90)
    road.kept_back.clear()
    await road.ask("a", 50)
    assert not road.kept_back


async def test_a_worker_that_begins_beside_a_full_queue_knows_who_fills_it() -> None:
    """And others may still come in, up to twice the limit."""
    road = Road()
    road.holds = ["before"] * 120
    await road.ask("a", 2)
    await asyncio.sleep(0)
    await road.ask("before", 10)
    await road.ask("a", 30)
    assert road.kept_back == {"before": 10}
    for number in range(300):
        await road.ask(f"t{number}")
    assert len(road.holds) == 200


async def test_a_burst_that_nats_has_not_confirmed_is_held_to_the_limit() -> None:
    """However often NATS is asked meanwhile, and whatever of the burst it counts."""
    road = Road()
    let_in = 0
    for number in range(6000):
        try:
            road.gate.admit("loud", "interactive", LIMITS)
        except Overloaded:
            continue
        finally:
            if number % 100 == 0:
                road.clock.time += 0.3
                await asyncio.sleep(0)
        let_in += 1
        if let_in % 2:
            road.holds.append("loud")
            road.gate.confirmed("loud", "interactive", True)
    assert let_in == 100
    assert road.gate.admit("quiet", "interactive", LIMITS) == 0


async def test_what_never_came_into_the_queue_takes_no_place() -> None:
    road = Road()
    for _ in range(1000):
        road.gate.admit("a", "interactive", LIMITS)
        road.gate.confirmed("a", "interactive", False)
    road.gate.admit("a", "interactive", LIMITS)


async def test_a_slow_answer_of_nats_opens_the_gate_to_nobody() -> None:
    road, answer = Road(), asyncio.Event()
    count = road.count

    async def slow(lane: Lane) -> Counter[str]:
        await answer.wait()
        return await count(lane)

    road.gate._count = slow
    for _ in range(40):
        await road.ask("a", 20)
        road.clock.time += 0.5
    assert len(road.holds) == 100
    answer.set()
    await until(lambda: road.asked)
    await road.ask("a", 20)
    assert len(road.holds) == 100


async def test_the_first_of_a_tenant_stand_in_front_and_those_beyond_behind() -> None:
    """What it has on its way counts, not what it had."""
    gate = Road().gate
    rows = [gate.admit("loud", "interactive", LIMITS) for _ in range(50)]
    assert rows[:8] == [0] * 8
    assert 0 not in rows[8:]
    assert gate.admit("quiet", "interactive", LIMITS) == 0
    assert [gate.admit("loud", "batch", LIMITS) for _ in range(10)] == [0] * 10


async def test_while_nats_says_nothing_what_was_known_long_ago_keeps_nobody_back() -> None:
    road = Road()
    await road.ask("a", 100)
    road.away = True
    road.clock.time += 10
    await road.ask("a")
    assert not road.kept_back


async def test_it_looks_at_most_a_few_times_a_second() -> None:
    road = Road()
    await road.ask("a", 50)
    await road.ask("a", 50)
    assert road.asked == 1
    await road.later(2 * module.LOOK_EVERY_S)
    assert road.asked == 2


async def test_nats_is_asked_once_what_was_let_in_is_in_the_queue() -> None:
    """Until then it would count some of it and not the rest."""
    road = Road()
    for _ in range(100):
        road.gate.admit("a", "interactive", LIMITS)
    await asyncio.sleep(0)
    assert road.asked == 0
    with pytest.raises(Overloaded):
        road.gate.admit("a", "interactive", LIMITS)
    for _ in range(100):
        road.gate.confirmed("a", "interactive", True)
    road.holds = ["a"] * 60
    await until(lambda: road.asked)
    await road.ask("a", 40)
    assert not road.kept_back


async def test_a_quiet_worker_asks_nothing() -> None:
    limits, road = AdmissionLimits(interactive=6400), Road()
    for _ in range(100):
        road.gate.admit("a", "interactive", limits)
        road.clock.time += 10
    assert road.asked == 0


async def test_what_ends_before_a_queue_has_it_is_no_reason_to_ask_and_takes_no_place() -> None:
    limits, road = AdmissionLimits(interactive=64), Road()
    for _ in range(1000):
        assert road.gate.admit("a", "interactive", limits) == 0
        road.gate.confirmed("a", "interactive", stored=False)
        road.clock.time += 1
        await asyncio.sleep(0)
    assert road.asked == 0


async def test_lanes_are_apart() -> None:
    road = Road()
    for _ in range(10):
        road.gate.admit("a", "batch", LIMITS)
    with pytest.raises(Overloaded):
        road.gate.admit("a", "batch", LIMITS)
    await road.ask("a", 50)
    assert not road.kept_back


async def test_what_it_remembers_is_bounded() -> None:
    road = Road()
    for number in range(3000):
        await road.ask(f"t{number}")
        await road.later(0.3, ended=2)
    here = road.gate._lanes["interactive"]
    assert here.tenants < 210
    assert len(here._told) < 210


def test_no_more_are_handled_at_a_time_than_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HANDLED", 1)
    gate = Road().gate
    gate.enter("a")
    with pytest.raises(Overloaded):
        gate.enter("b")
    gate.leave("a")
    gate.enter("b")


def test_one_tenant_cannot_take_all_hands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HANDLED_OF_ONE", 1)
    gate = Road().gate
    gate.enter("a")
    with pytest.raises(Overloaded):
        gate.enter("a")
    gate.enter("b")
    gate.leave("a")
    gate.enter("a")


def test_one_tenant_cannot_take_all_places_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITING_OF_ONE", 1)
    gate = Road().gate
    with gate.waiting("a"):
        with pytest.raises(Overloaded), gate.waiting("a"):
            pass
        with gate.waiting("b"):
            pass
    with gate.waiting("a"):
        pass
