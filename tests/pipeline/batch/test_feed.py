"""Whose line comes next, when lines may run, who leads, and which status follows. Nothing here waits for anything."""

from collections import Counter
from datetime import datetime
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.batch import Batch, Counts, Hours, Options, state
from pipeline.batch.feed import Turns, is_open, opens, places, refuse_never, waits_until
from pipeline.batch.lease import may_take
from pipeline.batch.model import LineProblem
from pipeline.batch.prepare import Prepared
from pipeline.batch.validate import COMPARED, earlier
from pipeline.cli import batch_text
from pipeline.errors import InvalidRequest
from pipeline.ports import Entry

NAMES = st.sampled_from(["a", "b", "c", "d"])


def at(hour: int, minute: int, zone: str = "UTC", day: int = 10) -> float:
    return datetime(2026, 1, day, hour, minute, tzinfo=ZoneInfo(zone)).timestamp()


def a_batch(**changes: object) -> Batch:
    fields: dict[str, object] = {
        "id": "b",
        "tenant": "t",
        "file_id": "f",
        "digest": "d",
        "created": 1.0,
        "expires_at": 9.0,
    }
    return Batch.model_validate(fields | changes, strict=False)


NIGHT = Hours(start="22:00", end="06:00")


@pytest.mark.parametrize(
    ("options", "now", "first"),
    [
        (Options(), at(12, 0), at(12, 0)),
        (Options(hours=NIGHT), at(23, 0), at(23, 0)),
        (Options(hours=NIGHT), at(12, 0), at(22, 0)),
        (Options(hours=Hours(start="08:00", end="10:00")), at(12, 0), at(8, 0, day=11)),
        (Options(hours=NIGHT, not_before=at(7, 0, day=12)), at(12, 0), at(22, 0, day=12)),
        (Options(hours=Hours(start="06:00", end="06:00")), at(12, 0), None),
    ],
)
def test_when_lines_are_handed_in_is_known_beforehand(options: Options, now: float, first: float | None) -> None:
    assert opens(options, now) == first


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (Options(hours=Hours(start="06:00", end="06:00")), "the same"),
        (Options(hours=NIGHT, window_s=7200.0), "completion window of 2 h"),
    ],
)
def test_hours_that_never_come_are_refused(options: Options, why: str) -> None:
    with pytest.raises(InvalidRequest, match=why):
        refuse_never(options, at(12, 0))


def test_hours_that_come_in_time_are_taken() -> None:
    refuse_never(Options(hours=NIGHT), at(12, 0))
    refuse_never(Options(hours=NIGHT, window_s=7200.0), at(21, 0))
    refuse_never(Options(hours=NIGHT, window_s=7200.0, not_before=at(21, 0)), at(12, 0))


def test_a_batch_says_until_when_it_waits() -> None:
    batch = a_batch(status="in_progress", options=Options(hours=NIGHT))
    assert batch_text.sentence(batch, at(12, 0)).endswith(", waits until 2026-01-10T22:00+00:00")
    assert batch_text.document(batch, at(12, 0))["waits_until"] == "2026-01-10T22:00+00:00"
    assert "waits" not in batch_text.sentence(batch, at(23, 0))
    assert "waits_until" not in batch_text.document(batch, at(23, 0))
    assert waits_until(a_batch(status="completed", options=Options(hours=NIGHT)), at(12, 0)) is None


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(NAMES, st.integers(1, 5), min_size=1), st.integers(50, 200))
def test_tenants_who_always_have_lines_get_turns_by_their_weights(weights: dict[str, int], turns: int) -> None:
    """After any number of turns nobody is more than a turn of his away from his share."""
    giver, counted = Turns(), Counter[str]()
    for _ in range(turns):
        turn = giver.next({tenant: [tenant] for tenant in weights}, {}, dict(weights), 1000)
        assert turn is not None
        counted[turn[0]] += 1
    whole = sum(weights.values())
    for tenant, weight in weights.items():
        assert abs(counted[tenant] - turns * weight / whole) <= len(weights) + 1


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sets(NAMES, min_size=1), min_size=1, max_size=80))
def test_whoever_has_a_line_waits_at_most_for_one_turn_of_each_other(rounds: list[set[str]]) -> None:
    """Who comes late neither catches up nor waits, whatever happened before."""
    giver, waited = Turns(), Counter[str]()
    for present in rounds:
        turn = giver.next({tenant: [tenant] for tenant in present}, {}, {}, 100)
        assert turn is not None
        for tenant in present:
            waited[tenant] = 0 if tenant == turn[0] else waited[tenant] + 1
        for tenant in set(waited) - present:
            waited[tenant] = 0
        assert max(waited.values()) <= 2 * 4


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(NAMES, st.lists(st.sampled_from(["x", "y"]), unique=True, max_size=2)),
    st.dictionaries(NAMES, st.integers(0, 12)),
    st.integers(1, 12),
)
def test_nobody_gets_more_places_than_his_share_and_only_who_has_a_line(
    offers: dict[str, list[str]], flying: dict[str, int], limit: int
) -> None:
    turn = Turns().next(offers, flying, {}, limit)
    present = [tenant for tenant, batches in offers.items() if batches]
    able = [tenant for tenant in present if flying.get(tenant, 0) < places(present, {}, limit)[tenant]]
    assert (turn is None) == (not able)
    if turn is not None:
        assert turn[0] in able
        assert turn[1] in offers[turn[0]]


