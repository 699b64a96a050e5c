"""Where in a stream a time is."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.money.seek import last_sequence, sequence_before
from pipeline.ports import Stored


class Shelf:
    """A stream whose first messages are gone; it counts how often it is asked."""

    def __init__(self, times: list[float], gone: int = 0) -> None:
        self.stored = {n: Stored("s", n, b"", at) for n, at in enumerate(times, gone + 1)}
        self.asked = 0

    async def at(self, stream: str, sequence: int) -> Stored | None:
        self.asked += 1
        return self.stored.get(sequence)

    async def scan(self, stream: str, *, after: int = 0, subject: str | None = None) -> AsyncIterator[Stored]:
        for number, stored in sorted(self.stored.items()):
            if number > after:
                yield stored


@given(st.lists(st.integers(1, 50), max_size=40), st.integers(0, 20), st.integers(0, 60))
async def test_all_that_is_not_older_comes_after_it_and_nothing_older_is_read_for_nothing(
    times: list[int], gone: int, at: int
) -> None:
    shelf = Shelf(sorted(map(float, times)), gone)
    place = await sequence_before(shelf, "S", float(at))  # type: ignore[arg-type]
    later = [number for number, stored in shelf.stored.items() if stored.at >= at]
    assert all(number > place for number in later)
    if place:
        assert all(number <= place for number, stored in shelf.stored.items() if stored.at < at)


async def test_a_million_messages_are_searched_in_a_few_steps() -> None:
    shelf = Shelf([float(n) for n in range(1, 100_001)], gone=5000)
    assert await sequence_before(shelf, "S", 70_000.0) == 5000 + 69_999  # type: ignore[arg-type]
    assert shelf.asked < 80


@pytest.mark.parametrize("length", [1, 2, 3, 7, 8, 9, 100])
async def test_the_last_one_is_found(length: int) -> None:
    assert await last_sequence(Shelf([1.0] * length), "S") == length  # type: ignore[arg-type]
