"""Overlaps are settled in favour of the stronger finding, and what leaves is types, counts and scores."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.pii.spans import Span, merge, resolve, tally, united
from pipeline.contracts import Finding
from pipeline.policy.kinds import KINDS_OF_DATA

spans = st.builds(
    lambda kind, start, length, score: Span(kind, start, start + length, score),
    st.sampled_from(["PHONE", "CREDIT_CARD", "PERSON", "ADDRESS"]),
    st.integers(0, 60),
    st.integers(1, 20),
    st.sampled_from([0.3, 0.5, 0.85, 0.95]),
)


@given(st.lists(spans, max_size=20))
def test_kept_spans_do_not_overlap_and_every_lost_one_overlaps_a_kept_one(given_spans: list[Span]) -> None:
    kept = resolve(given_spans)
    assert all(one.end <= other.start for one, other in itertools.pairwise(kept))
    assert all(any(k.start < s.end and s.start < k.end for k in kept) for s in given_spans)


def test_the_higher_score_wins() -> None:
    card, phone = Span("CREDIT_CARD", 0, 19, 0.95), Span("PHONE", 5, 19, 0.6)
    assert resolve([phone, card]) == [card]


@pytest.mark.parametrize(
    ("sensitive", "other"),
    [
        ("PASSPORT", "PHONE"), ("DRIVER_LICENSE", "DEVICE_ID"), ("BANK_ACCOUNT", "PHONE"),
        ("CRYPTO_WALLET", "VEHICLE_ID"), ("COORDINATES", "ADDRESS"), ("MAC", "AGE"),
        ("HEALTH", "LOCATION"), ("AGE", "SOMETHING_NEW"),
    ],
)  # fmt: skip
def test_between_equals_the_more_sensitive_type_wins(sensitive: str, other: str) -> None:
    one = Span(sensitive, 0, 9, 0.5)
    assert resolve([Span(other, 0, 9, 0.5), one]) == [one]


@pytest.mark.parametrize("kind", sorted(KINDS_OF_DATA - {"OPAQUE"}))
def test_every_kind_of_data_has_its_place(kind: str) -> None:
    one = Span(kind, 0, 9, 0.5)
    assert resolve([Span("SOMETHING_NEW", 0, 9, 0.5), one]) == [one]


def test_a_recognised_form_wins_over_a_name() -> None:
    street = Span("ADDRESS", 0, 20, 0.6)
    assert resolve([Span("PERSON", 3, 12, 0.85), street]) == [street]


def test_counts_are_kept_apart_by_score() -> None:
    found = [Span("PHONE", 0, 5, 0.6), Span("PHONE", 9, 12, 0.6), Span("PHONE", 20, 25, 0.9)]
    assert set(tally(found)) == {Finding(type="PHONE", count=2, score=0.6), Finding(type="PHONE", count=1, score=0.9)}


def test_findings_of_several_units_are_added_up() -> None:
    one, two = Finding(type="IP", count=2, score=0.85), Finding(type="IP", count=3, score=0.85)
    assert merge([[one], [], [two]]) == (Finding(type="IP", count=5, score=0.85),)


def test_two_findings_of_one_address_are_one() -> None:
    street, town = Span("ADDRESS", 0, 12, 0.8), Span("ADDRESS", 3, 30, 0.7)
    assert united([town, street]) == [Span("ADDRESS", 0, 30, 0.8)]


def test_two_addresses_beside_each_other_stay_two() -> None:
    one, two = Span("ADDRESS", 0, 12, 0.8), Span("ADDRESS", 12, 30, 0.7)
    assert united([two, one]) == [one, two]
