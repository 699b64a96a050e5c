"""The records of routes: what a request that ended says of its stairs, and what becomes of it over hours and losses."""

import pytest
from cascade import FakeClock
from fakes_board import FakeSights
from fakes_stages import attempt, envelope, plan
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.board_routes import HALF_LIFE_H, RouteNotes, noted
from pipeline.contracts import Attempt, CacheHit, Envelope, ErrorBody, Reply, Served
from pipeline.errors import StoreUnavailable
from pipeline.ports import RouteStanding

DOWN = ErrorBody(code="target_unavailable", message="down")
DRAFT = attempt(1, text="x", cost_usd=0.001, latency_ms=100.0)
LAST = attempt(2, text="y", cost_usd=0.010, latency_ms=900.0)


def reply(before: Envelope, **others: object) -> Reply:
    fields: dict[str, object] = {
        "id": before.id,
        "tenant": "default",
        "status": "answered",
        "policy_revision": "p",
        "fingerprint": "f",
        "escalated": any(made.stage == "escalate" for made in before.attempts),
    }
    return Reply.model_validate({**fields, **others})


def figures(*attempts: Attempt, skipped: str | None = None, tiers: int = 2, **others: object) -> dict[str, float]:
    before = envelope(*attempts, tiers=plan(tiers, skipped=skipped))
    return {name.partition("\x1f")[2]: value for name, value in noted(before, reply(before, **others)).items()}


def test_a_draft_that_sufficed() -> None:
    assert figures(DRAFT) == {
        "drafts": 1.0,
        "accepted": 1.0,
        "draft_ms": 100.0,
        "draft_ms_n": 1.0,
        "draft_usd": 0.001,
        "draft_usd_n": 1.0,
        "answered by small": 1.0,
        "sufficed by small": 0.0,
    }


def test_of_each_variant_above_the_last_tier_it_is_told_whether_its_answer_sufficed() -> None:
    served = Served(route="chat", variant="small", target="small", model="small-m", tier=0, tiers=2)
    assert figures(DRAFT, served=served)["sufficed by small"] == 1.0
    assert figures(DRAFT, served=served, degraded="no_gain")["sufficed by small"] == 0.0
    told = figures(DRAFT, LAST)
    assert told["answered by small"] == 1.0
    assert told["sufficed by small"] == 0.0
    assert not any("large" in what for what in told), "nobody can reject the last tier's"


def test_a_draft_that_was_left_early_counts_as_one_that_did_not_suffice() -> None:
    told = figures(attempt(1, error=DOWN, left_early=True), LAST)
    assert (told["drafts"], told["accepted"], told["sufficed by small"]) == (1.0, 0.0, 0.0)


def test_a_draft_that_did_not() -> None:
    told = figures(DRAFT, LAST)
    assert (told["drafts"], told["accepted"], told["last_usd"], told["last_ms"]) == (1.0, 0.0, 0.010, 900.0)


def test_a_draft_that_was_served_marked_did_not_suffice() -> None:
    assert figures(DRAFT, degraded="large_unavailable")["accepted"] == 0.0
    assert figures(DRAFT, status="failed")["accepted"] == 0.0


def test_a_draft_that_never_came_says_nothing_about_drafts() -> None:
    told = figures(attempt(1, error=DOWN), LAST)
    assert "drafts" not in told
    assert told["last_ms"] == 900.0


def test_fallbacks_count_to_their_tier() -> None:
    failed = attempt(1, error=DOWN, cost_usd=0.002, latency_ms=50.0)
    spare = attempt(2, text="x", stage="draft", tier=0, fallback=1, cost_usd=0.001, latency_ms=100.0)
    told = figures(failed, spare)
    assert told["draft_usd"] == pytest.approx(0.003)
    assert told["draft_ms"] == pytest.approx(150.0)


def test_what_went_by_a_batch_of_its_provider_tells_nothing_of_calls() -> None:
    """It took an hour and half the price; the next call will take a second and the whole of it."""
    told = figures(attempt(1, text="y", cost_usd=0.01, latency_ms=3_600_000.0, provider_batch="b"), tiers=1)
    assert not told.keys() & {"last_ms", "last_usd"}


