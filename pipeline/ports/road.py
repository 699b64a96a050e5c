"""The durable queues between stages."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from pipeline.contracts import Lane, StageName
from pipeline.ports.stage import Caller

__all__ = ["Delivery", "Handler", "Transport"]


class Delivery(Protocol):
    """One message that this worker holds. Exactly one of ack, retry and (through dead letter) ack ends it."""

    @property
    def stage(self) -> StageName:
        """The stage it is for."""
        ...

    @property
    def lane(self) -> Lane:
        """The lane it came on."""
        ...

    @property
    def row(self) -> int:
        """The row of the lane it stood in; it goes on in the same one."""
        ...

    @property
    def body(self) -> bytes:
        """The bytes of the envelope."""
        ...

    @property
    def delivered(self) -> int:
        """How often it was delivered, from 1."""
        ...

    @property
    def durable(self) -> bool:
        """Whether a queue has it; what is in memory alone is handed over before anything is paid for."""
        ...

    async def working(self) -> None:
        """Say that it is still being worked on, so that nobody else gets it."""
        ...

    async def ack(self) -> None:
        """It is done: never deliver it again."""
        ...

    async def retry(self, delay_s: float) -> None:
        """Hand it back, to be delivered again after `delay_s` seconds."""
        ...


Handler = Callable[[Delivery], Awaitable[None]]


class Transport(Protocol):
    """Durable queues between stages, and the way back to callers."""

    async def hand_over(self, lane: Lane, stage: StageName, body: bytes, message_id: str, row: int = 0) -> bool:
        """Store `body` for `stage`, once for each `message_id`. False: it was there already. Returns when durable.

        The id begins with the tenant, and a dot. Rows are handed out in turn, the front one (0) more often.
        """
        ...

    async def postpone(
        self, lane: Lane, stage: StageName, body: bytes, message_id: str, delay_s: float, row: int = 0
    ) -> bool:
        """Store `body` for `stage`, to be handed out `delay_s` seconds from now as if it had just come.

        Until then it takes nobody's place in the queue. Once for each `message_id`; False: it was there already.
        Returns when durable.
        """
        ...

    async def wake(self, lane: Lane, key: str) -> bool:
        """Hand out now what waits for its time for the request `<tenant>.<id>`. False: nothing does.

        It is moved and never copied: what its own time hands out meanwhile is not handed out again.
        """
        ...

    async def consume(self, stage: StageName, lane: Lane, handler: Handler, slots: int) -> None:
        """Start to hand messages for `stage` to `handler`, at most `slots` at a time. Returns at once."""
        ...

    def seize(self, stage: StageName, lane: Lane) -> Callable[[], None] | None:
        """Take a slot of `stage` for work of this task that does not come from its queue; call what is returned after.

        None: this process does not serve the stage, no slot is free, others wait for one, or no queue can be reached.
        """
        ...

    async def on_the_way(self, lane: Lane) -> Mapping[str, int]:
        """How many messages of each tenant wait for a stage of this lane or are held by one, over all workers.

        Those that wait for their time do not count. Under the empty name are those of nobody knows whom.
        """
        ...

    def caller(self, address: str, streaming: bool) -> Caller:
        """The caller who waits at `address`."""
        ...

    async def stop(self, grace_s: float) -> None:
        """Take no more, let what runs end within `grace_s` seconds, hand back what was not begun."""
        ...
