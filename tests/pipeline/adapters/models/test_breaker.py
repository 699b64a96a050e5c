"""When a target is left alone, and how it comes back."""

import pytest

from pipeline.adapters.models.breaker import Breaker, State
from pipeline.policy.models import Breaker as Rules

RULES = Rules(ratio=0.5, window=10, minimum=6, streak=3, open=10.0, open_cap=35.0, probes=2)
MIDDLE = 0.5  # the draw that jitters nothing


def fail(breaker: Breaker, now: float, draw: float = MIDDLE) -> None:
    ticket = breaker.admit(now)
    assert ticket is not None
    breaker.failed(ticket, now, draw)


def succeed(breaker: Breaker, now: float) -> None:
    ticket = breaker.admit(now)
    assert ticket is not None
    breaker.succeeded(ticket)


def opened(now: float = 0.0) -> Breaker:
    breaker = Breaker(RULES)
    for _ in range(RULES.streak):
        fail(breaker, now)
    return breaker


def test_a_streak_of_failures_opens_it() -> None:
    breaker = Breaker(RULES)
    for _ in range(RULES.streak - 1):
        fail(breaker, 0.0)
    assert breaker.state is State.CLOSED
    fail(breaker, 0.0)
    assert breaker.state is State.OPEN
    assert breaker.admit(9.9) is None
    assert breaker.waits_s(4.0) == pytest.approx(6.0)


def test_a_share_of_failures_opens_it_once_enough_calls_were_seen() -> None:
    breaker = Breaker(RULES)
    for _ in range(2):
        succeed(breaker, 0.0)
        fail(breaker, 0.0)
    succeed(breaker, 0.0)
    assert breaker.state is State.CLOSED
    fail(breaker, 0.0)
    assert breaker.state is State.OPEN


def test_a_success_ends_a_streak() -> None:
    breaker = Breaker(RULES)
    for _ in range(2):
        fail(breaker, 0.0)
    for _ in range(5):
        succeed(breaker, 0.0)
    for _ in range(2):
        fail(breaker, 0.0)
    assert breaker.state is State.CLOSED


def test_after_its_time_a_few_probes_pass_and_close_it() -> None:
    breaker = opened()
    first, second = breaker.admit(10.1), breaker.admit(10.1)
    assert breaker.admit(10.1) is None
    assert first is not None
    assert second is not None
    breaker.succeeded(first)
    assert breaker.state is State.HALF_OPEN
    assert breaker.admit(10.2) is None
    breaker.succeeded(second)
    assert breaker.state is State.CLOSED


def test_a_failed_probe_opens_it_for_twice_as_long_up_to_the_cap() -> None:
    breaker, now = opened(), 0.0
    for seconds in (10.0, 20.0, 35.0, 35.0):
        assert breaker.admit(now + seconds - 0.01) is None
        now += seconds
        fail(breaker, now)


def test_openings_are_jittered_by_a_quarter() -> None:
    for draw, seconds in ((0.0, 7.5), (0.999, 12.5)):
        breaker = Breaker(RULES)
        for _ in range(RULES.streak):
            fail(breaker, 0.0, draw)
        assert breaker.waits_s(0.0) == pytest.approx(seconds, abs=0.01)


def test_after_it_closed_the_next_opening_is_short_again() -> None:
    breaker = opened()
    fail(breaker, 10.0)  # open for 20 s now
    for _ in range(RULES.probes):
        succeed(breaker, 30.0)
    for _ in range(RULES.streak):
        fail(breaker, 31.0)
    assert breaker.waits_s(31.0) == pytest.approx(10.0)


def test_a_call_that_says_nothing_gives_its_probe_back() -> None:
    breaker = opened()
    for _ in range(10):
        ticket = breaker.admit(10.0)
        assert ticket is not None
        breaker.ignored(ticket)
    assert breaker.state is State.HALF_OPEN


def test_calls_from_before_it_opened_are_not_counted_against_the_probes() -> None:
    breaker = Breaker(RULES)
    late = breaker.admit(0.0)
    assert late is not None
    for _ in range(RULES.streak):
        fail(breaker, 0.0)
    probe = breaker.admit(10.0)
    breaker.failed(late, 10.0, MIDDLE)
    assert breaker.state is State.HALF_OPEN
    breaker.succeeded(late)
    assert probe is not None
    breaker.succeeded(probe)
    assert breaker.state is State.HALF_OPEN, "one of two probes"


# ---------------------------------------------------------------- what other workers know


def test_another_workers_opening_is_adopted_and_ends_in_probes() -> None:
    breaker = Breaker(RULES)
    breaker.adopt(1.0, 11.0, 1, 2.0, 0.0)
    assert breaker.state is State.OPEN
    assert breaker.admit(10.9) is None
    assert breaker.opening(3.0) is None, "it is not told on: it is no knowledge of its own"
    assert breaker.admit(11.1) is not None
    assert breaker.admit(11.1) is not None
    assert breaker.admit(11.1) is None, "two probes, and no flood"


