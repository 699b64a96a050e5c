"""Lines on their way through the cascade: handed in once, and their results found, however they come."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pipeline.batch.active import Active, Line
from pipeline.batch.ending import end_all
from pipeline.batch.model import LineStatus
from pipeline.batch.queues import Key, Queues
from pipeline.client import Client
from pipeline.contracts import Reply, Request
from pipeline.errors import NoWorker, StepwellError, Transient
from pipeline.ports import Clock, Incoming, Link, ResultStore, Subscription
from pipeline.runner import error_body
from pipeline.topology import result_subject

__all__ = ["Flight", "Flying"]

_log = logging.getLogger("stepwell.batch")

LOOKS_S: Final = (0.0, 0.02, 0.1, 0.5)
"""A result may be told of a moment before it can be read."""
SILENT_S: Final = 10.0
"""After so long without a word the result of a line is looked for."""
LOST_S: Final = 60.0
"""After so long a line that is neither in a queue nor answered is handed in again."""
PAUSE_S: Final = 0.5
DEFECTS: Final = 20
"""Tries after which something is wrong with the line, and not with the connection."""
LOOKS: Final = 512
"""Silent lines whose results are looked for in one sweep, those first that were not looked for the longest."""
TOGETHER: Final = 32
"""Of them at the same time."""
TAKEN_BACK: Final = 256
"""Lines that are taken back at the same time; each has to come to its end before another one is."""
BEYOND_S: Final = 0.5
"""How often it is looked which lines wait for a batch of their provider; less often where looking takes long."""
YOUNG_S: Final = 0.2
"""A line that was handed in just now does not wait yet."""


@dataclass(slots=True)
class Flying:
    """A line on its way."""

    active: Active
    line: Line


class Flight:
    """All lines that are on their way, of all batches."""

    def __init__(self, link: Link, results: ResultStore, clock: Clock, wake: Callable[[], None]) -> None:
        self._link = link
        self._results = results
        self._clock = clock
        self._wake = wake
        self._lines: dict[Key, Flying] = {}
        self._tenants: dict[str, int] = {}
        self._beyond: dict[str, int] = {}
        self._next_look = float("-inf")
        self.queues = Queues(link.streams)
        self._ears: dict[str, Subscription] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._queued: set[Key] | None = None
        self._reading = asyncio.Lock()

    @property
    def by_tenant(self) -> dict[str, int]:
        """Lines on their way of each tenant, without those that wait for a batch of their provider."""
        return self._tenants

    # ------------------------------------------------------------ what waits for a batch of its provider

    async def let_wait(self, most: Mapping[str, int]) -> None:
        """Have lines that wait for a batch of their provider hold no place, and hold one again once they do not.

        Args:
            most: lines of each tenant that may wait so; others hold their places.
        """
        began, now = self._clock.monotonic(), self._clock.now()
        if began < self._next_look or not any(_may_wait(each.line, now) for each in self._lines.values()):
            return
        waiting = await self.queues.waiting()
        took = self._clock.monotonic() - began
        self._next_look = began + max(BEYOND_S, 4 * took)
        for (tenant, request), flying in self._lines.items():
            line, waits = flying.line, waiting.get((tenant, request), False)
            if waits == line.waits or (waits and not self._may_go(tenant, line, most)):
                continue
            flying.active.wait(line, waits=waits)
            self._tenants[tenant] -= 1 if waits else -1
            self._beyond[tenant] = self._beyond.get(tenant, 0) + (1 if waits else -1)
            if not waits:
                line.since = now

    def _may_go(self, tenant: str, line: Line, most: Mapping[str, int]) -> bool:
        return line.handed and self._beyond.get(tenant, 0) < most.get(tenant, 0)

    def waiting(self, active: Active) -> tuple[int, float | None]:
        """How many lines of a batch wait for a batch of their provider, and since when the first of them does."""
        since = [line.since for line in self.of(active) if line.waits]
        return len(since), min(since, default=None)

    def of(self, active: Active) -> list[Line]:
        """The lines of one batch."""
        return [flying.line for flying in self._lines.values() if flying.active is active]

    # ------------------------------------------------------------ out

    async def start(self, active: Active, line: Line) -> None:
        """Hand a line in."""
        tenant = active.batch.tenant
        if tenant not in self._ears:
            self._ears[tenant] = await self._link.subscribe(result_subject(tenant, "*"), self._heard)
        self._lines[tenant, line.request_id] = Flying(active, line)
        self._tenants[tenant] = self._tenants.get(tenant, 0) + 1
        line.since = self._clock.now()
        self._spawn(self._hand_in(active, line))

    async def _hand_in(self, active: Active, line: Line) -> None:
        """Hand in, however long NATS or the workers need; a line that nobody takes for what it asks has failed."""
        tenant, defects = active.batch.tenant, 0
        while (tenant, line.request_id) in self._lines:
            if active.stopping is not None:
                self._land(active, line)
                active.give_back(line)
                return
            try:
                if line.unsure and await self._is_there(active, line):
                    return
                asked = line.request or await active.text(line)
                request = Request.model_validate_json(asked).model_copy(update={"id": line.request_id})
                await Client(self._link, tenant).enqueue(request)
            except (Transient, NoWorker) as error:
                await asyncio.sleep(max(error.retry_after_s or PAUSE_S, PAUSE_S / 10))
                continue
            except StepwellError as error:
                self._refused(active, line, error)
                return
            except Exception as error:  # noqa: BLE001 - at last it is the answer to the line
                defects += 1
                if defects == DEFECTS:
                    self._refused(active, line, error)
                    return
                await asyncio.sleep(PAUSE_S)
                continue
            line.since, line.handed, line.request = self._clock.now(), True, b""
            return

    async def _is_there(self, active: Active, line: Line) -> bool:
        """Whether somebody handed the line in before: it has a result, or stands in a queue.

        Queues are read first: what leaves them meanwhile has its result before.
        """
        async with self._reading:  # many lines ask at once, and one reading of the queues is enough for all
            if self._queued is None:
                self._queued = await self.queues.all()
            queued = self._queued
        if await self._look(active, line):
            return True
        line.unsure = False
        line.handed = (active.batch.tenant, line.request_id) in queued
        if line.handed:
            line.request = b""
        return line.handed

    def forget_queues(self) -> None:
        """What stood in the queues was read too long ago."""
        self._queued = None

    def _refused(self, active: Active, line: Line, error: Exception) -> None:
        if not isinstance(error, StepwellError):
            _log.error("a line of batch %s could not be handed in: %s", active.batch.id, type(error).__name__)
        self._land(active, line)
        row = {"id": line.request_id, "e": error_body(error).model_dump(exclude_none=True)}
        active.end(line, "failed", row)
        active.charge(line, 0.0)

    # ------------------------------------------------------------ back

    async def _heard(self, incoming: Incoming) -> None:
        """A result was told of. What was told may have lost a race, so what is stored is read."""
        _, tenant, request = incoming.subject.split(".")
        flying = self._lines.get((tenant, request))
        if flying is not None:
            self._spawn(self._fetch(flying))

    async def _fetch(self, flying: Flying) -> None:
        for pause in LOOKS_S:
            await asyncio.sleep(pause)
            try:
                if await self._look(flying.active, flying.line):
                    return
            except Transient:
                continue

    async def _look(self, active: Active, line: Line) -> bool:
        """Whether the line has ended; then it is noted."""
        tenant = active.batch.tenant
        reply = await self._results.get(tenant, line.request_id)
        if reply is None or (tenant, line.request_id) not in self._lines:
            return reply is not None
        self._land(active, line)
        body = reply.model_dump_json(exclude_none=True).encode()
        active.end(line, _status(reply, active), {"id": line.request_id}, body)
        active.charge(line, reply.cost_usd)
        return True

    def share(self, active: Active, line: Line, reply: Reply, of: tuple[str, int]) -> None:
        """The line has the answer of a line of another batch."""
        body = reply.model_dump_json(exclude_none=True).encode()
        active.end(line, "answered", {"id": reply.id, "of": list(of)}, body)
        active.charge(line, None, shared=True)

    def _land(self, active: Active, line: Line) -> None:
        tenant = active.batch.tenant
        if self._lines.pop((tenant, line.request_id), None) is not None:
            held = self._beyond if line.waits else self._tenants
            held[tenant] -= 1
        self._wake()

    async def sweep(self) -> None:
        """Look for results of lines that were silent for long, and hand in again what was lost on the way."""
        now = self._clock.now()
        silent = [flying for flying in self._lines.values() if _silent(flying.line, now)]
        if not silent:
            return
        silent.sort(key=lambda flying: max(flying.line.since, flying.line.looked))
        queued = await self.queues.all() if any(now - f.line.since > LOST_S for f in silent[:LOOKS]) else set()
        for start in range(0, min(LOOKS, len(silent)), TOGETHER):
            await asyncio.gather(*(self._look_for(flying, now, queued) for flying in silent[start:][:TOGETHER]))

    async def _look_for(self, flying: Flying, now: float, queued: set[Key]) -> None:
        line, tenant = flying.line, flying.active.batch.tenant
        line.looked = now
        lost = now - line.since > LOST_S and (tenant, line.request_id) not in queued
        if not await self._found(flying) and lost and not line.waits:
            line.since, line.handed = now, False
            self._spawn(self._hand_in(flying.active, line))

    async def _found(self, flying: Flying) -> bool:
        """Whether the line has ended. A result that cannot be read is none, and harms no other line."""
        try:
            return await self._look(flying.active, flying.line)
        except Transient:
            raise
        except Exception as error:  # noqa: BLE001 - its text may hold that of the line
            _log.error("a result of batch %s could not be read: %s", flying.active.batch.id, type(error).__name__)
            return False

    async def abandon(self, active: Active, status: LineStatus, code: str, message: str) -> None:
        """Wait no longer for what is still on its way of a batch that ends."""
        for line in self.of(active):
            self._land(active, line)
            active.end(line, status, {"id": line.request_id, "e": {"code": code, "message": message}})

    def drop(self, active: Active) -> None:
        """Know nothing more of the lines of a batch: when it is taken up anew they are looked for."""
        for line in self.of(active):
            self._land(active, line)

    async def cancel(self, active: Active, again_s: float) -> None:
        """Take back what is on its way of a batch, a bounded number at a time; each again after `again_s`."""
        client, now = Client(self._link, active.batch.tenant), self._clock.now()
        lines = [line for line in self.of(active) if line.handed]
        asked = [line for line in lines if line.asked]
        new = [line for line in lines if not line.asked][: TAKEN_BACK - len(asked)]
        for line in [*(line for line in asked if now - line.asked >= again_s), *new]:
            line.asked = now
            await client.cancel(line.request_id)

    async def deaf(self, tenant: str) -> None:
        """The tenant has no batch any more."""
        ear = self._ears.pop(tenant, None)
        if ear is not None:
            await ear.stop()

    # ------------------------------------------------------------ tasks

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.warning("a line of a batch is looked for again: %s", type(error).__name__)

    async def stop(self) -> None:
        """Hear and hand in no more; what is on its way is found again by whoever leads next."""
        for tenant in list(self._ears):
            await self.deaf(tenant)
        self._lines.clear()  # first: who hands in goes on for as long as a line is among them
        await end_all(self._tasks)
        self._tenants.clear()
        self._beyond.clear()


def _may_wait(line: Line, now: float) -> bool:
    """Whether it is worth to look what it waits for."""
    return line.waits or (line.handed and now - line.since > YOUNG_S)


def _silent(line: Line, now: float) -> bool:
    """Whether nothing was heard of it for long, although it does not wait for a batch of its provider."""
    return line.handed and not line.waits and now - max(line.since, line.looked) > SILENT_S


def _status(reply: Reply, active: Active) -> LineStatus:
    """What became of a line: what was taken back since its batch ends did not fail."""
    if reply.status == "failed" and reply.error is not None and reply.error.code == "cancelled" and active.stopping:
        return "cancelled" if active.batch.status == "cancelling" else "expired"
    return reply.status
