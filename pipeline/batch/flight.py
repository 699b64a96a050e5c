"""Lines on their way through the cascade: handed in once, and their results found, however they come."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import orjson

from pipeline.batch.active import Active, Line
from pipeline.batch.model import LineStatus
from pipeline.client import Client
from pipeline.contracts import Reply, Request
from pipeline.errors import NoWorker, StepwellError, Transient
from pipeline.ports import Clock, Incoming, Link, ResultStore, Subscription
from pipeline.runner import error_body
from pipeline.topology import LANES, result_subject

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

Key = tuple[str, str]


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
        self._ears: dict[str, Subscription] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._queued: set[Key] | None = None
        self._reading = asyncio.Lock()

    @property
    def by_tenant(self) -> dict[str, int]:
        """Lines on their way of each tenant."""
        return self._tenants

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
                request = Request.model_validate_json(line.request).model_copy(update={"id": line.request_id})
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
            line.since, line.handed = self._clock.now(), True
            return

    async def _is_there(self, active: Active, line: Line) -> bool:
        """Whether somebody handed the line in before: it has a result, or stands in a queue.

        Queues are read first: what leaves them meanwhile has its result before.
        """
        async with self._reading:  # many lines ask at once, and one reading of the queues is enough for all
            if self._queued is None:
                self._queued = await self.in_queues()
            queued = self._queued
        if await self._look(active, line):
            return True
        line.unsure = False
        line.handed = (active.batch.tenant, line.request_id) in queued
        return line.handed

    async def in_queues(self) -> set[Key]:
        """Every request of the lane that stands in a queue, or waits for its time.

        Those that wait are looked at before and after: they may be put into a queue meanwhile, and the other way round.
        """
        found = await self._waiting()
        async for stored in self._link.streams.scan("STEPS", subject=f"step.{LANES[-1]}.>"):
            try:
                fields: dict[str, Any] = orjson.loads(stored.body)
                found.add((fields["request"].get("tenant", "default"), fields["id"]))
            except (ValueError, LookupError, TypeError, AttributeError):  # the stage that reads it says so
                continue
        return found | await self._waiting()

    async def _waiting(self) -> set[Key]:
        """Requests that wait for their time, for instance for a batch of their provider: their subjects name them."""
        subjects = await self._link.streams.subjects("STEPS", f"step.later.{LANES[-1]}.*.*.*.>")
        parts = [subject.split(".", 6) for subject in subjects]
        return {(tenant, request) for *_, tenant, request, _ in parts}

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
            self._tenants[tenant] -= 1
        self._wake()

    async def sweep(self) -> None:
        """Look for results of lines that were silent for long, and hand in again what was lost on the way."""
        now = self._clock.now()
        silent = [
            flying for flying in self._lines.values() if flying.line.handed and now - flying.line.since > SILENT_S
        ]
        if not silent:
            return
        queued = await self.in_queues() if any(now - f.line.since > LOST_S for f in silent) else set()
        for flying in silent:
            line, tenant = flying.line, flying.active.batch.tenant
            lost = now - line.since > LOST_S and (tenant, line.request_id) not in queued
            if not await self._found(flying) and lost:
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

    async def cancel(self, active: Active) -> None:
        """Take back what is on its way of a batch."""
        client = Client(self._link, active.batch.tenant)
        for line in self.of(active):
            if line.handed:
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
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._lines.clear()
        self._tenants.clear()


def _status(reply: Reply, active: Active) -> LineStatus:
    """What became of a line: what was taken back since its batch ends did not fail."""
    if reply.status == "failed" and reply.error is not None and reply.error.code == "cancelled" and active.stopping:
        return "cancelled" if active.batch.status == "cancelling" else "expired"
    return reply.status
