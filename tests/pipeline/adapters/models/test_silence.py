"""When silence tells of a hang."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.models.silence import Silence
from pipeline.policy.models import Breaker as Rules

RULES = Rules(streak=5, silence=1.0)
TENANTS = ("acme", "bolt", "crane")


def known(*first_s: float, tenants: tuple[str, ...] = TENANTS) -> Silence:
    """A target that answered calls with these waits for the first word, four times as long for the whole."""
    silence = Silence()
    for number, seconds in enumerate(first_s):
        silence.answered(tenants[number % len(tenants)], 4 * seconds, seconds)
    return silence


def quick() -> Silence:
    return known(*(0.2 + 0.01 * (number % 10) for number in range(64)))


def meets(silence: Silence, waited_s: float, tenant: str = "acme", *, streamed: bool = True) -> bool:
    return silence.met(silence.words, tenant, waited_s, RULES, streamed=streamed)


def times(silence: Silence, waited_s: float, *tenants: str, streamed: bool = True, most: int = 200) -> int | None:
    """After how many calls it is a hang; None: after none of so many."""
    for number in range(most):
        if meets(silence, waited_s, tenants[number % len(tenants)], streamed=streamed):
            return number + 1
    return None


def test_a_streak_of_long_silences_is_a_hang() -> None:
    assert times(quick(), 2.95, *TENANTS) == RULES.streak


def test_of_a_target_of_which_nothing_is_known_a_longer_silence_is() -> None:
    assert times(Silence(), 2.95, "acme") == RULES.streak
    assert times(Silence(), 1.5, "acme") is None


def test_a_short_deadline_says_nothing_however_often() -> None:
    assert times(quick(), 0.05, *TENANTS) is None
    assert times(Silence(), 0.05, *TENANTS) is None


def test_a_wait_that_is_usual_for_the_target_says_nothing() -> None:
    slow = known(*(2.0 + 0.1 * number for number in range(64)))
    assert times(slow, 2.0, *TENANTS) is None


def test_the_more_usual_a_wait_the_more_of_them_it_takes() -> None:
    mixed = [0.2] * 48 + [5.0] * 16
    assert RULES.streak < (times(known(*mixed), 3.0, *TENANTS) or 0) <= 12


def test_calls_that_show_no_first_word_are_measured_by_whole_answers() -> None:
    whole = known(*([0.5] * 64))
    assert times(whole, 1.9, *TENANTS, streamed=False) is None
    assert times(known(*([0.5] * 64)), 2.9, *TENANTS, streamed=False) == RULES.streak


def test_a_word_to_anybody_voids_what_was_met_before() -> None:
    silence = quick()
    for _ in range(RULES.streak - 1):
        assert not meets(silence, 2.95)
    silence.words += 1
    assert times(silence, 2.95, *TENANTS) == RULES.streak + 1, "and those waits are usual ones from now on"


def test_a_call_during_which_others_were_answered_says_nothing() -> None:
    silence = quick()
    for _ in range(50):
        since = silence.words
        silence.words += 1
        assert not silence.met(since, "acme", 2.95, RULES, streamed=True)


def test_a_tenant_alone_must_meet_it_twice_as_often_where_others_were_answered() -> None:
    assert times(quick(), 2.95, "acme") == 2 * RULES.streak
    own = known(*([0.2] * 64), tenants=("acme",))
    assert times(own, 2.95, "acme") == RULES.streak


def test_once_it_hangs_one_more_silence_says_so_again_until_it_speaks() -> None:
    silence = quick()
    assert times(silence, 2.95, *TENANTS) == RULES.streak
    assert meets(silence, 2.95)
    assert not meets(silence, 0.05), "but not a call that had no time"
    silence.answered("acme", 0.8, 0.2)
    assert not meets(silence, 2.95)


def test_while_it_hangs_a_wait_that_is_usual_for_it_says_nothing() -> None:
    silence = known(*([0.2] * 8 + [2.0] * 56))
    assert times(silence, 9.0, *TENANTS) == RULES.streak
    assert not meets(silence, 1.5)


def test_after_a_hang_the_same_silences_tell_of_the_next_one_as_soon() -> None:
    silence = quick()
    assert times(silence, 2.95, *TENANTS) == RULES.streak
    silence.answered("acme", 0.8, 0.2)
    assert times(silence, 2.95, *TENANTS) == RULES.streak


def test_overdue_is_what_hardly_any_call_waits() -> None:
    silence = quick()
    assert silence.overdue(0.5, streamed=True)
    assert not silence.overdue(0.25, streamed=True)
    assert not silence.overdue(0.5, streamed=False), "the whole answer takes longer"
    assert silence.overdue(2.0, streamed=False)


def test_of_a_target_of_which_little_is_known_nothing_is_overdue() -> None:
    assert not Silence().overdue(100.0, streamed=True)
    assert not known(*([0.2] * 14)).overdue(100.0, streamed=True)


def test_a_target_that_became_slower_is_overdue_later() -> None:
    silence = quick()
    assert silence.overdue(2.0, streamed=True)
    for _ in range(16):
        silence.answered("acme", 10.0, 2.2)
    assert not silence.overdue(2.0, streamed=True)


WAITS = st.floats(min_value=0.0, max_value=60.0)


@given(waits=st.lists(WAITS, max_size=80), calls=st.lists(st.tuples(WAITS, st.sampled_from(TENANTS)), max_size=40))
def test_fewer_calls_than_a_streak_never_tell_of_a_hang(waits: list[float], calls: list[tuple[float, str]]) -> None:
    silence, met = known(*waits), 0
    for waited_s, tenant in calls:
        told = meets(silence, waited_s, tenant)
        met += waited_s >= RULES.silence
        assert not told or met >= RULES.streak


@given(
    waits=st.lists(WAITS, max_size=80),
    calls=st.lists(st.floats(min_value=0.0, max_value=0.99), max_size=60),
    streamed=st.booleans(),
)
def test_calls_without_time_never_tell_of_a_hang(waits: list[float], calls: list[float], streamed: bool) -> None:
    silence = known(*waits)
    assert not any(meets(silence, waited_s, "acme", streamed=streamed) for waited_s in calls)


@given(waits=st.lists(WAITS, max_size=80), calls=st.lists(st.tuples(WAITS, st.booleans()), max_size=60))
def test_a_target_that_speaks_within_each_streak_never_hangs(
    waits: list[float], calls: list[tuple[float, bool]]
) -> None:
    silence, since_word = known(*waits), 0
    for waited_s, spoke in calls:
        if spoke or since_word == RULES.streak - 1:
            silence.answered("bolt", 1.0, 0.5)
            since_word = 0
        since_word += 1
        assert not meets(silence, waited_s)


@given(waits=st.lists(WAITS, max_size=80), waited_s=st.floats(min_value=1.0, max_value=60.0))
def test_a_longer_wait_never_takes_more_calls(waits: list[float], waited_s: float) -> None:
    shorter = times(known(*waits), waited_s, *TENANTS, most=64)
    longer = times(known(*waits), waited_s + 1.0, *TENANTS, most=64)
    assert shorter is None or (longer is not None and longer <= shorter)


@given(waits=st.lists(st.floats(min_value=1.0, max_value=60.0), min_size=15, max_size=64))
def test_what_half_of_the_answers_take_needs_twenty_silences_in_a_row(waits: list[float]) -> None:
    middle = sorted(waits)[len(waits) // 2]
    assert (times(known(*waits), middle, *TENANTS) or 200) >= 19
