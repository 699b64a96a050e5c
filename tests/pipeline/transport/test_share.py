"""The share of batches in a loop that interactive work needs too: gone at once, back by and by, never nothing."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from pipeline.transport.share import HURRY_S, LATE_S, LOOK_S, STEP_S, Share

MOST = st.integers(min_value=1, max_value=300)


@dataclass(frozen=True)
class Seen:
    """What there is to see at one look."""

    late: float
    hurry: bool
    busy: int


SEEN = st.builds(Seen, st.floats(min_value=0, max_value=0.2), st.booleans(), st.integers(min_value=0, max_value=300))


def looks(share: Share, seen: list[Seen], now: float = 0.0) -> list[int]:
    """The slots after each look; every look is a twentieth of a second after the one before."""
    return [
        share.look(now + number * LOOK_S, each.late, hurry=each.hurry, busy=each.busy)
        for number, each in enumerate(seen)
    ]


@given(MOST, st.lists(SEEN, max_size=100))
def test_there_is_always_one_slot_and_never_more_than_there_are(most: int, seen: list[Seen]) -> None:
    share = Share(most)
    for number, each in enumerate(seen):
        (slots,) = looks(share, [each], number * LOOK_S)
        assert 1 <= slots <= most
        assert share.whole == (slots == most)


@given(MOST, st.lists(SEEN, max_size=60), st.integers(min_value=0, max_value=300))
def test_while_interactive_work_waits_for_a_late_loop_half_is_given_up_at_each_look(
    most: int, before: list[Seen], busy: int
) -> None:
    share = Share(most)
    looks(share, before)
    had = share.slots
    fallen = looks(share, [Seen(LATE_S * 1.01, True, busy)] * 9, len(before) * LOOK_S)
    assert fallen[0] == max(1, min(had, busy) // 2)
    assert fallen[-1] == 1, "within half a second one slot is left, however many there were"


@given(MOST, st.lists(SEEN, max_size=60))
def test_with_no_interactive_work_all_slots_come_back_however_late_the_loop_is(most: int, before: list[Seen]) -> None:
    share = Share(most)
    looks(share, before)
    quiet = round(HURRY_S / LOOK_S) + 1
    back = looks(share, [Seen(0.2, False, most)] * (quiet + 9), len(before) * LOOK_S)
    assert back[-1] == most
    assert back[quiet:] == sorted(back[quiet:])


@given(st.integers(min_value=2, max_value=64), st.lists(SEEN, max_size=60))
def test_beside_interactive_work_in_a_loop_that_keeps_up_one_slot_comes_back_at_a_time(
    most: int, before: list[Seen]
) -> None:
    share = Share(most)
    looks(share, before)
    had, steps = share.slots, round(STEP_S / LOOK_S)
    after = looks(share, [Seen(0.0, True, most)] * (10 * steps), len(before) * LOOK_S)
    assert all(0 <= later - earlier <= 1 for earlier, later in zip([had, *after], after, strict=False))
    assert min(most, had + 9) <= after[-1] <= min(most, had + 10)


@given(MOST, st.lists(SEEN, max_size=60), st.lists(st.booleans(), min_size=1, max_size=60))
def test_slots_that_nobody_uses_do_not_become_more(most: int, before: list[Seen], hurries: list[bool]) -> None:
    share = Share(most)
    looks(share, [*before, Seen(0.0, True, 0)])
    had = share.slots
    for number, hurry in enumerate(hurries):
        now = (len(before) + 1 + number % 10) * LOOK_S
        assert share.look(now, 0.0, hurry=hurry, busy=had - 1) == had
