"""Scripts in Valkey over one connection."""

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Any, Final

from redis.exceptions import NoScriptError

from pipeline.adapters.wire import FAILURES, Argument, Connected, Wire
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


class ScriptCalls:
    """Sends scripts and commands. Belongs to one event loop.

    Whatever goes wrong is one error to the caller, `StoreUnavailable`; what was sent may have happened all the same.
    """

    def __init__(
        self,
        url: str,
        connected: Connected | None,
        *,
        rest_s: float = REST_S,
        answer_s: float = ANSWER_S,
        whose: str = "the store of the counters",
    ) -> None:
        self._whose = whose
        self._wire = Wire(url, CONNECT_S, answer_s, connected)
        self._rest_s = rest_s
        self._rests_until = 0.0

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """What the script answers. Raises `StoreUnavailable`."""
        self._check()
        try:
            answer = await self._wire.ask("EVALSHA", script.digest, len(keys), *keys, *arguments)
            if isinstance(answer, NoScriptError):  # the server does not know it yet, or no longer
                answer = await self._wire.ask("EVAL", script.text, len(keys), *keys, *arguments)
        except FAILURES as error:
            raise self._away(error) from None
        if isinstance(answer, Exception):
            raise self._refused(answer)
        return answer

    async def command(self, *command: Argument) -> Any:
        """What a command answers. Raises `StoreUnavailable`."""
        self._check()
        try:
            answer = await self._wire.ask(*command)
        except FAILURES as error:
            raise self._away(error) from None
        if isinstance(answer, Exception):
            raise self._refused(answer)
        return answer

    async def close(self) -> None:
        """Close the connection. Calls that still wait end with `StoreUnavailable`."""
        await self._wire.close()

    def _check(self) -> None:
        if self._rests_until and asyncio.get_running_loop().time() < self._rests_until:
            raise StoreUnavailable(f"{self._whose} at STEPWELL_VALKEY did not answer a moment ago")

    def _away(self, error: Exception) -> StoreUnavailable:
        self._rests_until = asyncio.get_running_loop().time() + self._rest_s
        return self._refused(error)

    def _refused(self, error: Exception) -> StoreUnavailable:
        return StoreUnavailable(f"{self._whose} at STEPWELL_VALKEY does not answer ({type(error).__name__})")
