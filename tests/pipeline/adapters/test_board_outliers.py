"""Who does so much worse than the others beside it that it is left out: never most of them, and never the only one."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.board_outliers import Ejections, Record, outliers
from pipeline.adapters.board_sights import Sight
from pipeline.adapters.models.tally import Tally
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


@given(
    st.dictionaries(st.sampled_from("abcdef"), RECORDS, min_size=2),
    st.sets(st.frozensets(st.sampled_from("abcdef"), min_size=2, max_size=4), min_size=1, max_size=5),
)
def test_a_target_that_several_tiers_share_counts_in_each_of_them(
    records: dict[str, Record], groups: set[frozenset[str]]
) -> None:
    found = outliers(groups, records, RULES)
    for group in groups:
        assert len(found & group) <= int(RULES.at_most * len(group))


# ------------------------------------------------------------ in the course of time


@dataclass
class Town:
    """Targets that are called by one worker, and looked at twice a second."""

    groups: tuple[tuple[str, ...], ...] = (("a", "b"),)
    now: float = 1_000_000.0
    ejections: Ejections = field(default_factory=Ejections)
    tallies: dict[str, Tally] = field(default_factory=dict)
    found: list[tuple[str, float]] = field(default_factory=list)

    def call(self, target: str, *, well: bool) -> None:
        tally = self.tallies.setdefault(target, Tally())
        if well:
            tally.answered(self.now, 10.0, None)
        else:
            tally.failed(self.now)

    def sights(self) -> Mapping[str, Mapping[str, Sight]]:
        return {name: {"w": self.sight(tally)} for name, tally in self.tallies.items()}

    def sight(self, tally: Tally) -> Sight:
        calls, failures = tally.counts(self.now)
        heard = {"streak": tally.streak, "heard_at": tally.heard_at, "well_at": tally.well_at}
        return Sight(calls=calls, failures=failures, **heard)

    def wait(self, seconds: float) -> None:
        for _ in range(int(seconds * 2)):
            self.now += 0.5
            self.look()

    def look(self) -> None:
        found = self.ejections.look(self.sights(), lambda: self.groups, RULES, self.now, self.now)
        self.found += found.items()

    def out(self, target: str) -> bool:
        return self.ejections.left_s(target, self.now) > 0.0


def failing(town: Town) -> Town:
    """One target fails twenty times, the other does well; then the first one is out."""
    for _ in range(20):
        town.call("a", well=False)
        town.call("b", well=True)
    town.wait(RULES.every)
    assert town.out("a")
    return town


def test_one_that_was_left_out_is_let_in_when_its_time_is_over_and_what_was_before_counts_no_more() -> None:
    town = failing(Town())
    town.wait(RULES.out)
    assert not town.out("a")
    town.wait(10 * RULES.out)
    assert town.found == [("a", RULES.out)], "nobody called it since, so nothing new is known of it"


def test_many_failures_of_before_do_not_spoil_the_rate_of_one_that_does_well_since() -> None:
    town = Town()
    for _ in range(1000):
        town.call("a", well=False)
        town.call("b", well=True)
    town.wait(RULES.every + RULES.out)
    assert not town.out("a")
    for _ in range(5 * RULES.minimum):
        town.call("a", well=True)
        town.call("b", well=True)
    town.wait(10 * RULES.every)
    assert len(town.found) == 1


def test_one_that_fails_on_after_it_came_back_is_left_out_again_for_longer_and_one_that_did_well_is_not() -> None:
    town = failing(Town())
    town.wait(RULES.out)
    for _ in range(RULES.streak - 1):
        town.call("a", well=False)
    town.wait(RULES.every)
    assert not town.out("a"), "a streak begins anew as well"
    town.call("a", well=False)
    town.wait(RULES.every)
    assert town.found[1:] == [("a", 2 * RULES.out)]
    town.wait(2 * RULES.out)
    for _ in range(int(2 * RULES.out)):
        town.call("a", well=True)
        town.wait(1.0)
    failing(town)
    assert town.found[2:] == [("a", RULES.out)], "its earlier times are forgotten"


def test_it_is_never_left_out_for_more_than_ten_times_as_long() -> None:
    town = Town()
    for _ in range(13):
        failing(town)
        while town.out("a"):
            town.wait(1.0)
    assert [seconds / RULES.out for _, seconds in town.found] == [*range(1, 11), 10, 10, 10]


def test_a_worker_that_started_since_does_not_hold_an_old_streak_against_it() -> None:
    town = failing(Town())
    town.wait(RULES.out + 1.0)
    town.ejections = Ejections()
    town.wait(2 * RULES.every)
    assert len(town.found) == 1


CALLS = st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.sampled_from((0.0, 0.5, 3.0, 40.0))), max_size=60)


@given(CALLS)
def test_whatever_happens_some_target_of_each_tier_stays(calls: list[tuple[str, bool, float]]) -> None:
    town = Town(groups=(("a", "b"), ("b", "c"), ("a", "b", "c"), ("a", "c")))
    for target, well, seconds in calls:
        for _ in range(6):
            town.call(target, well=well)
        town.wait(seconds)
        for group in town.groups:
            assert not all(town.out(name) for name in group)
