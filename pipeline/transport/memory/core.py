"""Core messages of this process: who listens, who asks, and who answers."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from pipeline.errors import NoWorker
from pipeline.ports import Conversation, Endpoint, Incoming, Subscription
from pipeline.transport.memory.subjects import matches

__all__ = ["MemoryCore"]


@dataclass(slots=True)
class _Listener:
    pattern: str
    handler: Callable[[Incoming], Awaitable[None]]
    queue: str | None
    owner: "MemoryCore"

    def end(self) -> None:
        if self in self.owner.listeners:
            self.owner.listeners.remove(self)

    async def stop(self) -> None:
        self.end()


class MemoryConversation:
    """Answers at an inbox of this process."""

    def __init__(self, address: str, subject: str) -> None:
        self.address = address
        self.heard = False
        self.subscription: Subscription | None = None
        self._subject = subject
        self._answers: asyncio.Queue[Incoming] = asyncio.Queue()

    async def collect(self, incoming: Incoming) -> None:
        """Take an answer."""
        self._answers.put_nowait(incoming)

    async def next(self, timeout_s: float) -> Incoming | None:
        """The next answer, or None."""
        if not self.heard:
            raise NoWorker.on(self._subject)
        try:
            async with asyncio.timeout(timeout_s):
                return await self._answers.get()
        except TimeoutError:
            return None

    def close(self) -> None:
        """No more answers."""
        if isinstance(self.subscription, _Listener):
            self.subscription.end()


class MemoryCore:
    """Core messages of one process: each goes at once to whoever listens, and nothing is kept."""

    def __init__(self) -> None:
        self.listeners: list[_Listener] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._inboxes = itertools.count()

    async def publish(self, subject: str, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Send a core message."""
        self.deliver(Incoming(subject, body, None, headers or {}))

    def deliver(self, incoming: Incoming) -> int:
        """Hand it to each listener, and to one of each queue; how many that were."""
        groups: set[str] = set()
        reached = 0
        for listener in list(self.listeners):
            if not matches(listener.pattern, incoming.subject) or listener.queue in groups:
                continue
            if listener.queue is not None:
                groups.add(listener.queue)
            task = asyncio.ensure_future(_call(listener.handler, incoming))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            reached += 1
        return reached

    def listens(self, subject: str) -> bool:
        """Whether anybody would get a message on `subject`."""
        return any(matches(listener.pattern, subject) for listener in self.listeners)

    async def subscribe(
        self, subject: str, handler: Callable[[Incoming], Awaitable[None]], *, queue: str | None = None
    ) -> Subscription:
        """Listen to core messages."""
        listener = _Listener(subject, handler, queue, self)
        self.listeners.append(listener)
        return listener

    async def converse(self, subject: str, body: bytes, *, headers: Mapping[str, str] | None = None) -> Conversation:
        """Send a request; its answers come to the conversation."""
        conversation = MemoryConversation(f"_INBOX.memory.{next(self._inboxes)}", subject)
        conversation.subscription = await self.subscribe(conversation.address, conversation.collect)
        conversation.heard = bool(self.deliver(Incoming(subject, body, conversation.address, headers or {})))
        return conversation

    async def serve(
        self,
        name: str,
        version: str,
        endpoints: Mapping[str, Endpoint],
        *,
        alone: bool = False,  # noqa: ARG002  who asks here is in this process
    ) -> None:
        """Offer service endpoints. Nobody asks for their statistics, and nobody is in another process."""
        for subject, handler in endpoints.items():

            async def answer(incoming: Incoming, handler: Endpoint = handler) -> None:
                await handler(incoming)

            await self.subscribe(subject, answer, queue=f"{name}-{version}")


async def _call(handler: Callable[[Incoming], Awaitable[None]], incoming: Incoming) -> None:
    await handler(incoming)
