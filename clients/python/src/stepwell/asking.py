"""One request until its reply: sent again until accepted, looked for among the results when the inbox is silent.

All of it under one id, so that whatever is sent twice is worked on and paid once.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from nats.aio.msg import Msg

from stepwell.errors import NoWorker, Overloaded, StepwellError, TimedOut
from stepwell.models import Chunk, Reply
from stepwell.wire import Answers, Wire

__all__ = ["Asking"]

ACCEPT_WAIT_S = 1.0
LOOK_AFTER_S = 3.0
PAUSE_S = 1.0


class Asking:
    """A request on its way.

    Args:
        wire: the connection.
        subject: where requests of the tenant go.
        request: what is asked, with its id.
        headers: headers of the first try.
        patience_s: how long to wait in all.
        retries: how often to ask again while nobody is there or the cascade is overloaded. Nothing was begun then.
        result: fetches the stored reply.
    """

    def __init__(
        self,
        wire: Wire,
        subject: str,
        request: dict[str, Any],
        headers: dict[str, str],
        *,
        patience_s: float,
        retries: int,
        result: Callable[[str], Awaitable[Reply | None]],
    ) -> None:
        self._wire = wire
        self._subject = subject
        self._request = request
        self._headers = headers
        self._patience_s = patience_s
        self._until = asyncio.get_running_loop().time() + patience_s
        self._retries = retries
        self._result = result
        self._answers: Answers | None = None
        self._accepted = False
        self.ended = False

    async def items(self) -> AsyncIterator[Chunk | Reply]:
        """Chunks, then the reply."""
        identity = str(self._request["id"])
        body = await self._wire.carried(self._request["tenant"], identity, json.dumps(self._request).encode())
        while True:
            self.close()
            self._answers = await self._wire.send(self._subject, body, self._headers)
            try:
                async for item in self._listen(self._answers):
                    yield item
            except (NoWorker, Overloaded) as error:
                await self._pause(error)
            if self.ended:
                return
            self._headers.pop("Stepwell-Fresh", None)

    async def _listen(self, answers: Answers) -> AsyncIterator[Chunk | Reply]:
        """Yield what comes; return without an end when the request has to be sent again."""
        while True:
            message = await answers.next(self._wait())
            if message is None and not self._accepted:
                return
            item = await self._look() if message is None else await self._read(message)
            if isinstance(item, Reply):
                if item.error is not None and item.error.code == "overloaded" and self._retries > 0:
                    raise Overloaded(item.error.message, retry_after_s=item.error.retry_after_s)
                self.ended = True
            if item is not None:
                yield item
            if self.ended:
                return

    def _wait(self) -> float:
        left = self._until - asyncio.get_running_loop().time()
        if left <= 0:
            raise TimedOut(f"no reply within {self._patience_s:g} s; ask for the result of {self._request['id']} later")
        return min(left, LOOK_AFTER_S if self._accepted else ACCEPT_WAIT_S)

    async def _pause(self, error: StepwellError) -> None:
        """Wait before asking again, or raise what was met."""
        pause = PAUSE_S if error.retry_after_s is None else error.retry_after_s
        left = self._until - asyncio.get_running_loop().time()
        if self._retries <= 0 or pause >= left:
            raise error
        self._retries -= 1
        await asyncio.sleep(pause)

    async def _look(self) -> Reply | None:
        try:
            return await self._result(str(self._request["id"]))
        except StepwellError:
            return None

    async def _read(self, message: Msg) -> Chunk | Reply | None:
        body = message.data
        if not body or body.startswith(b'{"accepted"'):
            self._accepted = True
            return None
        if body.startswith(b'{"claim"'):
            return await self._look()
        if body.startswith(b'{"seq"'):
            return Chunk.model_validate_json(body)
        return Reply.model_validate_json(body)

    def close(self) -> None:
        """No more answers are wanted."""
        if self._answers is not None:
            self._answers.close()
