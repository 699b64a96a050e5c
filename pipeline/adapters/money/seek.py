"""Where in a stream a time is, found by halving, so that reading the last day costs the last day."""

from pipeline.ports import Stored, Streams

__all__ = ["last_sequence", "sequence_before"]


async def sequence_before(streams: Streams, stream: str, at: float) -> int:
    """A sequence after which all messages stored at the time `at` or later stand; 0: read from the beginning.

    Messages are stored in the order of time, but for clocks of servers that were set back; so some earlier ones may
    follow it, and who reads on looks at the time of each.
    """
    first = await _first(streams, stream)
    if first is None or not first.at or first.at >= at:  # a store that keeps no times gives 0
        return 0
    low, high = first.sequence, await last_sequence(streams, stream, first.sequence)
    while low < high:
        middle = (low + high + 1) // 2
        stored = await streams.at(stream, middle)
        if stored is not None and stored.at >= at:
            high = middle - 1
        else:  # a message that is gone is taken for an early one: what follows it decides
            low = middle
    return low


async def last_sequence(streams: Streams, stream: str, known: int = 1) -> int:
    """The last sequence of a stream without gaps that holds a message at `known`."""
    step = 1
    while await streams.at(stream, known + step) is not None:
        step *= 2
    low, high = known + step // 2, known + step
    while high - low > 1:
        middle = (low + high) // 2
        if await streams.at(stream, middle) is None:
            high = middle
        else:
            low = middle
    return low


async def _first(streams: Streams, stream: str) -> Stored | None:
    async for stored in streams.scan(stream):
        return stored
    return None
