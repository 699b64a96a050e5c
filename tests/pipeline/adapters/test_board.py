"""What a process knows of targets: by itself, and by what other workers share, as long as they live."""

import asyncio
from dataclasses import dataclass, field, replace

import pytest
from cascade import FakeClock
from fakes_board import FakeSights, FakeView
from fakes_models import policy, target

from pipeline.adapters.board import PERIOD_S, SILENT_S, TargetBoard
from pipeline.adapters.board_sights import Opening, Sight
from pipeline.contracts import TargetStanding
from pipeline.policy.compiled_parts import CompiledRoute
from pipeline.policy.conditions import compile_condition
from pipeline.policy.models import Route, TierSpec
from pipeline.policy.source import FixedPolicy

POLICY = policy({name: target(f"{name}-m") for name in ("near", "far", "other")})


def beside(*names: str) -> FixedPolicy:
    """A policy in which these stand beside each other in one tier."""
    tier = TierSpec(variants={names[0]: 1.0}, fallbacks=names[1:])
    spec = Route(name="chat", tiers=(tier,))
    return FixedPolicy(replace(POLICY, routes=(CompiledRoute(spec, compile_condition("true", targets=False)),)))


@dataclass
class Fleet:
    """Workers that share one store."""

    store: FakeSights = field(default_factory=FakeSights)
    clock: FakeClock = field(default_factory=FakeClock)
    policies: FixedPolicy = field(default_factory=lambda: FixedPolicy(POLICY))

    def worker(self, name: str, **seen: Sight) -> tuple[TargetBoard, FakeView]:
        board = TargetBoard(self.policies, self.clock, name, self.store)
        view = FakeView(dict(seen))
        board.attach(view)
        return board, view


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


def opened(clock: FakeClock, seconds: float = 10.0) -> Sight:
    return Sight(opened_at=clock.time, open_until=clock.time + seconds, level=1, heard_at=clock.time)


def test_a_target_that_nobody_called_is_healthy_and_unmeasured(fleet: Fleet) -> None:
    board, _ = fleet.worker("a")
    assert board.target("near") == TargetStanding()


def test_what_this_process_knows_itself_holds_at_once_and_without_a_store(fleet: Fleet) -> None:
    board = TargetBoard(fleet.policies, fleet.clock, "a")
    view = FakeView()
    board.attach(view)
    assert board.healthy("near")
    view.down.add("near")
    assert not board.healthy("near")


async def test_an_open_breaker_of_one_worker_is_told_to_all_others(fleet: Fleet) -> None:
    first, _ = fleet.worker("a", near=opened(fleet.clock))
    second, view = fleet.worker("b")
    await first.exchange()
    await second.exchange()
    assert not second.target("near").healthy
    assert view.heeded["near"][0] == Opening(fleet.clock.time, fleet.clock.time + 10.0, 1)
    fleet.clock.time += 11.0
    assert second.target("near").healthy


async def test_load_and_times_are_those_of_all_workers(fleet: Fleet) -> None:
    now = fleet.clock.time
    first, _ = fleet.worker("a", near=Sight(running=3, room=4, latency_ms=100.0, measured=10.0, heard_at=now))
    second, _ = fleet.worker("b", near=Sight(running=1, room=4, latency_ms=300.0, measured=10.0, heard_at=now))
    await first.exchange()
    await second.exchange()
    assert second.target("near") == TargetStanding(load=0.5, latency_ms=200.0)


async def test_a_worker_that_fell_silent_is_no_longer_believed_and_then_forgotten(fleet: Fleet) -> None:
    first, _ = fleet.worker("a", near=opened(fleet.clock, 1000.0))
    second, _ = fleet.worker("b")
    await first.exchange()
    await second.exchange()
    assert not second.healthy("near")
    fleet.clock.time += SILENT_S + PERIOD_S
    await second.exchange()
    assert second.healthy("near")
    fleet.clock.time += 60.0
    await second.exchange()
    assert set(fleet.store.workers) == {"b"}


