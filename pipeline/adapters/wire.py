"""Commands over one kept connection to a Valkey or Redis: written at once, answered in their order.

The client of the library takes a connection out of its pool for every batch, looks whether it is alive, times every
read by itself and packs in Python; under load that cost five times what the commands do. Connecting, authentication,
TLS and reading answers remain the library's.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from hiredis import pack_command
from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError

__all__ = ["FAILURES", "Argument", "Connected", "Wire"]

Argument = str | int | float | bytes
Connected = Callable[[Any], Awaitable[None]]
"""Told of every new connection, before anything else goes over it."""
FAILURES: Final = (RedisError, OSError, TimeoutError)
"""What an exchange may raise."""


class Wire:
    """One connection, for one exchange at a time. Belongs to one event loop.

    Args:
        url: a `redis://` or `rediss://` address with a database number.
        connect_s: seconds for a connection to come about.
        answer_s: seconds for all answers to be there.
        connected: greets every new connection; None: as the library does.
    """

    def __init__(self, url: str, connect_s: float, answer_s: float, connected: Connected | None = None) -> None:
        # A call without an answer is not repeated by the library: whether it happened is the caller's question.
        # Each exchange has one time-out of its own; the library would time every write and every answer beside it.
        pool = ConnectionPool.from_url(
            url,
            socket_connect_timeout=connect_s,
            socket_timeout=None,
            retry=Retry(NoBackoff(), 0),
            redis_connect_func=connected,
        )
        self._connection: Any = pool.make_connection()  # type: ignore[no-untyped-call]
        self._connect_s = connect_s + answer_s
        self._answer_s = answer_s

    async def exchange(self, commands: Sequence[Sequence[Argument]]) -> list[Any]:
        """The answers; where the server refuses a command, its `ResponseError` in that place.

        A connection that turns out to be gone is replaced once: then commands may have been carried out twice.

        Raises:
            RedisError, OSError, TimeoutError: no answers; what was sent may have happened all the same.
        """
        packed = [_packed(command) for command in commands]
        if self._connection.is_connected:
            try:
                return await self._sent(packed)
            except RedisConnectionError:
                pass
        await self._connect()
        return await self._sent(packed)

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.disconnect()

    async def _connect(self) -> None:
        """Have a connection that was greeted to the end, or none."""
        try:
            async with asyncio.timeout(self._connect_s):
                await self._connection.connect()
        except BaseException:
            await self._connection.disconnect(nowait=True)
            raise

    async def _sent(self, packed: Sequence[bytes]) -> list[Any]:
        """The answers. Whoever stops waiting for them drops the connection: they would be taken for the next ones."""
        connection = self._connection
        try:
            async with asyncio.timeout(self._answer_s):
                await connection.send_packed_command(packed, check_health=False)
                return [await _answer(connection) for _ in packed]
        except BaseException:
            await connection.disconnect(nowait=True)
            raise


def _packed(command: Sequence[Argument]) -> bytes:
    packed: bytes = pack_command(tuple(command))  # type: ignore[arg-type]  # its types know of one argument only
    return packed


async def _answer(connection: Any) -> Any:
    try:
        return await connection.read_response()
    except ResponseError as refused:
        return refused
