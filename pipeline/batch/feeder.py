"""Hands the lines of all batches in, a bounded number at a time and by weighted turns; settles pages, and ends batches.

It runs in every worker of the first stage, and one of them leads. Whoever leads holds nothing that is not written down
elsewhere: what a batch is stands in the bucket, its lines and how they ended in pages, what is on its way in queues and
results. So it may die at any moment, and the next one goes on.
"""

import asyncio
import contextlib
import logging
import traceback
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from pipeline.adapters.results import StreamResults
from pipeline.batch import state
from pipeline.batch.active import Active, Line
from pipeline.batch.aside import Aside
from pipeline.batch.ending import end_all
from pipeline.batch.feed import Turns, is_open, places
from pipeline.batch.flight import Flight
from pipeline.batch.lease import LEASE_S, Lease
from pipeline.batch.lines import NameCheck, Translate
from pipeline.batch.model import Batch, LineStatus
from pipeline.batch.results import Shared
from pipeline.batch.shelf import Shelf
from pipeline.batch.store import Store
from pipeline.batch.sweep import Sweeper
from pipeline.batch.validate import KEEP_S, remove_old, validate
from pipeline.errors import NotFound, StepwellError
from pipeline.ports import Clock, Link

__all__ = ["Feeder"]

_log = logging.getLogger("stepwell.batch")

LIMIT: Final = 256
"""Lines on their way at most, of all batches together."""
BEYOND: Final = 100_000
"""Lines beyond that at most that wait for a batch of their provider; a worker holds some hundred bytes of each."""
TICK_S: Final = 0.25
PROGRESS_S: Final = 0.5
SWEEP_S: Final = 5.0
REFRESH_S: Final = 15.0
CLEAN_S: Final = 3600.0
STOP_S: Final = 1.0
TRY_S: Final = 0.5
"""How often one who does not lead looks whether it may."""
CANCEL_S: Final = 1.0
GRACE_S: Final = 30.0
"""How long a batch that ends early waits for what was taken back."""