async def test_without_the_store_a_worker_goes_by_what_it_sees_and_shares_again_when_it_is_back(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    first, view = fleet.worker("a")
    second, _ = fleet.worker("b", near=opened(fleet.clock, 1000.0))
    await second.exchange()
    await first.exchange()
    fleet.store.away = True
    fleet.store.lose()
    for _ in range(3):
        fleet.clock.time += 3.0
        await first.exchange()
    assert first.healthy("near"), "what the others said has faded"
    view.down.add("far")
    assert not first.healthy("far")
    assert len([record for record in caplog.records if "goes by what it sees" in record.message]) == 1
    fleet.store.away = False
    await second.exchange()
    await first.exchange()
    assert not first.healthy("near")


async def test_a_target_that_does_much_worse_than_those_beside_it_is_left_out_for_a_while(fleet: Fleet) -> None:
    fleet.policies = beside("near", "far")
    board, view = fleet.worker("a", near=Sight(calls=100.0, failures=70.0), far=Sight(calls=100.0, failures=1.0))
    assert not board.target("near").healthy
    assert board.target("far").healthy
    view.seen["near"] = Sight(calls=100.0, failures=0.0)
    fleet.clock.time += fleet.policies.current().limits.outlier.out + PERIOD_S
    assert board.target("near").healthy


async def test_one_that_was_left_out_serves_again_although_nobody_could_see_it_do_better(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    fleet.policies = beside("near", "far")
    rules = fleet.policies.current().limits.outlier
    now = fleet.clock.time
    failed = Sight(calls=20.0, failures=20.0, streak=20, heard_at=now)
    board, view = fleet.worker("a", near=failed, far=Sight(calls=100.0, heard_at=now, well_at=now))
    standing = board.target("near")
    assert (standing.healthy, standing.why, standing.back_s) == (False, "outlier", rules.out)
    fleet.clock.time += rules.out
    assert board.target("near").healthy
    for _ in range(20):
        fleet.clock.time += rules.every
        assert board.target("near").healthy
    assert len([record for record in caplog.records if "left out" in record.message]) == 1
    view.down.add("near")
    assert board.target("near").why == "breaker"


async def test_outliers_are_looked_for_once_in_a_while_and_not_at_every_glance(fleet: Fleet) -> None:
    fleet.policies = beside("near", "far")
    board, view = fleet.worker("a", near=Sight(calls=100.0), far=Sight(calls=100.0))
    assert board.target("near").healthy
    view.seen["near"] = Sight(calls=100.0, failures=90.0)
    fleet.clock.time += fleet.policies.current().limits.outlier.every / 2
    assert board.target("near").healthy
    fleet.clock.time += fleet.policies.current().limits.outlier.every
    assert not board.target("near").healthy


async def test_a_target_alone_in_its_tier_is_never_left_out_as_an_outlier(fleet: Fleet) -> None:
    board, _ = fleet.worker("a", near=Sight(calls=100.0, failures=100.0, streak=50), far=Sight(calls=100.0))
    assert board.target("near").healthy


async def test_workers_find_the_same_outliers_by_what_all_of_them_saw(fleet: Fleet) -> None:
    fleet.policies = beside("near", "far")
    ill, well = Sight(calls=15.0, failures=12.0), Sight(calls=15.0)
    first, _ = fleet.worker("a", near=ill, far=well)
    second, _ = fleet.worker("b", near=ill, far=well)
    assert first.healthy("near"), "fifteen calls are too few"
    await first.exchange()
    await second.exchange()
    fleet.clock.time += 10.0
    await first.exchange()
    await second.exchange()
    await first.exchange()
    assert [board.healthy("near") for board in (first, second)] == [False, False]


async def test_it_shares_in_the_background_until_it_is_stopped(fleet: Fleet) -> None:
    turns: list[float] = []

    async def pause(seconds: float) -> None:
        turns.append(seconds)
        if len(turns) >= 3:
            await asyncio.Event().wait()

    board = TargetBoard(fleet.policies, fleet.clock, "a", fleet.store, pause=pause)
    await board.start()
    while len(turns) < 3:
        await asyncio.sleep(0)
    await board.stop()
    assert turns == [PERIOD_S] * 3
    assert set(fleet.store.workers) == {"a"}


def test_when_a_target_was_heard_of_last_is_known_over_all_workers(fleet: Fleet) -> None:
    board, _ = fleet.worker("a", near=Sight(heard_at=7.0))
    assert board.heard_at("near") == 7.0
    assert board.heard_at("far") == 0.0
