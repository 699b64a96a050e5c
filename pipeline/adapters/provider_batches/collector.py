"""Runs in every worker that calls models, and one of all leads: it gathers calls into files, and follows the files.

Whoever leads holds nothing that is not written on the shelf. So it may die at any moment, and the next one goes on.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Final

from pipeline.adapters.provider_batches.follow import Follow
from pipeline.adapters.provider_batches.lease import LEASE_S, Lease
from pipeline.adapters.provider_batches.leftovers import Leftovers
from pipeline.adapters.provider_batches.provider import Provider, Unclear
from pipeline.adapters.provider_batches.records import File, Pending, cut, longest
from pipeline.adapters.provider_batches.shelf import Known, Shelf
from pipeline.adapters.provider_batches.waker import Waker
from pipeline.errors import StepwellError
from pipeline.policy.models import ProviderBatches, Target
from pipeline.policy.source import PolicySource
from pipeline.ports import Clock, Conflict, Incoming, Ledger, Streams, Subscription, Transport
from pipeline.topology import cancel_subject

__all__ = ["Collector"]

_log = logging.getLogger("stepwell.batches")

Listen = Callable[[str, Callable[[Incoming], Awaitable[None]]], Awaitable[Subscription]]
"""Have what comes on a subject told."""

TICK_S: Final = 1.0
TRY_S: Final = LEASE_S / 3
"""How often one who does not lead looks whether it may, and whether there is anything to lead."""
REWRITE_S: Final = 6 * 3600.0
"""What is known of a target is written again before the stream drops it for its age."""
STOP_S: Final = 1.0
LOOK_S: Final = 60.0
"""How often one looks for what is left of targets that had batches."""
MOST_FILES: Final = 200
"""Files of a target that are not done with; beyond that calls wait on the shelf."""
PATIENCE: Final = 5
"""The shelf is looked through again after so many times as long as it took, if that is longer than `every`."""


class Collector:
    """One of those that may lead.

    Args:
        streams: where the shelf is.
        transport: wakes requests.
        policies: which targets have batches.
        clock: the time.
        who: names this one among all.
        ledger: charged for what nobody took; None: nobody keeps the money.
        listen: tells of requests that are taken back, so that they end at once; None: they end when they are woken.
    """

    def __init__(
        self,
        streams: Streams,
        transport: Transport,
        policies: PolicySource,
        clock: Clock,
        who: str,
        ledger: Ledger | None = None,
        listen: Listen | None = None,
    ) -> None:
        self._shelf = Shelf(streams)
        self._policies = policies
        self._clock = clock
        self._provider = Provider()
        self._lease = Lease(streams, clock, who)
        self._waker = Waker(transport)
        self._leftovers = Leftovers(self._shelf, self._waker, ledger, clock)
        self._listen = listen
        self._task: asyncio.Task[None] | None = None
        self._begin()

    def _begin(self) -> None:
        """Know nothing: what matters is read when it leads."""
        self._known: dict[str, Known] = {}
        self._pending: dict[str, Pending] = {}
        self._due: dict[str, float] = {}
        self._follow = Follow(self._shelf, self._provider, self._leftovers, self._clock, lambda: self._lease.held)

    async def start(self) -> None:
        """Try to lead, and lead."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Lead no more. What waits goes on waiting."""
        task, self._task = self._task, None
        while task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=STOP_S)
        with contextlib.suppress(StepwellError):
            if self._lease.held:
                await self._lease.leave()
        await self._provider.close()

    async def _run(self) -> None:
        while True:
            try:
                if await self._wanted() and await self._lease.take():
                    await self._lead()
            except Conflict:
                _log.info("somebody else gathers calls for batches")
            except StepwellError as error:
                _log.warning("calls that go by batches wait: %s", error.message)
            except Exception as error:  # noqa: BLE001 - it is read again; where, and never what
                _log.error("calls that go by batches wait (%s)", type(error).__name__)
            await asyncio.sleep(TRY_S)

    async def _wanted(self) -> bool:
        """Whether a target has batches, or had some that are not done with."""
        if self._declared():
            return True
        if not self._is_due("", LOOK_S):
            return False
        for target in await self._shelf.targets():
            if (await self._shelf.known(target)).shelved.files:
                return True
        return False

    def _declared(self) -> dict[str, Target]:
        targets = self._policies.current().targets
        return {name: spec for name, spec in targets.items() if spec.batches is not None}

    # ------------------------------------------------------------ leading

    async def _lead(self) -> None:
        self._begin()
        renewing, waking = asyncio.create_task(self._renew()), asyncio.create_task(self._waker.run())
        ear = await self._listen(cancel_subject("*.*"), self._taken_back) if self._listen is not None else None
        try:
            while not renewing.done() and not waking.done():
                for target in sorted(self._declared().keys() | await self._shelf.targets()):
                    await self._round(target)
                await asyncio.sleep(self._tick_s())
        finally:
            for task in (renewing, waking):
                task.cancel()
            await asyncio.gather(renewing, waking, return_exceptions=True)
            if ear is not None:
                await ear.stop()

    async def _taken_back(self, incoming: Incoming) -> None:
        """A request that waits is woken to end; its stage has heard that it was taken back."""
        busy = any(pending.places for pending in self._pending.values())
        if busy or any(known.shelved.files for known in self._known.values()):
            await self._waker.wake(incoming.subject.partition(".")[2])

    def _tick_s(self) -> float:
        """As often as the target wants to be asked that is asked most often, and once in a second."""
        declared = [spec.batches.every for spec in self._declared().values() if spec.batches is not None]
        return min(TICK_S, *declared) if declared else TICK_S

    async def _renew(self) -> None:
        """Say that this one leads, while it does something that takes long."""
        leads = True
        while leads:
            await asyncio.sleep(LEASE_S / 5)
            leads = await self._lease.take()

    async def _round(self, target: str) -> None:
        """Everything about one target, once."""
        spec = self._policies.current().targets.get(target)
        rules = (spec.batches if spec is not None else None) or ProviderBatches()
        if target not in self._known:
            self._known[target] = await self._shelf.known(target)
        for file in self._known[target].shelved.files:
            await self._advance(target, spec, rules, file)
        await self._gather(target, rules)
        if self._is_due(target, rules.every):
            began = self._clock.monotonic()
            await self._leftovers.sweep(target)
            await self._refresh(target)
            now = self._clock.monotonic()
            self._due[target] = max(self._due[target], now + PATIENCE * (now - began))

    def _is_due(self, what: str, period_s: float) -> bool:
        now = self._clock.monotonic()
        if now < self._due.get(what, float("-inf")):
            return False
        self._due[what] = now + period_s
        return True

    async def _advance(self, target: str, spec: Target | None, rules: ProviderBatches, file: File) -> None:
        """Steps of one file, until there is nothing to do but to wait."""
        if file.state == "running" and not self._is_due(file.mark, rules.every):
            return
        while True:
            try:
                after = await self._follow.step(target, spec, file)
            except Unclear as error:
                _log.warning("target %s is asked about a batch again (%s)", target, error)
                return
            if after == file:
                return
            await self._note(target, file, after)
            if after is None or after.state == "running":
                return
            self._follow.begun(after)
            file = after

    async def _note(self, target: str, file: File, after: File | None) -> None:
        known = self._known[target]
        shelved = known.shelved.without(file) if after is None else known.shelved.put(after)
        self._known[target] = await self._shelf.know(target, shelved, known, self._clock.now())

    async def _gather(self, target: str, rules: ProviderBatches) -> None:
        """Look for calls that were put on the shelf since, and make files of them."""
        pending = self._pending.setdefault(target, Pending())
        known = self._known[target]
        if len(pending.places) < rules.max_lines:
            seen = max(pending.seen, known.shelved.cursor)
            async for place, line in self._shelf.lines(target, seen):
                pending.add(place, line)
                if len(pending.places) > rules.max_lines:
                    break
        file = cut(pending, rules, self._clock.now(), secrets.token_hex(12))
        if file is None or len(known.shelved.files) >= MOST_FILES:
            return
        self._known[target] = await self._shelf.know(target, known.shelved.put(file), known, self._clock.now())
        pending.past(file.last)
        self._follow.begun(file)

    async def _refresh(self, target: str) -> None:
        known = self._known[target]
        if longest(known.shelved.files) and self._clock.now() - known.at > REWRITE_S:
            self._known[target] = await self._shelf.know(target, known.shelved, known, self._clock.now())
