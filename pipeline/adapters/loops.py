"""Which variant made a tool call, so that the one who asked is also the one who reads the result.

A loop of tool calls belongs to one model: it knows why it called, and another one may not even accept the call in the
conversation. What is kept is a name under a MAC of the tenant, of whose conversation it is and of the ids of the calls;
nobody can tell from it who called what. It may be forgotten: then the session's own assignment decides, as always.
"""

import asyncio
import hmac
import logging
import secrets
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from pipeline.contracts import Envelope, Lane, Reply, Request, StageName, ToolCall
from pipeline.contracts.base import is_name
from pipeline.errors import StoreUnavailable
from pipeline.ports import Cache, Clock

__all__ = ["PATIENCE_S", "REST_S", "TTL_S", "LoopMemory"]

_log = logging.getLogger("stepwell.loops")

TTL_S: Final = 3600.0
"""How long a tool may take."""
PATIENCE_S: Final = 0.05
"""How long a request waits for the store."""
REST_S: Final = 1.0
"""How long the store is left alone after it failed."""
_WAITING: Final = 256
"""Notes that may be on their way to the store at a time; more are dropped, as a store that is this slow is away."""


class LoopMemory:
    """Remembers who made tool calls. As an `Observer` it is told of every reply."""

    def __init__(self, cache: Cache, secret: bytes, clock: Clock) -> None:
        """Make one.

        Args:
            cache: the store.
            secret: key of the MACs; without one an own random key is taken, and then nothing is shared.
            clock: for the rest of the store.
        """
        self._cache = cache
        self._secret = secret or secrets.token_bytes(32)
        self._clock = clock
        self._resting_until = float("-inf")
        self._notes: set[asyncio.Task[None]] = set()

    async def variant_of(self, request: Request) -> str | None:
        """The variant whose tool calls the end of this conversation answers; None: there are none, or nobody knows."""
        calls = _answered(request)
        if not calls or self._resting:
            return None
        try:
            async with asyncio.timeout(PATIENCE_S):
                value = await self._cache.get(self._key(request, calls))
        except (StoreUnavailable, TimeoutError):
            self._rest()
            return None
        name = value.decode("utf-8", "replace") if value is not None else ""
        return name if is_name(name) else None

    async def remember(self, request: Request, calls: Sequence[ToolCall], variant: str) -> None:
        """Keep who made these calls for `TTL_S` seconds, if the store is there."""
        if self._resting:
            return
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._cache.put(self._key(request, calls), variant.encode(), TTL_S)
        except (StoreUnavailable, TimeoutError):
            self._rest()

    async def close(self) -> None:
        """Wait for the notes that are on their way."""
        await asyncio.gather(*self._notes, return_exceptions=True)

    # ------------------------------------------------------------ as an observer

    def step(self, stage: StageName, outcome: str, lane: Lane, seconds: float) -> None:
        """A stage ended: nothing to remember."""

    def trouble(self, stage: StageName, action: str, code: str) -> None:
        """A stage raised: nothing to remember."""

    def finished(self, envelope: Envelope, reply: Reply) -> None:
        """A reply leaves; where it calls tools, remember who does."""
        if not reply.tool_calls or reply.served is None or len(self._notes) >= _WAITING:
            return
        note = asyncio.ensure_future(self.remember(envelope.request, reply.tool_calls, reply.served.variant))
        self._notes.add(note)
        note.add_done_callback(self._notes.discard)

    # ------------------------------------------------------------ inside

    @property
    def _resting(self) -> bool:
        return self._clock.monotonic() < self._resting_until

    def _rest(self) -> None:
        self._resting_until = self._clock.monotonic() + REST_S
        _log.debug("the memory of tool loops does not answer and is left alone for %g s", REST_S)

    def _key(self, request: Request, calls: Sequence[ToolCall]) -> str:
        who = request.session or request.user or ""
        fields = ("loop", request.tenant, who, *(call.id for call in calls))
        message = b"".join(
            b"%d:%b" % (len(part), part) for part in (f.encode("utf-8", "surrogatepass") for f in fields)
        )
        return "loop:" + hmac.digest(self._secret, message, sha256).hex()


def _answered(request: Request) -> tuple[ToolCall, ...]:
    """The tool calls to which the last messages of the conversation are the answers."""
    messages = request.messages
    end = len(messages)
    while end > 0 and messages[end - 1].role == "tool":
        end -= 1
    if end == len(messages) or end == 0:
        return ()
    return messages[end - 1].tool_calls or ()
