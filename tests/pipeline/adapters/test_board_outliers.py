"""Who does so much worse than the others beside it that it is left out: never most of them, and never the only one."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.board_outliers import Record, outliers
from pipeline.policy.models import Outlier

RULES = Outlier()
WELL = Record(calls=100.0, failures=1.0)
ILL = Record(calls=100.0, failures=60.0)


def test_one_that_fails_far_more_often_than_the_others_is_left_out() -> None:
    assert outliers([("a", "b", "c")], {"a": WELL, "b": ILL, "c": WELL}, RULES) == {"b"}
    assert outliers([("a", "b")], {"a": WELL, "b": ILL}, RULES) == {"b"}


def test_where_all_fail_alike_nobody_is_an_outlier() -> None:
    assert outliers([("a", "b", "c")], dict.fromkeys("abc", ILL), RULES) == frozenset()


def test_a_streak_is_enough_and_the_worst_goes_first() -> None:
    dead = Record(calls=5.0, failures=5.0, streak=5)
    shaky = Record(calls=50.0, failures=10.0, streak=6)
    assert outliers([("a", "b")], {"a": shaky, "b": dead}, RULES) == {"b"}


def test_too_few_calls_say_nothing() -> None:
    few = Record(calls=19.0, failures=19.0, streak=4)
    assert outliers([("a", "b")], {"a": WELL, "b": few}, RULES) == frozenset()
    assert outliers([("a", "b")], {"a": Record(calls=3.0), "b": ILL}, RULES) == frozenset()


def test_a_target_that_nobody_stands_beside_is_never_left_out() -> None:
    assert outliers([("a",)], {"a": Record(calls=100.0, failures=100.0, streak=100)}, RULES) == frozenset()


def test_those_that_are_out_already_count_into_the_share() -> None:
    records = {"a": WELL, "b": ILL, "c": ILL, "d": WELL}
    assert outliers([tuple("abcd")], records, RULES, out=("x",)) == {"b", "c"}
    assert outliers([tuple("abcd")], records, RULES, out=("a", "b")) == frozenset()


RECORDS = st.builds(
    lambda calls, share, streak: Record(calls, calls * share, streak),
    st.floats(0, 1000),
    st.floats(0, 1),
    st.integers(0, 20),
)


@given(
    st.dictionaries(st.sampled_from("abcdef"), RECORDS, min_size=1), st.floats(0, 1), st.sets(st.sampled_from("abcdef"))
)
def test_never_more_than_the_share_of_a_group_is_out(records: dict[str, Record], at_most: float, out: set[str]) -> None:
    group = tuple(sorted(records))
    found = outliers([group], records, Outlier(at_most=at_most), out)
    assert found <= set(group) - out
    assert len(found) <= max(0, int(at_most * len(group)) - len(out & set(group)))
