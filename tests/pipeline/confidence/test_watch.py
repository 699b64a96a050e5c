"""Watching answers that stayed: hardly a false alarm however long it looks, a quick one where errors multiply."""

import math
import random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.confidence.watch import ALPHA, BLOCK, DRIFT, WORSE, Scores, Suspicion, Watched, furthest, psi


def stream(rate: float, allowed: float, seed: int, limit: int) -> int | None:
    """After how many labels there is an alarm, where answers go wrong at this rate; None: not within the limit."""
    chance, now = random.Random(seed), Suspicion()
    for place in range(1, limit + 1):
        now = now.after(Watched(chance.random() < rate, allowed))
        if now.alarms():
            return place
    return None


def test_as_long_as_the_promise_holds_it_hardly_ever_alarms() -> None:
    """2,000 looks at each of 200 streams at the very rate that is allowed; a test for one look would fail in most."""
    alarms = sum(stream(0.02, 0.02, seed, 2_000) is not None for seed in range(200))
    assert alarms <= 200 * ALPHA + 3


@pytest.mark.parametrize(("rate", "within"), [(0.04, 1_000), (0.1, 110), (0.3, 25)])
def test_the_worse_it_gets_the_sooner_it_is_found(rate: float, within: int) -> None:
    found = [stream(rate, 0.02, seed, 10_000) or 10_000 for seed in range(60)]
    assert median(found) <= within


@given(st.floats(0.001, 0.5))
def test_one_label_changes_nothing_on_average_where_the_promise_holds(allowed: float) -> None:
    """The expectation of the evidence after a label is what it was before: that is what makes it valid."""
    wrong = Suspicion().after(Watched(True, allowed)).evidence
    right = Suspicion().after(Watched(False, allowed)).evidence
    assert math.isclose(allowed * wrong + (1 - allowed) * right, 1.0, rel_tol=1e-9)


@given(st.lists(st.booleans(), max_size=60), st.floats(0.005, 0.15))
def test_the_evidence_is_the_mean_of_likelihood_ratios(labels: list[bool], allowed: float) -> None:
    now = Suspicion().over(Watched(wrong, allowed) for wrong in labels)
    ratios = []
    for times in WORSE:
        rate = min(times * allowed, 0.95)
        ratios.append(math.prod(rate / allowed if wrong else (1 - rate) / (1 - allowed) for wrong in labels))
    assert math.isclose(now.evidence, sum(ratios) / len(ratios), rel_tol=1e-6)
    assert (now.seen, now.wrong) == (len(labels), sum(labels))


@given(st.lists(st.booleans(), max_size=200))
def test_an_alarm_is_not_taken_back_by_good_news(labels: list[bool]) -> None:
    now, alarmed = Suspicion(), False
    for wrong in labels:
        now = now.after(Watched(wrong, 0.02))
        alarmed = alarmed or now.evidence > 1 / ALPHA
        assert now.alarms() == alarmed


@given(st.floats(0, 1), st.booleans())
def test_any_allowed_rate_gives_a_number(allowed: float, wrong: bool) -> None:
    assert math.isfinite(Suspicion().after(Watched(wrong, allowed)).evidence)


def test_the_evidence_of_very_long_streams_is_still_a_number() -> None:
    now = Suspicion().over(Watched(True, 0.01) for _ in range(5_000))
    assert math.isfinite(now.evidence)
    assert now.alarms()


# ---------------------------------------------------------------- drift


def scored(chance: random.Random, middle: float, count: int, before: Scores | None = None) -> Scores:
    now = before or Scores()
    for _ in range(count):
        now = now.after(min(1.0, max(0.0, chance.gauss(middle, 0.15))))
    return now


def test_scores_that_stay_as_they_were_have_not_moved() -> None:
    for seed in range(20):
        assert not scored(random.Random(seed), 0.7, 2 * BLOCK).moved


def test_scores_that_moved_are_flagged_with_the_first_full_block_and_no_longer_once_they_are_back() -> None:
    chance = random.Random(1)
    known = scored(chance, 0.7, BLOCK)
    assert not scored(chance, 0.5, BLOCK - 1, known).moved, "half a picture is none"
    moved = scored(chance, 0.5, BLOCK, known)
    assert moved.moved
    assert not scored(chance, 0.7, BLOCK, moved).moved


@given(st.lists(st.integers(0, 500), min_size=10, max_size=10), st.lists(st.integers(0, 500), min_size=10, max_size=10))
def test_the_index_is_never_negative_and_alike_from_both_sides(one: list[int], other: list[int]) -> None:
    assert psi(one, other) >= -1e-12
    assert math.isclose(psi(one, other), psi(other, one), abs_tol=1e-9)
    assert psi(one, one) == 0.0


def test_a_known_case() -> None:
    assert psi([500, 500], [500, 500]) == 0.0
    assert psi([500, 500], [350, 650]) < DRIFT < psi([500, 500], [250, 750])


def test_a_small_shift_that_the_index_lets_pass_is_flagged_once_it_is_no_chance() -> None:
    chance = random.Random(4)
    known = scored(chance, 0.7, BLOCK)
    shifted = scored(chance, 0.66, BLOCK, known)
    assert shifted.index is not None
    assert shifted.distance is not None
    assert shifted.index < DRIFT
    assert 0.1 < shifted.distance < 0.2
    assert shifted.moved


def test_scores_that_stay_are_not_flagged_however_long_it_is_watched() -> None:
    for seed in range(3):
        now = scored(random.Random(seed), 0.7, BLOCK)
        for _ in range(20):
            now = scored(random.Random(1000 + seed), 0.7, BLOCK, now)
            assert not now.moved
        assert now.blocks == 20


@given(st.lists(st.integers(0, 500), min_size=10, max_size=10), st.lists(st.integers(0, 500), min_size=10, max_size=10))
def test_the_distance_is_that_of_the_scores_themselves_where_a_bin_holds_one_score(
    one: list[int], other: list[int]
) -> None:
    found = furthest(one, other)
    assert found == furthest(other, one)
    if sum(one) and sum(other):
        drawn = [[place for place, count in enumerate(counts) for _ in range(count)] for counts in (one, other)]
        exact = max(abs(_below(drawn[0], at) - _below(drawn[1], at)) for at in range(10))
        assert math.isclose(found, exact, abs_tol=1e-12)
    else:
        assert found == 0.0


def _below(values: list[int], at: int) -> float:
    return sum(value <= at for value in values) / len(values)
