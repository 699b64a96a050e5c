"""What workers share of targets and routes, in Valkey or Redis. Nothing here is asked on the way of a request."""

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Final, cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from pipeline.errors import StoreUnavailable

__all__ = ["PREFIX", "ValkeySights"]

PREFIX: Final = "stepwell:board:"
"""What our keys begin with."""
_CONNECT_S: Final = 0.5
_ANSWER_S: Final = 1.0
_SIGHTS_MS: Final = 60_000
_HOUR_KEPT_S: Final = 26 * 3600


class ValkeySights:
    """One hash of what workers see, a field for each of them, and one hash of figures of routes for each hour."""

    def __init__(self, url: str) -> None:
        """Prepare; the first call connects. `url` is a `redis://` or `rediss://` address with a database number."""
        self._client = Redis.from_url(
            url, socket_connect_timeout=_CONNECT_S, socket_timeout=_ANSWER_S, retry=Retry(NoBackoff(), 0)
        )

    async def exchange(self, worker: str, mine: bytes) -> Mapping[str, bytes]:
        """Leave what this worker sees; get what each worker left. Raises `StoreUnavailable`."""
        pipeline = self._client.pipeline(transaction=False)
        pipeline.hset(f"{PREFIX}workers", worker, cast("Any", mine))
        pipeline.pexpire(f"{PREFIX}workers", _SIGHTS_MS)
        pipeline.hgetall(f"{PREFIX}workers")
        *_, shared = await _answered(pipeline.execute())
        return {name.decode(errors="replace"): payload for name, payload in shared.items()}

    async def forget(self, workers: Sequence[str]) -> None:
        """Remove workers that are gone. Raises `StoreUnavailable`."""
        await _answered(cast("Awaitable[Any]", self._client.hdel(f"{PREFIX}workers", *workers)))

    async def add(self, hour: int, figures: Mapping[str, float]) -> None:
        """Add to the figures of an hour, all or none. Raises `StoreUnavailable`."""
        pipeline = self._client.pipeline(transaction=True)
        for name, value in figures.items():
            pipeline.hincrbyfloat(f"{PREFIX}hour:{hour}", name, value)
        pipeline.expire(f"{PREFIX}hour:{hour}", _HOUR_KEPT_S)
        await _answered(pipeline.execute())

    async def read(self, hours: Sequence[int]) -> Mapping[int, Mapping[str, float]]:
        """The figures of these hours. Raises `StoreUnavailable`."""
        pipeline = self._client.pipeline(transaction=False)
        for hour in hours:
            pipeline.hgetall(f"{PREFIX}hour:{hour}")
        pages = await _answered(pipeline.execute())
        return {hour: _figures(page) for hour, page in zip(hours, pages, strict=True) if page}

    async def close(self) -> None:
        """Close the connection."""
        await self._client.aclose()


def _figures(page: Mapping[bytes, bytes]) -> dict[str, float]:
    figures = {}
    for name, value in page.items():
        try:
            figures[name.decode()] = float(value)
        except ValueError:
            continue  # nothing of ours
    return figures


async def _answered(asked: Awaitable[Any]) -> Any:
    try:
        return await asked
    except (RedisError, OSError, TimeoutError) as error:
        kind = type(error).__name__
        raise StoreUnavailable(f"the store at STEPWELL_VALKEY does not answer ({kind})") from None
