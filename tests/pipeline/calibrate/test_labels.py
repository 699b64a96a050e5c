"""Labels are used for one thing each, and the exact bound sees labels of one propensity."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from judged import drafts

from pipeline.calibrate.labels import Label, part, thinned


@given(st.integers(0, 300), st.floats(0.1, 0.9), st.integers(0, 5))
def test_no_label_is_used_twice_and_none_is_lost(count: int, share: float, seed: int) -> None:
    labels = [Label(f"r{n}", right=True, confidence=0.5, at=float(n)) for n in range(count)]
    parts = part(labels, share, seed)
    keys = [label.key for label in (*parts.fit, *parts.calibrate, *parts.later)]
    assert sorted(keys) == sorted(label.key for label in labels)


def test_the_newest_fifth_is_kept_aside() -> None:
    parts = part(list(reversed(drafts(500))), 0.25)
    assert {label.key for label in parts.later} == {f"r{n}" for n in range(400, 500)}
    assert 70 <= len(parts.fit) <= 130


def test_without_times_a_fifth_is_drawn_by_lot() -> None:
    labels = [replace(label, at=None) for label in drafts(500)]
    later = {label.key for label in part(labels, 0.25).later}
    assert len(later) == 100
    assert later != {f"r{n}" for n in range(400, 500)}


def test_labels_of_a_higher_propensity_are_dropped_by_lot() -> None:
    """Of 2,000 that were sure to be labelled and 500 that were so with 1 in 4, about 500 of each kind are left."""
    sure = drafts(2000)
    seldom = [replace(label, key=f"s{n}", propensity=0.25) for n, label in enumerate(drafts(500, seed=2))]
    kept = thinned([*sure, *seldom])
    assert sum(label.key.startswith("s") for label in kept) == 500
    assert 420 <= sum(label.key.startswith("r") for label in kept) <= 580
    assert thinned(sure) == sure
