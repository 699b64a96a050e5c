"""A cap on escalations over many requests: never above its share, near it, and the urgent ones first."""

import math
import random
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.money.caps import LocalCaps
from pipeline.adapters.money.counters import Bucket
from pipeline.adapters.money.pacing import Pace


class Run:
    """Requests whose drafts do not suffice in `wanted` of all cases, with an urgency from 0 to 1."""

    def __init__(self, bucket: Bucket, wanted: float, requests: int, seed: int) -> None:
        self.pace, chance = Pace.fresh(bucket), random.Random(seed)
        self.made: list[int] = []
        self.prices: list[float] = []
        self.passed: list[float] = []
        self.held: list[float] = []
        self.ran_dry = 0
        for _ in range(requests):
            self.pace = self.pace.asked(bucket)
            wants, urgency = chance.random() < wanted, chance.random()
            lets = wants and self.pace.lets(bucket, urgency)
            if lets:
                self.pace = self.pace.taken()
            elif wants:
                self.ran_dry += self.pace.level < 1.0
                self.pace = self.pace.denied(bucket)
            if wants:
                (self.passed if lets else self.held).append(urgency)
            self.made.append(int(lets))
            self.prices.append(self.pace.price)


@pytest.mark.parametrize("share", [0.1, 0.2, 0.3, 0.45])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_over_twenty_thousand_requests_the_share_is_kept_and_used(share: float, seed: int) -> None:
    """Never above it by more than the bucket, and hardly below it while more is wanted."""
    run = Run(Bucket("few", share, 20, paced=True), 0.6, 20_000, seed)
    worst = max(total - share * place for place, total in enumerate(accumulate(run.made), start=1))
    assert worst <= 20.0 + 1e-6
    assert sum(run.made) / 20_000 == pytest.approx(share, rel=0.02)


def test_paced_the_bucket_is_hardly_ever_empty_and_the_urgent_ones_pass() -> None:
    plain = Run(Bucket("few", 0.3, 20), 0.6, 20_000, 5)
    paced = Run(Bucket("few", 0.3, 20, paced=True), 0.6, 20_000, 5)
    assert paced.ran_dry < plain.ran_dry / 4
    mean = {name: math.fsum(run.passed) / len(run.passed) for name, run in (("plain", plain), ("paced", paced))}
    assert mean["plain"] == pytest.approx(0.5, abs=0.02), "whoever comes first"
    assert mean["paced"] > 0.7
    assert math.fsum(paced.held) / len(paced.held) < 0.35


def test_where_less_is_wanted_than_allowed_everything_passes() -> None:
    run = Run(Bucket("few", 0.3, 20, paced=True), 0.1, 20_000, 7)
    assert len(run.held) < 0.03 * len(run.passed)


def test_once_it_was_empty_nothing_passes_until_the_share_lately_is_down() -> None:
    bucket, seen = Bucket("few", 0.3, 20, resume=0.25), []
    pace = Pace.fresh(bucket)
    for _ in range(400):
        pace = pace.asked(bucket)
        before = pace
        if pace.lets(bucket, 1.0):
            pace = pace.taken()
            seen.append("passed")
        else:
            pace = pace.denied(bucket)
            seen.append("shut" if before.shut and before.level >= 1.0 else "empty")
        if before.shut:
            assert before.lately > 0.25
    assert {"passed", "empty", "shut"} == set(seen)
    without = Bucket("few", 0.3, 1)
    assert not Pace(0.2, 0.5).denied(without).shut


@given(
    st.floats(0, 1),
    st.integers(1, 30),
    st.booleans(),
    st.lists(st.tuples(st.booleans(), st.floats(0, 1)), max_size=300),
)
def test_whatever_comes_its_numbers_stay_within_their_bounds(
    share: float, burst: int, paced: bool, asks: list[tuple[bool, float]]
) -> None:
    bucket = Bucket("few", share, burst, paced=paced)
    pace, taken = Pace.fresh(bucket), 0
    for place, (wants, urgency) in enumerate(asks, start=1):
        pace = pace.asked(bucket)
        if wants and pace.lets(bucket, urgency):
            pace, taken = pace.taken(), taken + 1
        assert -1e-5 <= pace.level <= burst
        assert 0.0 <= pace.price <= 1.0
        assert 0.0 <= pace.lately <= 1.05
        assert taken <= burst + share * place + 1e-5


def test_the_same_holds_of_the_caps_of_a_worker_alone() -> None:
    caps, bucket = LocalCaps(), Bucket("few|all", 0.3, 5, paced=True)
    passed: list[float] = []
    chance = random.Random(3)
    for number in range(5_000):
        caps.asked(f"r{number}", (bucket,))
        urgency = chance.random()
        if caps.take(f"e{number}", (bucket,), urgency) is None:
            passed.append(urgency)
    assert len(passed) / 5_000 == pytest.approx(0.3, rel=0.03)
    assert math.fsum(passed) / len(passed) > 0.7
