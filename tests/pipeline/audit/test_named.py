"""A reply that stands in two places is recognised by the record that it names, and takes a byte."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.audit.named import PART, Named

RECORDS = st.lists(st.tuples(st.sampled_from("pq"), st.integers(0, 3 * PART)), max_size=40)


@given(RECORDS)
def test_a_record_was_named_before_when_it_was(records: list[tuple[str, int]]) -> None:
    named, seen = Named(), set()
    for producer, n in records:
        assert named.again(producer, n, f"{producer}{n}") == ((producer, n) in seen)
        seen.add((producer, n))


def test_another_reply_that_names_the_same_record_is_another_reply() -> None:
    named = Named()
    assert not named.again("p", 7, "acme/r1")
    assert not named.again("p", 7, "acme/r2")
    assert named.again("p", 7, "acme/r1")


def test_a_number_far_away_takes_a_few_bytes() -> None:
    named = Named()
    named.again("p", 10**15, "r")
    assert sum(map(len, named._parts.values())) == PART