class Feeder:
    """One of those that may lead."""

    def __init__(
        self,
        link: Link,
        clock: Clock,
        translate: Translate,
        who: str,
        *,
        weights: Callable[[], Mapping[str, float]] = dict,
        revision: Callable[[], str] = str,
        limit: int = LIMIT,
        check: NameCheck | None = None,
    ) -> None:
        self._shelf = Shelf(link.bucket("batches"))
        self._store = Store(link.objects("files"))
        self._clock = clock
        self._translate = translate
        self._check = check
        self._lease = Lease(link, clock, who)
        self._weights = weights
        self._limit = limit
        self._shared = Shared(self._store, revision)
        self._link = link
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._results = StreamResults(link.streams)
        self._aside = Aside(clock)
        self._begin()

    def _begin(self) -> None:
        """Know nothing: what matters is read when it leads."""
        self._known: dict[tuple[str, str], Batch] = {}
        self._active: dict[tuple[str, str], Active] = {}
        self._turns = Turns()
        self._flight = Flight(self._link, self._results, self._clock, self._wake.set)
        self._sweeper = Sweeper(self._link.streams, self._shelf, self._store, self._clock, self._flight.queues.all)
        self._validating: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._due: dict[str, float] = {}
        self._ended_before: dict[tuple[str, str], tuple[float, int]] = {}
        self._renewed = self._clock.monotonic()

    async def start(self) -> None:
        """Try to lead, and lead."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Lead no more. What is on its way stays there."""
        task, self._task = self._task, None
        while task is not None and not task.done():
            task.cancel()  # again where what it waited for swallowed the first
            await asyncio.wait([task], timeout=STOP_S)
        with contextlib.suppress(StepwellError):
            await self._lease.leave()

    async def _run(self) -> None:
        while True:
            try:
                if await self._lease.take():
                    await self._lead()
            except StepwellError as error:
                _log.warning("batches wait: %s", error.message)
            except Exception as error:  # noqa: BLE001 - where, and never what: its text may hold that of a line
                where = "".join(traceback.format_tb(error.__traceback__))
                _log.error(
                    "a defect stopped the feeder of batches; it begins again: %s\n%s", type(error).__name__, where
                )
            await asyncio.sleep(TRY_S)

    # ------------------------------------------------------------ leading

    async def _lead(self) -> None:
        """Work until the lead is lost."""
        self._begin()
        watching = asyncio.create_task(self._watch())
        renewing = asyncio.create_task(self._renew())
        sweeping = asyncio.create_task(self._sweeper.run(self._known, self._active))
        try:
            while not watching.done() and not renewing.done():
                await self._tick()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(TICK_S):  # wait_for may swallow a cancellation
                        await self._wake.wait()
                self._wake.clear()
        finally:
            await end_all([watching, renewing, sweeping, *self._validating.values()])
            await self._flight.stop()

    async def _renew(self) -> None:
        """Say that it still leads; returns when it does not."""
        while True:
            await asyncio.sleep(LEASE_S / 4)
            try:
                if not await self._lease.take():
                    return
                self._renewed = self._clock.monotonic()
            except StepwellError:
                if self._clock.monotonic() - self._renewed > LEASE_S:
                    return

    async def _watch(self) -> None:
        """Hear of new batches and of those that are cancelled; look through all of them once in a while as well."""
        async for batch in self._shelf.watch():
            if batch is not None:
                self._note(batch)
                self._wake.set()

    def _note(self, batch: Batch) -> None:
        key = batch.tenant, batch.id
        self._known[key] = batch
        active = self._active.get(key)
        if active is not None and batch.round == active.batch.round:
            active.batch = batch

    def _is_due(self, what: str, every_s: float) -> bool:
        now = self._clock.monotonic()
        if now < self._due.get(what, now):
            return False
        self._due[what] = now + every_s
        return True

    async def _tick(self) -> None:
        if self._is_due("refresh", REFRESH_S):
            for batch in await self._shelf.all(None):
                self._note(batch)
        for key, batch in list(self._known.items()):
            if not batch.ended and key not in self._active and key not in self._aside:
                await self._alone(key, self._take_up(key, batch))
        await self._let_wait()
        await self._give()
        for key, active in list(self._active.items()):
            await self._alone(key, self._advance(active))
        if self._is_due("sweep", SWEEP_S):
            await self._flight.sweep()
        if self._is_due("clean", CLEAN_S):
            before = self._clock.now() - KEEP_S
            for key, batch in list(self._known.items()):
                await self._alone(key, remove_old(self._shelf, self._store, batch, before))

    async def _alone(self, key: tuple[str, str], work: Awaitable[None]) -> None:
        """Do something about one batch. Where that goes wrong it waits alone, and is taken up anew later."""
        try:
            await work
        except Exception as error:  # noqa: BLE001 - no batch may stop all others
            await self._put_aside(key, error)

    async def _put_aside(self, key: tuple[str, str], error: Exception) -> None:
        active = self._active.get(key)
        if active is not None:
            self._flight.drop(active)
            await self._leave(key)
        if isinstance(error, NotFound):  # its record was removed
            self._known.pop(key, None)
            self._aside.forget(key)
            return
        self._aside.put(key, error)

    async def _leave(self, key: tuple[str, str]) -> None:
        """Do no more about a batch for now."""
        del self._active[key]
        self._ended_before.pop(key, None)
        last = all(other != key[0] for other, _ in self._active)
        self._turns.forget(*key, last=last)
        if last:
            await self._flight.deaf(key[0])

    async def _take_up(self, key: tuple[str, str], batch: Batch) -> None:
        if batch.status == "cancelling" and batch.in_progress_at is None:
            now = self._clock.now()
            self._note(await self._update(batch, lambda b: state.ended(b, b.counts, (0.0, 0), now)))
        elif batch.status == "validating":
            if key not in self._validating and not self._validating:
                self._validating[key] = asyncio.create_task(self._validate(key, batch))
        else:
            active = Active(batch, self._store, self._clock.now)
            await active.load()
            self._flight.forget_queues()
            self._active[key] = active

    async def _validate(self, key: tuple[str, str], batch: Batch) -> None:
        try:
            mine = [other for other in self._known.values() if other.tenant == batch.tenant and other.id != batch.id]
            await validate(
                self._shelf,
                self._store,
                batch,
                self._translate,
                mine,
                self._clock,
                lambda: self._known[key],
                self._check,
            )
            self._note(await self._shelf.get(*key))
        except Exception as error:  # noqa: BLE001 - it is read again; the others are read before
            await self._put_aside(key, error)
        finally:
            self._validating.pop(key, None)
            self._wake.set()

    async def _update(self, batch: Batch, change: Callable[[Batch], Batch]) -> Batch:
        return await self._shelf.update(batch.tenant, batch.id, change)

    # ------------------------------------------------------------ lines

    async def _let_wait(self) -> None:
        """Lines that wait for a batch of their provider hold no place, so that others of theirs may go with them."""
        tenants = sorted({tenant for tenant, _ in self._active})
        if tenants:
            await self._flight.let_wait(places(tenants, self._weights(), BEYOND))

    async def _give(self) -> None:
        """Hand in lines while there is room."""
        while self._clock.monotonic() - self._renewed < LEASE_S:
            now = self._clock.now()
            offers: dict[str, list[str]] = {}
            for active in self._active.values():
                if active.stopping is None and not active.dry and is_open(active.batch.options, now):
                    offers.setdefault(active.batch.tenant, []).append(active.batch.id)
            turn = self._turns.next(offers, self._flight.by_tenant, self._weights(), self._limit)
            if turn is None:
                return
            await self._alone(turn, self._give_one(self._active[turn]))

    async def _give_one(self, active: Active) -> None:
        line = await active.take()
        if line is not None and not await self._shares(active, line):
            await self._flight.start(active, line)

    async def _shares(self, active: Active, line: Line) -> bool:
        """Whether a line of another batch was answered that asks the same; then that is the answer."""
        found = await self._shared.find(line.of, self._known, active.batch.tenant) if line.of is not None else None
        if found is None:
            return False
        reply, of = found
        self._flight.share(active, line, reply, of)
        return True

    # ------------------------------------------------------------ ends

    async def _advance(self, active: Active) -> None:
        """Settle pages, write down how far it is, and end it where everything has ended."""
        self._begin_to_stop(active)
        if active.stopping is not None:
            await self._stop_lines(active)
        for page in active.ripe():
            await active.settle(page)
        await active.relieve()
        if active.done or (active.stopping is not None and not self._flight.of(active)):
            await self._end(active)
        elif self._is_due(f"{active.batch.tenant}.{active.batch.id}", PROGRESS_S):
            await self._progress(active)

    def _begin_to_stop(self, active: Active) -> None:
        now = self._clock.now()
        over = active.batch.status == "cancelling" or now >= active.batch.expires_at
        if over and active.stopping is None and not active.done:
            active.stopping = now

    async def _stop_lines(self, active: Active) -> None:
        await self._flight.cancel(active, CANCEL_S)
        if active.stopping is not None and self._clock.now() - max(active.stopping, active.moved) > GRACE_S:
            status: LineStatus = "cancelled" if active.batch.status == "cancelling" else "expired"
            message = "the batch ended while the line was on its way, and nothing was heard of it"
            await self._flight.abandon(active, status, f"batch_{status}", message)

    async def _progress(self, active: Active) -> None:
        counts, money = active.counts(), active.money()
        key, now = (active.batch.tenant, active.batch.id), self._clock.monotonic()
        before = self._ended_before.get(key, (now, counts.ended))
        rate = active.batch.rate
        if now - before[0] >= PROGRESS_S:
            newest = (counts.ended - before[1]) / (now - before[0])
            rate = newest if rate == 0 else 0.9 * rate + 0.1 * newest
        self._ended_before[key] = (now, counts.ended)
        opened, (waiting, since) = active.opened, self._flight.waiting(active)

        def change(batch: Batch) -> Batch:
            return state.waiting(state.progressed(batch, counts, money, rate), opened, waiting, since)

        self._note(await self._update(active.batch, change))
        active.dry = False  # more pages may be opened now

    async def _end(self, active: Active) -> None:
        for page in active.ripe(all_of_them=True):
            await active.settle(page)
        now, counts, money = self._clock.now(), active.counts(), active.money()
        if not counts.open:
            self._note(await self._update(active.batch, lambda b: state.finalizing(b, now)))
        self._note(await self._update(active.batch, lambda b: state.ended(b, counts, money, now)))
        key = active.batch.tenant, active.batch.id
        await self._leave(key)
        self._aside.forget(key)
        _log.info("batch %s is %s", key[1], self._known[key].status)