def test_where_the_draft_was_left_out_only_the_last_tier_is_told_of() -> None:
    told = figures(attempt(1, text="y", cost_usd=0.01, latency_ms=900.0), skipped="cost", tiers=1)
    assert set(told) == {"last_ms", "last_ms_n", "last_usd", "last_usd_n"}


def test_what_a_budget_cut_down_is_no_record_of_the_route() -> None:
    assert figures(DRAFT, skipped="budget", tiers=1) == {}


def test_a_route_of_one_tier_has_no_drafts() -> None:
    assert figures(DRAFT, tiers=1) == {}


def test_a_price_that_nobody_knows_is_left_out_and_not_counted_as_nothing() -> None:
    told = figures(attempt(1, text="x", cost_usd=None, latency_ms=100.0))
    assert "draft_usd_n" not in told
    assert told["draft_ms_n"] == 1.0


# ---------------------------------------------------------------- over hours


def note(notes: RouteNotes, *attempts: Attempt) -> None:
    before = envelope(*attempts, tiers=plan(2))
    notes.finished(before, reply(before))


def test_the_record_of_a_route() -> None:
    clock = FakeClock()
    notes = RouteNotes(clock)
    assert notes.standing("chat") == RouteStanding()
    for _ in range(3):
        note(notes, DRAFT)
    note(notes, DRAFT, LAST)
    clock.time += 6.0
    standing = notes.standing("chat")
    assert standing.drafts == pytest.approx(4.0)
    assert standing.accepted == pytest.approx(0.75)
    assert standing.draft_usd == pytest.approx(0.001)
    assert standing.last_ms == pytest.approx(900.0)


def test_older_hours_count_less_and_after_a_day_not_at_all() -> None:
    clock = FakeClock()
    notes = RouteNotes(clock)
    note(notes, DRAFT)
    clock.time += HALF_LIFE_H * 3600.0
    assert notes.standing("chat").drafts == pytest.approx(0.5)
    clock.time += 24 * 3600.0
    assert notes.standing("chat") == RouteStanding()


async def test_workers_add_up_what_they_saw() -> None:
    clock, store = FakeClock(), FakeSights()
    first, second = RouteNotes(clock), RouteNotes(clock)
    note(first, DRAFT)
    note(second, DRAFT, LAST)
    await first.exchange(store)
    await second.exchange(store)
    clock.time += 6.0
    await first.exchange(store)
    assert first.standing("chat").drafts == pytest.approx(2.0)
    assert first.standing("chat").accepted == pytest.approx(0.5)


async def test_what_could_not_be_shared_is_shared_later_and_once() -> None:
    clock, store = FakeClock(), FakeSights(away=True)
    notes = RouteNotes(clock)
    note(notes, DRAFT)
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            await notes.exchange(store)
    note(notes, DRAFT)
    store.away = False
    await notes.exchange(store)
    await notes.exchange(store)
    (page,) = store.hours.values()
    assert page["chat\x1fdrafts"] == 2.0


async def test_where_the_store_lost_its_data_what_this_worker_saw_stands_in() -> None:
    clock, store = FakeClock(), FakeSights()
    notes = RouteNotes(clock)
    for _ in range(4):
        note(notes, DRAFT)
    await notes.exchange(store)
    store.lose()
    note(notes, DRAFT)
    clock.time += 6.0
    await notes.exchange(store)
    assert notes.standing("chat").drafts == pytest.approx(5.0)


@given(st.lists(st.booleans(), max_size=30))
def test_a_share_is_one_and_drafts_are_never_lost_or_doubled(accepted: list[bool]) -> None:
    clock = FakeClock()
    notes = RouteNotes(clock)
    for good in accepted:
        note(notes, *((DRAFT,) if good else (DRAFT, LAST)))
    standing = notes.standing("chat")
    assert standing.drafts == pytest.approx(len(accepted))
    if accepted:
        assert standing.accepted == pytest.approx(sum(accepted) / len(accepted))


def test_a_remembered_answer_teaches_nothing_of_a_route() -> None:
    """It was earned earlier: counted again, it would make drafts look better and faster than they are."""
    hit = CacheHit(content="ho", variant="small", target="small", model="m", request_id="r0", stored_at=1.0)
    served = envelope(plan=plan(), attempts=()).model_copy(update={"hit": hit, "status": "answered"})

    assert not noted(served, reply(served, cache="hit", duration_ms=1.0))
