"""Where in a stream a time is, found by halving, so that reading the last day costs the last day."""

from pipeline.ports import Stored, Streams

__all__ = ["sequence_before"]


async def sequence_before(streams: Streams, stream: str, at: float) -> int:
    """A sequence after which all messages stored at the time `at` or later stand; 0: read from the beginning.

    Messages are stored in the order of time, but for clocks of servers that were set back; so some earlier ones may
    follow it, and who reads on looks at the time of each. Messages may be missing between others.
    """
    first = await streams.following(stream, 1)
    if not _before(first, at):  # a store that keeps no times gives 0
        return 0
    assert first is not None
    low, step = first.sequence, 1
    while _before(found := await streams.following(stream, low + step), at):
        assert found is not None
        low, step = found.sequence, step * 2
    high = low + step
    while high - low > 1:
        middle = (low + high) // 2
        found = await streams.following(stream, middle)
        if _before(found, at):
            assert found is not None
            low = found.sequence
        else:
            high = middle
    return low


def _before(stored: Stored | None, at: float) -> bool:
    return stored is not None and 0 < stored.at < at
