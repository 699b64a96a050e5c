"""Scripts in Valkey over one connection. Calls that come while others are under way are sent together after them."""

import asyncio
import hashlib
from collections import deque
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from redis.exceptions import NoScriptError

from pipeline.adapters.wire import FAILURES, Argument, Connected, Wire
from pipeline.errors import StoreUnavailable

__all__ = ["ANSWER_S", "BATCH", "CONNECT_S", "REST_S", "Argument", "Script", "ScriptCalls"]

CONNECT_S: Final = 0.5
"""Seconds for a connection to come about."""
ANSWER_S: Final = 1.0
"""Seconds for the store to answer a batch."""
REST_S: Final = 0.5
"""Seconds after a failure in which nobody waits for another one."""
BATCH: Final = 128
"""Calls that are sent together at most."""


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
        self._wire = Wire(url, CONNECT_S, ANSWER_S, connected)
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
        await self._wire.close()

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
                answers = await self._sent(batch)
            except asyncio.CancelledError:
                self._waiting.extendleft(reversed(batch))
                raise
            except FAILURES as error:
                self._rests_until = asyncio.get_running_loop().time() + self._rest_s
                answers = [error] * len(batch)
            for call, answer in zip(batch, answers, strict=True):
                _settle(call, answer)

    async def _sent(self, calls: Sequence[_Call]) -> Sequence[Any]:
        commands = [("EVALSHA", *call.command) if call.script else call.command for call in calls]
        answers = await self._wire.exchange(commands)
        unknown = [place for place, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        if unknown:
            texts = [_in_full(calls[place]) for place in unknown]
            for place, answer in zip(unknown, await self._wire.exchange(texts), strict=True):
                answers[place] = answer
        return answers


def _in_full(call: _Call) -> tuple[Argument, ...]:
    """The call with the text of its script, which the server does not know yet, or no longer."""
    return ("EVAL", call.script.text if call.script else "", *call.command[1:])


def _settle(call: _Call, answer: Any) -> None:
    """Give the caller its answer, unless it no longer waits."""
    if call.answer.done():
        return
    if isinstance(answer, Exception):
        kind = type(answer).__name__
        call.answer.set_exception(StoreUnavailable(f"the counters at STEPWELL_VALKEY do not answer ({kind})"))
    else:
        call.answer.set_result(answer)