def test_an_adopted_opening_lasts_longer_by_chance_so_that_not_all_come_back_at_once() -> None:
    early, late = Breaker(RULES), Breaker(RULES)
    early.adopt(0.0, 10.0, 1, 1.0, 0.0)
    late.adopt(0.0, 10.0, 1, 1.0, 0.99)
    assert early.waits_s(10.0) == 0.0
    assert 2.0 < late.waits_s(10.0) <= 2.5


def test_a_failed_probe_after_an_adopted_opening_leaves_it_alone_longer_than_the_last_time() -> None:
    breaker = Breaker(RULES)
    breaker.adopt(0.0, 10.0, 2, 1.0, 0.0)
    fail(breaker, 10.0)
    assert breaker.waits_s(10.0) == pytest.approx(35.0), "the third in a row, up to the cap"
    assert breaker.opening(10.0) == (10.0, 45.0, 3)


def test_an_opening_that_is_told_twice_or_is_over_or_older_than_its_own_changes_nothing() -> None:
    breaker = opened(now=5.0)
    own = breaker.opening(6.0)
    for opening in ((5.0, 15.0), (5.001, 15.001), (4.0, 60.0), (1.0, 3.0)):
        breaker.adopt(*opening, 1, 6.0, 0.0)
    assert breaker.opening(6.0) == own


def test_an_answer_to_another_worker_ends_what_was_adopted_and_not_what_it_knows_itself() -> None:
    adopted, own = Breaker(RULES), opened()
    adopted.adopt(0.0, 10.0, 1, 1.0, 0.0)
    for breaker in (adopted, own):
        breaker.dissent(0.0)
        assert breaker.state is State.OPEN
        breaker.dissent(3.0)
    assert adopted.state is State.CLOSED
    assert own.state is State.OPEN


def test_a_target_that_says_it_is_well_is_tried_at_once_but_believed_only_once() -> None:
    breaker = opened()
    breaker.hint_well()
    assert breaker.state is State.HALF_OPEN
    fail(breaker, 1.0)
    breaker.hint_well()
    assert breaker.state is State.OPEN, "what answers such questions is not what answers calls"
    for _ in range(RULES.probes):
        succeed(breaker, 60.0)
    assert breaker.state is State.CLOSED
    for _ in range(RULES.streak):
        fail(breaker, 61.0)
    breaker.hint_well()
    assert breaker.state is State.HALF_OPEN


def test_a_dead_target_is_called_a_bounded_number_of_times_however_often_it_says_that_it_is_well() -> None:
    """Ten hours, a call and a good probe every second: the streak, one for each opening, and the pace of the cap."""
    breaker, calls = Breaker(RULES), 0
    for second in range(36_000):
        breaker.hint_well()
        ticket = breaker.admit(float(second))
        if ticket is not None:
            calls += 1
            breaker.failed(ticket, float(second), 0.0)
    assert calls <= RULES.streak + 10 + 36_000 / (0.75 * RULES.open_cap)


# ---------------------------------------------------------------- a hang


def hung(now: float = 0.0) -> Breaker:
    breaker = Breaker(RULES)
    ticket = breaker.admit(now)
    assert ticket is not None
    breaker.hung(ticket, now, MIDDLE)
    return breaker


def test_a_hang_opens_it_at_once() -> None:
    breaker = hung()
    assert breaker.admit(9.9) is None
    assert breaker.opening(1.0) == (0.0, 10.0, 1), "and others are told"


def test_after_a_hang_one_probe_goes_out_at_a_time_until_one_is_answered() -> None:
    breaker = hung()
    probe = breaker.admit(10.0)
    assert probe is not None
    assert breaker.admit(10.0) is None
    breaker.succeeded(probe)
    last = breaker.admit(10.0)
    assert last is not None
    breaker.succeeded(last)
    assert breaker.state is State.CLOSED
    for _ in range(RULES.streak):
        fail(breaker, 11.0)
    assert breaker.admit(21.0) is not None
    assert breaker.admit(21.0) is not None, "after failures as many as the rules say"


def test_a_probe_that_meets_the_hang_leaves_it_alone_for_twice_as_long() -> None:
    breaker = hung()
    probe = breaker.admit(10.0)
    assert probe is not None
    breaker.hung(probe, 13.0, MIDDLE)
    assert breaker.waits_s(13.0) == pytest.approx(20.0)


def test_a_probe_without_time_is_followed_by_another() -> None:
    breaker = hung()
    for _ in range(5):
        probe = breaker.admit(10.0)
        assert probe is not None
        breaker.ignored(probe)


def test_calls_that_end_after_it_opened_do_not_open_it_again() -> None:
    breaker = Breaker(RULES)
    first, second = breaker.admit(0.0), breaker.admit(0.0)
    assert first is not None
    assert second is not None
    breaker.hung(first, 3.0, MIDDLE)
    breaker.hung(second, 4.0, MIDDLE)
    assert breaker.waits_s(3.0) == pytest.approx(10.0)
