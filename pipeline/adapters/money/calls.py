"""Scripts in Valkey over one connection. Calls that come while others are under way are sent together after them."""

import asyncio
import hashlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, NamedTuple

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError

from pipeline.errors import StoreUnavailable

__all__ = ["ANSWER_S", "BATCH", "CONNECT_S", "REST_S", "Script", "ScriptCalls"]

CONNECT_S: Final = 0.5
"""Seconds for a connection to come about."""
ANSWER_S: Final = 1.0
"""Seconds for the store to answer."""
REST_S: Final = 0.5
"""Seconds after a failure in which nobody waits for another one."""
BATCH: Final = 128
"""Calls that are sent together at most."""

Argument = str | int | float
Connected = Callable[[Any], Awaitable[None]]
"""Told of every new connection, before anything else goes over it."""


class Script:
    """A script and the digest that the server knows it by."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


class _Call(NamedTuple):
    command: tuple[Argument, ...]
    script: Script | None
    answer: "asyncio.Future[Any]"


class ScriptCalls:
    """Sends scripts and commands. Belongs to one event loop.

    Whatever goes wrong is one error to the caller, `StoreUnavailable`; what was sent may have happened all the same.
    """

    def __init__(self, url: str, connected: Connected, *, rest_s: float = REST_S) -> None:
        # A call without an answer is not repeated here: whether it happened is the ledger's question.
        self._client = Redis.from_url(
            url,
            socket_connect_timeout=CONNECT_S,
            socket_timeout=ANSWER_S,
            retry=Retry(NoBackoff(), 0),
            redis_connect_func=connected,
        )
        self._rest_s = rest_s
        self._rests_until = 0.0
        self._waiting: deque[_Call] = deque()
        self._sender: asyncio.Task[None] | None = None

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """What the script answers. Raises `StoreUnavailable`."""
        return await self._call((script.digest, len(keys), *keys, *arguments), script)

    async def command(self, *command: Argument) -> Any:
        """What a command answers. Raises `StoreUnavailable`."""
        return await self._call(command, None)

    async def close(self) -> None:
        """Close the connection. Calls that still wait end with `StoreUnavailable`."""
        if self._sender is not None:
            self._sender.cancel()
            await asyncio.gather(self._sender, return_exceptions=True)
        while self._waiting:
            _settle(self._waiting.popleft(), ConnectionError("closed"))
        await self._client.aclose()

    async def _call(self, command: tuple[Argument, ...], script: Script | None) -> Any:
        loop = asyncio.get_running_loop()
        if loop.time() < self._rests_until:
            raise StoreUnavailable("the counters at STEPWELL_VALKEY did not answer a moment ago")
        call = _Call(command, script, loop.create_future())
        self._waiting.append(call)
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send())
        return await call.answer

    async def _send(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            try:
                answers = await self._round_trip(batch)
            except asyncio.CancelledError:
                self._waiting.extendleft(reversed(batch))
                raise
            except (RedisError, OSError, TimeoutError) as error:
                self._rests_until = asyncio.get_running_loop().time() + self._rest_s
                answers = [error] * len(batch)
            for call, answer in zip(batch, answers, strict=True):
                _settle(call, answer)

    async def _round_trip(self, calls: Sequence[_Call]) -> Sequence[Any]:
        """The answers. On a connection that turns out to be gone, once more on a new one: scripts may run twice."""
        try:
            return await self._sent(calls)
        except RedisConnectionError:
            return await self._sent(calls)

    async def _sent(self, calls: Sequence[_Call]) -> Sequence[Any]:
        pipeline = self._client.pipeline(transaction=False)
        for call in calls:
            pipeline.execute_command(*(("EVALSHA", *call.command) if call.script else call.command))
        answers = await pipeline.execute(raise_on_error=False)
        if any(isinstance(answer, NoScriptError) for answer in answers):
            answers = [await self._again(call, answer) for call, answer in zip(calls, answers, strict=True)]
        return answers

    async def _again(self, call: _Call, answer: Any) -> Any:
        """Send the text of a script that the server does not know yet, or no longer."""
        if not isinstance(answer, NoScriptError) or call.script is None:
            return answer
        try:
            asked = self._client.execute_command
            return await asked("EVAL", call.script.text, *call.command[1:])  # type: ignore[no-untyped-call]
        except RedisError as error:
            return error


def _settle(call: _Call, answer: Any) -> None:
    """Give the caller its answer, unless it no longer waits."""
    if call.answer.done():
        return
    if isinstance(answer, Exception):
        kind = type(answer).__name__
        call.answer.set_exception(StoreUnavailable(f"the counters at STEPWELL_VALKEY do not answer ({kind})"))
    else:
        call.answer.set_result(answer)
