"""Scripts in Valkey over one connection."""

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from redis.exceptions import NoScriptError

from pipeline.adapters.together import Together
from pipeline.adapters.wire import Argument, Connected, Wire
from pipeline.errors import StoreUnavailable

__all__ = ["ANSWER_S", "CONNECT_S", "REST_S", "Argument", "Script", "ScriptCalls"]

CONNECT_S: Final = 0.5
"""Seconds for a connection to come about."""
ANSWER_S: Final = 1.0
"""Seconds for the store to answer a batch."""
REST_S: Final = 0.5
"""Seconds after a failure in which nobody waits for another one."""


class Script:
    """A script and the digest that the server knows it by."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


class _Call(NamedTuple):
    command: tuple[Argument, ...]
    script: Script | None = None


class ScriptCalls:
    """Sends scripts and commands. Belongs to one event loop.

    Whatever goes wrong is one error to the caller, `StoreUnavailable`; what was sent may have happened all the same.
    """

    def __init__(
        self, url: str, connected: Connected | None, *, rest_s: float = REST_S, whose: str = "the store of the counters"
    ) -> None:
        self._whose = whose
        self._wire = Wire(url, CONNECT_S, ANSWER_S, connected)
        self._rest_s = rest_s
        self._rests_until = 0.0
        self._calls = Together(whose, self._sent, self._rest)

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """What the script answers. Raises `StoreUnavailable`."""
        return await self._ask(_Call((script.digest, len(keys), *keys, *arguments), script))

    async def command(self, *command: Argument) -> Any:
        """What a command answers. Raises `StoreUnavailable`."""
        return await self._ask(_Call(command))

    async def close(self) -> None:
        """Close the connection. Calls that still wait end with `StoreUnavailable`."""
        await self._calls.close()
        await self._wire.close()

    async def _ask(self, call: _Call) -> Any:
        if asyncio.get_running_loop().time() < self._rests_until:
            raise StoreUnavailable(f"{self._whose} at STEPWELL_VALKEY did not answer a moment ago")
        return await self._calls.ask(call)

    def _rest(self) -> None:
        self._rests_until = asyncio.get_running_loop().time() + self._rest_s

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
