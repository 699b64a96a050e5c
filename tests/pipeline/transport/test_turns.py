"""Turns between the rows of a lane: nobody waits for a whole row, and within a row the order stays."""

from collections import Counter, deque

from hypothesis import given
from hypothesis import strategies as st

from pipeline.transport.turns import FRONT, Turns

ROWS = 4
ROW = st.integers(min_value=0, max_value=ROWS)


@given(st.lists(st.none() | ROW, max_size=200))
def test_whatever_comes_and_goes_each_is_served_once_and_in_the_order_of_its_row(steps: list[int | None]) -> None:
    turns: Turns[tuple[int, int]] = Turns(ROWS)
    there: dict[int, deque[int]] = {row: deque() for row in range(ROWS + 1)}
    for number, step in enumerate(steps):
        if step is not None:
            turns.put(step, (step, number))
            there[step].append(number)
        elif turns.waiting:
            row, taken = turns.take()
            assert taken == there[row].popleft()
        assert turns.waiting == sum(map(len, there.values()))
        assert [turns.held(row) for row in there] == [len(waiting) for waiting in there.values()]


@given(st.dictionaries(ROW, st.integers(min_value=1, max_value=100), min_size=1))
def test_while_a_row_has_something_it_is_served_at_least_once_in_a_round(lengths: dict[int, int]) -> None:
    """A round: three of the front row for each of the others."""
    turns: Turns[int] = Turns(ROWS)
    for row, length in lengths.items():
        for _ in range(length):
            turns.put(row, row)
    waited: Counter[int] = Counter()
    while turns.waiting:
        waiting = [row for row in lengths if turns.held(row)]
        taken = turns.take()
        waited.update(waiting)
        waited[taken] = 0
        assert max(waited[row] for row in waiting) <= (FRONT + 1) * ROWS


def test_the_front_row_has_three_turns_of_four_and_the_others_share_the_fourth() -> None:
    turns: Turns[int] = Turns(ROWS)
    for row in (0, 2, 3):
        for _ in range(100):
            turns.put(row, row)
    assert Counter(turns.take() for _ in range(80)) == {0: 60, 2: 10, 3: 10}


def test_what_is_taken_away_is_served_no_more() -> None:
    turns: Turns[str] = Turns(ROWS)
    turns.put(3, "a")
    turns.put(0, "b")
    assert sorted(turns.clear()) == ["a", "b"]
    assert (turns.waiting, turns.everything()) == (0, [])
