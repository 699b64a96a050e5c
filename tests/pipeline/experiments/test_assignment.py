"""Sticky assignment: who has a variant keeps it as far as the weights allow, and everybody agrees on it."""

import itertools
import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.experiments.assignment import choose, shares

NAMES = st.sampled_from(["a", "b", "c", "d", "e"])
WEIGHTS = st.dictionaries(NAMES, st.floats(0, 1000), min_size=1).filter(lambda w: any(v > 0 for v in w.values()))
KEYS = [f"user-{number}" for number in range(4000)]


def treated(share: float) -> set[str]:
    weights = {"control": 1 - share, "treatment": share}
    return {key for key in KEYS if choose(key, "ramp", weights) == "treatment"}


def test_a_ramp_takes_nobody_out_of_the_treatment() -> None:
    steps = [treated(share) for share in (0.05, 0.1, 0.5, 1.0)]

    assert steps[0] < steps[1] < steps[2] < steps[3] == set(KEYS)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.3, 0.5, 0.9])
def test_each_variant_gets_its_share(share: float) -> None:
    got = len(treated(share)) / len(KEYS)

    assert abs(got - share) < 4 * math.sqrt(share * (1 - share) / len(KEYS))


@given(st.text(), st.text(), WEIGHTS, st.floats(0.01, 100))
def test_the_order_and_the_scale_of_the_weights_change_nothing(
    key: str, salt: str, weights: dict[str, float], scale: float
) -> None:
    scaled = {name: weight * scale for name, weight in reversed(weights.items())}
    kept = {name for name, weight in weights.items() if weight > 0} == {n for n, w in scaled.items() if w > 0}

    assert not kept or choose(key, salt, scaled) == choose(key, salt, weights)


@given(st.text(), st.text(), WEIGHTS)
def test_a_variant_of_weight_zero_is_never_chosen(key: str, salt: str, weights: dict[str, float]) -> None:
    assert weights[choose(key, salt, weights)] > 0


@given(st.text(), WEIGHTS, NAMES, st.floats(0, 10))
def test_a_weight_that_grows_never_costs_its_variant_a_key(
    key: str, weights: dict[str, float], name: str, more: float
) -> None:
    before = choose(key, "s", weights)
    after = choose(key, "s", {**weights, name: weights.get(name, 0.0) + more})

    assert after in (before, name)


@given(st.text(), WEIGHTS, NAMES)
def test_taking_a_variant_away_moves_only_its_own_keys(key: str, weights: dict[str, float], name: str) -> None:
    rest = {other: weight for other, weight in weights.items() if other != name}
    if not any(weight > 0 for weight in rest.values()):
        return
    before = choose(key, "s", weights)

    assert before == name or choose(key, "s", rest) == before


def test_another_process_makes_the_same_choices() -> None:
    weights = {"a": 0.2, "b": 0.3, "c": 0.5}
    script = (
        "from pipeline.experiments.assignment import choose\n"
        f"print([choose(f'user-{{n}}', 'salt', {weights!r}) for n in range(200)])"
    )
    other = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7"}
    )

    assert other.stdout.strip() == str([choose(f"user-{n}", "salt", weights) for n in range(200)])


def test_another_salt_deals_anew() -> None:
    weights = {"a": 0.5, "b": 0.5}
    same = sum(choose(key, "one", weights) == choose(key, "two", weights) for key in KEYS) / len(KEYS)

    assert 0.45 < same < 0.55


def test_no_two_triples_of_salt_variant_and_key_read_the_same() -> None:
    pairs = [("ab", "c"), ("a", "bc"), ("", "abc"), ("abc", "")]
    rows = [[choose(f"{key}{n}", salt, {"x": 1, "y": 1}) for n in range(64)] for salt, key in pairs]

    assert len({tuple(row) for row in rows}) == len(rows)


def test_a_walk_of_the_weights_moves_little_more_than_it_must() -> None:
    walk = [{"a": 1.0, "b": 1 + step % 7 / 10, "c": 1 + step % 5 / 5} for step in range(40)]
    moved = must = 0.0
    for before, after in itertools.pairwise(walk):
        moved += sum(choose(k, "w", before) != choose(k, "w", after) for k in KEYS[:1500]) / 1500
        ours, theirs = shares(before), shares(after)
        must += sum(abs(ours[name] - theirs[name]) for name in ours) / 2

    assert moved <= 1.2 * must


def test_without_a_positive_weight_there_is_nobody_to_choose() -> None:
    with pytest.raises(ValueError, match="no variant"):
        choose("key", "salt", {"a": 0.0})
    assert shares({"a": 0.0}) == {}
    assert shares({}) == {}


@given(WEIGHTS)
def test_shares_sum_to_one(weights: dict[str, float]) -> None:
    assert math.isclose(sum(shares(weights).values()), 1.0)
