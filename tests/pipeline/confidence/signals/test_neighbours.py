"""How drafts to questions like this one fared, as a number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.confidence.signals import Near, Nearby, Seen, signals_of
from pipeline.confidence.signals.neighbours import FLOOR, LEAST, right_nearby

shares = st.floats(0.0, 1.0)
nears = st.builds(Near, st.floats(-1.0, 1.0), st.booleans(), st.floats(1.0, 1e9))
many = st.lists(nears, max_size=30)


@given(many, shares)
def test_it_is_a_share_or_nothing(near: list[Near], prior: float) -> None:
    found = right_nearby(near, prior)
    assert found is None or 0.0 <= found <= 1.0


@given(many, shares)
def test_too_few_neighbours_say_nothing(near: list[Near], prior: float) -> None:
    close = sum(one.similarity > FLOOR for one in near)
    assert (right_nearby(near, prior) is None) or close >= LEAST


@given(st.permutations([Near(0.4 + place / 40, place % 3 == 0, 1.0 + place) for place in range(12)]), shares)
def test_the_order_does_not_matter(near: list[Near], prior: float) -> None:
    again = right_nearby(sorted(near, key=lambda one: one.similarity), prior)
    assert right_nearby(near, prior) == pytest.approx(again)


@given(st.lists(nears, min_size=LEAST, max_size=30), shares)
def test_it_lies_between_the_share_nearby_and_the_prior(near: list[Near], prior: float) -> None:
    """Where all are right it is at least the prior, where none is at most that."""
    for right in (True, False):
        found = right_nearby([Near(one.similarity, right, one.stands_for) for one in near], prior)
        if found is not None:
            assert found >= prior - 1e-9 if right else found <= prior + 1e-9


@given(st.lists(nears, min_size=LEAST, max_size=30), shares, st.integers(0, 29))
def test_a_neighbour_that_turns_out_wrong_never_makes_it_surer(near: list[Near], prior: float, place: int) -> None:
    place %= len(near)
    turned = [Near(one.similarity, one.right and n != place, one.stands_for) for n, one in enumerate(near)]
    before, after = right_nearby(near, prior), right_nearby(turned, prior)
    assert (before is None) is (after is None)
    assert before is None or after is None or after <= before + 1e-9


def test_those_that_are_nearer_count_more() -> None:
    wrong_near = [Near(0.9, right=False)] * 5 + [Near(0.5, right=True)] * 5
    right_near = [Near(0.9, right=True)] * 5 + [Near(0.5, right=False)] * 5
    found, other = right_nearby(wrong_near, 0.5), right_nearby(right_near, 0.5)
    assert found is not None
    assert other is not None
    assert found < 0.3 < 0.7 < other


def test_one_that_was_judged_by_a_rare_lot_stands_for_those_that_were_not() -> None:
    judged = [Near(0.9, right=False)] * 5
    alone, others = right_nearby([*judged, Near(0.9, right=True)], 0.5), [Near(0.9, right=True, stands_for=10.0)]
    weighed = right_nearby([*judged, *others], 0.5)
    assert alone is not None
    assert weighed is not None
    assert weighed > alone


def test_few_that_are_hardly_alike_say_what_is_known_anyway() -> None:
    found = right_nearby([Near(FLOOR + 0.02, right=False)] * LEAST, 0.8)
    assert found == pytest.approx(0.8, abs=0.01)


def test_the_prior_of_the_segment_comes_before_that_of_the_neighbours() -> None:
    near = (Near(0.6, right=True),) * 6
    own = Seen(prior=0.1, neighbours=Nearby(near, prior=0.9))
    other = Seen(neighbours=Nearby(near, prior=0.9))
    assert signals_of(own)["neighbours_right"] == right_nearby(near, 0.1)
    assert signals_of(other)["neighbours_right"] == right_nearby(near, 0.9)
    assert signals_of(Seen(neighbours=Nearby(near)))["neighbours_right"] is None
    assert signals_of(Seen(prior=0.5))["neighbours_right"] is None
