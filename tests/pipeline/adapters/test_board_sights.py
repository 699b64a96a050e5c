"""Merging what workers saw: in any order it comes to the same, and it stays within what was seen."""

from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.board_sights import Opening, Sight, merged, opening_of, packed, unpacked
from pipeline.contracts import TargetStanding

NOW = 1_000.0
TIMES = st.floats(0.0, 2 * NOW).map(lambda value: round(value, 3))
SIGHTS = st.builds(
    Sight,
    running=st.integers(0, 8),
    room=st.integers(0, 8),
    first_token_ms=st.one_of(st.none(), st.floats(1.0, 1e5)),
    latency_ms=st.one_of(st.none(), st.floats(1.0, 1e5)),
    measured=st.floats(0.0, 50.0),
    calls=st.floats(0.0, 1e4),
    failures=st.floats(0.0, 1e4),
    streak=st.integers(0, 20),
    heard_at=TIMES,
    well_at=TIMES,
    opened_at=TIMES,
    open_until=TIMES,
    level=st.integers(0, 9),
)
MANY = st.lists(SIGHTS, max_size=6)


@given(MANY, st.randoms(use_true_random=False))
def test_the_order_of_the_workers_does_not_matter(sights: list[Sight], dice: object) -> None:
    mixed = list(sights)
    dice.shuffle(mixed)  # type: ignore[attr-defined]
    assert opening_of(mixed, NOW) == opening_of(sights, NOW)
    there, here = merged(mixed, NOW), merged(sights, NOW)
    assert (there.healthy, there.load) == (here.healthy, here.load)
    for one, other in ((there.first_token_ms, here.first_token_ms), (there.latency_ms, here.latency_ms)):
        assert one == (None if other is None else pytest.approx(other, rel=1e-6, abs=1e-2))


@given(MANY)
def test_a_mean_lies_within_what_was_measured_and_a_load_is_no_less_than_none(sights: list[Sight]) -> None:
    standing = merged(sights, NOW)
    known = [sight.latency_ms for sight in sights if sight.latency_ms is not None and sight.measured > 0]
    if standing.latency_ms is not None:
        assert min(known) - 0.01 <= standing.latency_ms <= max(known) + 0.01
    assert standing.load >= 0.0


@given(MANY)
def test_it_is_healthy_exactly_where_no_opening_stands(sights: list[Sight]) -> None:
    opening = opening_of(sights, NOW)
    assert merged(sights, NOW).healthy is (opening is None)
    if opening is not None:
        assert opening.until > NOW
        assert all(sight.well_at <= opening.at for sight in sights), "nobody was answered since"


@given(MANY)
def test_a_worker_that_sees_nothing_amiss_and_measured_nothing_changes_nothing(sights: list[Sight]) -> None:
    quiet = Sight()
    assert merged([*sights, quiet], NOW) == merged(sights, NOW)


def test_nobody_saw_anything() -> None:
    assert merged([], NOW) == TargetStanding()


def test_a_worker_that_is_answered_contradicts_one_that_is_not() -> None:
    alone = Sight(opened_at=990.0, open_until=1_010.0, level=1)
    assert opening_of([alone], NOW) == Opening(990.0, 1_010.0, 1)
    assert opening_of([alone, Sight(well_at=989.0)], NOW) is not None
    assert opening_of([alone, Sight(well_at=991.0)], NOW) is None


def test_of_several_openings_the_one_that_lasts_longest_stands() -> None:
    short, long = (
        Sight(opened_at=995.0, open_until=1_005.0, level=1),
        Sight(opened_at=990.0, open_until=1_110.0, level=5),
    )
    assert opening_of([short, long], NOW) == Opening(990.0, 1_110.0, 5)


def test_what_was_measured_a_minute_ago_counts_half() -> None:
    fresh = Sight(latency_ms=100.0, measured=10.0, heard_at=NOW)
    old = Sight(latency_ms=400.0, measured=10.0, heard_at=NOW - 60.0)
    assert merged([fresh, old], NOW).latency_ms == pytest.approx(200.0)


def test_an_outlier_is_left_out_however_well_it_is_and_an_open_breaker_counts_more() -> None:
    out = merged([Sight(well_at=NOW)], NOW, left_out_s=12.0)
    assert (out.healthy, out.why, out.back_s) == (False, "outlier", 12.0)
    broken = Sight(opened_at=NOW - 1.0, open_until=NOW + 3.0, level=1)
    both = merged([broken], NOW, left_out_s=12.0)
    assert (both.healthy, both.why, both.back_s) == (False, "breaker", 3.0)
    quiet = merged([replace(broken, level=0)], NOW)
    assert (quiet.healthy, quiet.why, quiet.back_s) == (False, "quiet", 3.0)


@given(st.dictionaries(st.sampled_from(["near", "far"]), SIGHTS))
def test_what_is_shared_arrives_as_it_was(sights: dict[str, Sight]) -> None:
    assert unpacked(packed(sights, 7)) == sights


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"targets": 3}',
        b'{"targets": {"near": null}}',
        b'{"targets": {"near": [1, 2]}}',
        orjson.dumps({"targets": {"near": ["x"] * 13}}),
        orjson.dumps({"targets": {"near": [-1] * 13}}),
        orjson.dumps({"targets": {"near": [0] * 14}}),
        orjson.dumps({"targets": {"near": [None] * 13}}),
    ],
)
def test_what_is_no_sight_is_left_out(payload: bytes) -> None:
    assert unpacked(payload) == {}
