"""A cache in this process, for tests and for workers without Valkey."""

from collections import OrderedDict

from pipeline.ports import Clock

__all__ = ["MemoryCache"]


class MemoryCache:
    """Keeps the newest `capacity` values. Time comes from the clock it is given."""

    def __init__(self, clock: Clock, capacity: int = 10_000) -> None:
        self._clock = clock
        self._capacity = capacity
        self._values: OrderedDict[str, tuple[bytes, float]] = OrderedDict()

    async def get(self, key: str) -> bytes | None:
        """The value, or None when there is none or its time is over."""
        found = self._values.get(key)
        if found is None:
            return None
        value, until = found
        if self._clock.monotonic() >= until:
            del self._values[key]
            return None
        return value

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        """Store for `ttl_s` seconds; a later value replaces an earlier one, and the oldest make room."""
        self._values.pop(key, None)
        self._values[key] = (value, self._clock.monotonic() + ttl_s)
        while len(self._values) > self._capacity:
            self._values.popitem(last=False)

    async def close(self) -> None:
        """Forget everything."""
        self._values.clear()
