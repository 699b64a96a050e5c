"""Where in a stream a time is."""

from bisect import bisect_left
from collections.abc import Collection

from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.money.seek import sequence_before
from pipeline.ports import Stored


class Shelf:
    """A stream of which messages are gone; it counts how often it is asked."""

    def __init__(self, times: list[float], gone: Collection[int] = ()) -> None:
        self.stored = {n: Stored("s", n, b"", at) for n, at in enumerate(times, 1) if n not in gone}
        self.numbers = sorted(self.stored)
        self.asked = 0

    async def following(self, stream: str, sequence: int) -> Stored | None:
        self.asked += 1
        place = bisect_left(self.numbers, sequence)
        return self.stored[self.numbers[place]] if place < len(self.numbers) else None


@given(st.lists(st.integers(1, 50), max_size=40), st.sets(st.integers(1, 40)), st.integers(0, 60))
async def test_all_that_is_not_older_comes_after_it_and_nothing_older_is_read_for_nothing(
    times: list[int], gone: set[int], at: int
) -> None:
    shelf = Shelf(sorted(map(float, times)), gone)
    place = await sequence_before(shelf, "S", float(at))  # type: ignore[arg-type]
    later = [number for number, stored in shelf.stored.items() if stored.at >= at]
    assert all(number > place for number in later)
    assert all(number <= place for number, stored in shelf.stored.items() if stored.at < at)


async def test_a_million_messages_are_searched_in_a_few_steps() -> None:
    shelf = Shelf([float(n) for n in range(1, 100_001)], range(5001, 60_000))
    assert await sequence_before(shelf, "S", 70_000.0) == 69_999  # type: ignore[arg-type]
    assert shelf.asked < 80