def test_batches_of_one_tenant_take_turns_too() -> None:
    giver = Turns()
    turns = [giver.next({"t": ["large", "small"]}, {}, {}, 10) for _ in range(4)]
    assert turns == [("t", "large"), ("t", "small")] * 2
    giver.forget("t", "large", last=False)
    assert giver.next({"t": ["small"]}, {}, {}, 10) == ("t", "small")


def test_one_who_comes_back_does_not_catch_up() -> None:
    giver = Turns()
    giver.next({"late": ["x"]}, {}, {}, 10)
    for _ in range(100):
        giver.next({"early": ["x"]}, {}, {}, 10)
    turns = [giver.next({"early": ["x"], "late": ["x"]}, {}, {}, 10) for _ in range(10)]
    assert Counter(turn[0] for turn in turns if turn) == {"early": 5, "late": 5}


@pytest.mark.parametrize(
    ("hour", "minute", "open_then"), [(21, 59, False), (22, 0, True), (3, 0, True), (5, 59, True), (6, 0, False)]
)
def test_hours_go_over_midnight_by_the_clock_on_the_wall(hour: int, minute: int, open_then: bool) -> None:
    options = Options(hours=Hours(start="22:00", end="06:00", timezone="Europe/Berlin"))
    assert is_open(options, at(hour, minute, "Europe/Berlin")) is open_then


def test_nothing_runs_before_its_time() -> None:
    options = Options(not_before=100.0, hours=Hours(start="00:00", end="12:00"))
    assert not is_open(options, 99.0)
    assert is_open(options, 100.0)
    assert not is_open(options, at(13, 0))


def test_one_leads_until_it_has_been_silent_too_long() -> None:
    lease = Entry("feeder", orjson.dumps({"who": "a", "until": 10.0}), 1)
    assert may_take(None, "b", 0.0)
    assert may_take(lease, "a", 9.0)
    assert not may_take(lease, "b", 9.9)
    assert may_take(lease, "b", 10.0)


def test_a_batch_goes_through_the_statuses_of_the_api() -> None:
    found = Prepared("openai", total=2)
    running = state.prepared(a_batch(), found, 2.0)
    assert (running.status, running.in_progress_at, running.counts.total) == ("in_progress", 2.0, 2)
    assert state.finalizing(running, 3.0).status == "finalizing"
    done = state.ended(state.finalizing(running, 3.0), Counts(total=2, answered=2), (0.5, 0), 4.0)
    assert (done.status, done.completed_at, done.cost_usd) == ("completed", 4.0, 0.5)
    assert state.ended(done, Counts(), (0.0, 0), 5.0) == done
    assert state.cancelling(done, 5.0) == done


def test_what_is_open_at_the_end_expired_or_was_cancelled() -> None:
    running = state.prepared(a_batch(), Prepared(total=3), 2.0)
    late = state.ended(running, Counts(total=3, answered=1), (0.0, 0), 9.0)
    assert (late.status, late.counts.expired) == ("expired", 2)
    taken_back = state.ended(state.cancelling(running, 3.0), Counts(total=3, answered=1), (0.0, 0), 9.0)
    assert (taken_back.status, taken_back.counts.cancelled, taken_back.cancelled_at) == ("cancelled", 2, 9.0)


@pytest.mark.parametrize(
    ("skip", "invalid", "status"), [(False, 1, "failed"), (True, 1, "in_progress"), (True, 2, "failed")]
)
def test_invalid_lines_fail_the_batch_or_are_left_out(skip: bool, invalid: int, status: str) -> None:
    problem = LineProblem(line=1, code="invalid_request", message="no")
    found = Prepared(total=2, invalid=invalid, problems=[problem])
    after = state.prepared(a_batch(options=Options(skip_invalid=skip)), found, 2.0)
    assert (after.status, after.errors) == (status, (problem,))


def test_a_batch_that_was_cancelled_while_it_was_read_does_not_begin() -> None:
    cancelled = state.cancelling(a_batch(), 2.0)
    assert state.prepared(cancelled, Prepared(total=1), 3.0) == cancelled
    assert state.failed(cancelled, (), 3.0) == cancelled


def test_lines_are_compared_with_batches_of_the_day_the_newest_first_and_not_without_end() -> None:
    def other(number: int, **changes: object) -> Batch:
        fields: dict[str, object] = {"id": f"b{number}", "created": float(number), "in_progress_at": 1.0}
        return a_batch(**(fields | changes))

    others = [
        other(1),
        other(2, counts=Counts(total=10)),
        other(3, options=Options(dedup=False)),
        other(4, tenant="else"),
        other(5, in_progress_at=None),
        other(6, removed=True),
    ]
    assert earlier(a_batch(id="new"), others, 100.0) == ["batch/t/b2", "batch/t/b1"]
    assert earlier(a_batch(id="new"), others, 86_401.5) == ["batch/t/b2"]
    many = [other(1), other(2, counts=Counts(total=COMPARED)), other(3, counts=Counts(total=1))]
    assert earlier(a_batch(id="new"), many, 100.0) == ["batch/t/b3"]
