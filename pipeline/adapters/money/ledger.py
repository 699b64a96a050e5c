"""The ledger: set aside before a call, settled after it, written down for ever, counted for everybody at once."""

import asyncio
import logging
import random
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final, TypeVar

from pipeline.adapters.money.caps import Caps
from pipeline.adapters.money.counters import Amount, Counters, Held, Lost, Slot, Spent, Total, nano
from pipeline.adapters.money.counters import Bucket as CapBucket
from pipeline.adapters.money.fold import spent_of
from pipeline.adapters.money.known import KnownPayers
from pipeline.adapters.money.lines import LedgerLines
from pipeline.adapters.money.payers import Payer, away, charge_of, denial, line, resets_s, unpriced, used
from pipeline.adapters.money.rebuild import GRACE_S, Rebuilder
from pipeline.adapters.money.stood import FRESH_S, Stood
from pipeline.adapters.money.windows import frame_at
from pipeline.contracts import BudgetStanding, Cover, Usage
from pipeline.contracts.trusted import trusted
from pipeline.errors import StoreUnavailable, TransportUnavailable
from pipeline.policy.models import BudgetSpec, Window
from pipeline.policy.source import PolicySource
from pipeline.ports import Bucket, Charge, Clock, Denial, Streams

__all__ = ["REFRESH_S", "StreamLedger", "Warned"]

_log = logging.getLogger("stepwell.ledger")

REFRESH_S: Final = 300.0
"""Seconds between snapshots of a worker, by and large, which bound what has to be read after a loss."""
STANDING_S: Final = 0.25
"""Seconds that planning waits to hear what is left."""
KEEP_S: Final = 172_800.0
"""Seconds for which the counters remember an attempt: as long as its request may be delivered again."""
KEEP_BRIEF_S: Final = 600.0
"""The same once it is settled. An attempt that is delivered again later finds its line in the stream, so that a million
lines of a batch need not be remembered here; and a request that a budget makes wait is remembered for as long again."""
AT_ONCE: Final = 256
"""Attempts whose counters are on their way while nobody waits; with more, whoever settles waits for its own."""
DRAIN_S: Final = 5.0
"""Seconds in which those are there before the ledger stops."""
_TRIES: Final = 3
_WARNED: Final = 10_000

Warned = Callable[[str, float], None]
"""Told the name of a budget of which a large share is used, and the share; once for each counter and window."""
T = TypeVar("T")


class StreamLedger:
    """A `Ledger`: lines in the stream, counters that follow from them.

    Args:
        counters: shared by all workers; None: there are none, and each budget says what that means (`when_away`).
        streams: where the lines are.
        policies: the budgets in force.
        clock: the time. Windows are those of this clock, in UTC.
        bucket: where snapshots are kept; None: nowhere.
        warned: told when a budget is used to `warn_at`.
        grace_s: how long a line may be on its way before it is asked again whether it still counts.
        fresh_s: how old a standing may be while much of a budget is left; see `stood`.
        defers: how many times in a row a snapshot must be due before this worker makes one. It takes seconds of a
            processor after a large batch, which workers of callers leave to others while there are any.
    """

    def __init__(
        self,
        counters: Counters | None,
        streams: Streams,
        policies: PolicySource,
        clock: Clock,
        bucket: Bucket | None = None,
        *,
        warned: Warned | None = None,
        grace_s: float = GRACE_S,
        fresh_s: float = FRESH_S,
        defers: int = 0,
    ) -> None:
        self._counters = counters
        self._lines = LedgerLines(streams)
        self._policies = policies
        self._clock = clock
        self._tell = warned
        self._grace_s = grace_s
        self._defers = defers
        self._caps = Caps(counters)
        self._payers = KnownPayers()
        self._stood = Stood(clock.monotonic, fresh_s)
        self._missed: int | None = None
        self._warned: OrderedDict[Slot, None] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self._counting: set[asyncio.Task[None]] = set()
        self._rebuilder = (
            Rebuilder(counters, streams, bucket, clock, self._pers, grace_s=grace_s) if counters is not None else None
        )

    # ------------------------------------------------------------ life

    async def start(self) -> None:
        """Have counters that can be trusted, if they can be had now, and keep snapshots from here on."""
        if self._rebuilder is not None and self._policies.current().budgets:
            with suppress(StoreUnavailable, TransportUnavailable):
                await self._rebuilder.restore()
        self._background(self._refresh())

    async def stop(self) -> None:
        """Let what is settled reach the counters, end what else runs beside, and close the connection."""
        if self._counting:
            await asyncio.wait(self._counting, timeout=DRAIN_S)
        self._tasks |= self._counting
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._counters is not None:
            await self._counters.close()

    async def _refresh(self) -> None:
        due = 0
        while self._rebuilder is not None:
            await asyncio.sleep(REFRESH_S * random.uniform(0.5, 1.5))  # not all at once
            due = due + 1 if self._policies.current().budgets and await self._rebuilder.is_due() else 0
            if due > self._defers:
                due = 0
                await self._rebuilder.refresh()

    # ------------------------------------------------------------ budgets

    async def reserve(self, charge: Charge) -> Denial | None:
        """Set aside what the attempt may cost; see the port."""
        now = self._clock.now()
        payers = self._payers.of(charge, self._policies.current(), now)
        blocked = unpriced(charge, payers)
        if blocked is not None:
            _log.error("%s: give it a price", blocked.reason)
        if blocked is not None or not payers:
            return blocked
        begun = self._clock.monotonic()
        try:
            held = await self._hold(charge, payers)
        except StoreUnavailable:
            self._miss()
            return await self._uncounted(charge, payers, now)
        if held.again and charge.lost:
            try:
                held = await self._anew(charge, payers, now)
            except StoreUnavailable:
                self._miss()
                return await self._uncounted(charge, payers, now)
        if held.denied:
            return denial(payers, held, now)
        self._warn(payers, held.totals)
        self._stood.note([payer.slot for payer in payers], held.totals)
        await self._note(charge, payers, held, now)
        if self._clock.monotonic() - begun > self._grace_s:
            return await self._confirmed(charge, payers, now)
        return None

    async def _hold(self, charge: Charge, payers: Sequence[Payer]) -> Held:
        amount = Amount(nano(charge.usd or 0.0), charge.tokens)
        request = f"{charge.tenant}.{charge.request_id}"
        claims = [payer.claim for payer in payers]
        return await self._counted(lambda one: one.hold(charge.attempt, request, amount, claims, keep_s=KEEP_S))

    async def _anew(self, charge: Charge, payers: Sequence[Payer], now: float) -> Held:
        """Count the call that a worker may have made before it died, and look for room for another one."""
        await self._count_lost(charge, payers, now)
        await self._counted(lambda one: one.release(charge.attempt))
        held = await self._hold(charge, payers)
        if held.denied:
            await self.release(charge)
        return held

    async def _count_lost(self, charge: Charge, payers: Sequence[Payer], now: float) -> None:
        """Settle the lost call as an attempt of its own. Nobody knows what it cost: it counts as what was set aside."""
        _log.warning("a call of target %s was lost with its worker: it counts as if it was made", charge.target)
        name = f"{charge.attempt}-{charge.lost}"
        made = replace(charge, attempt=name, request_id=f"{charge.request_id}-{charge.lost}")
        counted = [payer._replace(claim=payer.claim._replace(free=True)) for payer in payers]
        await self._hold(made, counted)
        opens = tuple(payer.spec.name for payer in payers)
        entry = line("settle", replace(charge, attempt=name), payers, now, usd=charge.usd, estimated=True, opens=opens)
        entry = entry.model_copy(update={"tokens": charge.tokens})
        counting, place = await self._lines.append(entry)
        slots = [payer.slot for payer in payers]
        await self._counted(lambda one: one.settle(name, spent_of(counting), slots, place, keep_s=KEEP_S))

    async def lost(self, attempts: Sequence[str], name: str) -> None:
        """Settle what a delivery that died may have called; see the port. While nobody can count it stays aside."""
        if not self._policies.current().budgets:
            return
        try:
            for attempt in attempts:
                await self._bury(attempt, name)
        except StoreUnavailable:
            self._miss()

    async def forsaken(self, request: str, name: str) -> None:
        """The same for all attempts of a request that makes none any more."""
        if not self._policies.current().budgets:
            return
        attempts = await self._lines.attempts_of(request)
        await self.lost(attempts, name)
        for attempt in attempts:
            await self._lines.give_up(attempt, self._clock.now())

    async def _bury(self, attempt: str, name: str) -> None:
        """Settle one of them. Of one that holds something and has no line, nothing was sent."""
        if not await self._counted(lambda one: one.holds(attempt)):
            return
        entry = await self._lines.reserved(attempt)
        if entry is not None:
            now, charge = self._clock.now(), charge_of(entry, name)
            await self._count_lost(charge, self._payers.of(charge, self._policies.current(), now), now)
        await self._counted(lambda one: one.release(attempt))

    async def _note(self, charge: Charge, payers: Sequence[Payer], held: Held, now: float) -> None:
        """Write down what is held. What could not be written is given back, and the attempt is not made.

        Counters forget an attempt that was settled before they were lost; its lines do not.
        """
        opens = tuple(payers[place].spec.name for place in held.opens)
        try:
            _, place = await self._lines.append(line("reserve", charge, payers, now, opens=opens))
            if place == 0 and not held.again and await self._lines.settled(charge.attempt):
                await self._give_back(charge)
        except BaseException:
            self._background(self._give_back(charge))
            raise

    async def _confirmed(self, charge: Charge, payers: Sequence[Payer], now: float) -> Denial | None:
        """After a line that took long: if everything was counted again meanwhile, without it, hold it once more."""
        try:
            held = await self._hold(charge, payers)
        except StoreUnavailable:
            self._miss()
            return away(payers)
        if not held.denied:
            return None
        await self.release(charge)
        return denial(payers, held, now)

    async def _uncounted(self, charge: Charge, payers: Sequence[Payer], now: float) -> Denial | None:
        """While nobody can count, each budget says what that means. What goes on is written down and counted later."""
        refused = away(payers)
        if refused is not None:
            _log.error("%s (when_away)", refused.reason)
            return refused
        opens = tuple(payer.spec.name for payer in payers) if charge.attempt.endswith("-1") else ()
        await self._lines.append(line("reserve", charge, payers, now, opens=opens))
        return None

    async def settle(self, charge: Charge, usd: float | None, usage: Usage, *, estimated: bool) -> None:
        """Write down what it cost, once, and count it; see the port.

        Nobody waits for the counters: the line stands, and until they hear of it they hold what was set aside. They are
        told before this returns, on the connection on which the next ones ask.
        """
        now = self._clock.now()
        payers = self._payers.of(charge, self._policies.current(), now)
        entry = line("settle", charge, payers, now, usd=usd, usage=usage, estimated=estimated)
        counting, place = await self._lines.append(entry)
        if usd is None:
            _log.warning("nobody knows what an attempt at target %s cost", charge.target)
        if not payers:
            return
        telling = self._count_spent(charge.attempt, spent_of(counting), [payer.slot for payer in payers], place)
        if len(self._counting) >= AT_ONCE:
            await telling
            return
        task = asyncio.create_task(telling)
        self._counting.add(task)
        task.add_done_callback(self._counting.discard)
        await asyncio.sleep(0)  # what is asked after this goes out after it

    async def _count_spent(self, attempt: str, spent: Spent, slots: Sequence[Slot], place: int) -> None:
        """Tell the counters. Never raises for what they do not hear."""
        try:
            await self._counted(lambda one: one.settle(attempt, spent, slots, place, keep_s=KEEP_BRIEF_S))
        except (StoreUnavailable, TransportUnavailable):
            self._miss(place)  # the line stands: once the counters can be had again, they are counted from the lines

    async def release(self, charge: Charge) -> None:
        """Give back what was set aside. Never raises: what stays aside is too careful, and ends with its window."""
        now = self._clock.now()
        payers = self._payers.of(charge, self._policies.current(), now)
        if not payers:
            return
        try:
            await self._lines.append(line("release", charge, payers, now))
        except TransportUnavailable as error:
            _log.warning("a release is not written down: %s", error.message)
        await self._give_back(charge)

    async def _give_back(self, charge: Charge) -> None:
        try:
            await self._counted(lambda one: one.release(charge.attempt))
        except (StoreUnavailable, TransportUnavailable):
            self._miss()

    async def standing(self, covers: Sequence[Cover]) -> tuple[BudgetStanding, ...]:
        """How much of each budget is left; those that nobody can count now are left out.

        While much is left it may be a moment old: see `stood`.
        """
        now, policy, found = self._clock.now(), self._policies.current(), []
        for cover in covers:
            spec = policy.budget(cover.budget)
            if spec is not None and "{" not in cover.scope:
                found.append((spec, Slot(cover.budget, cover.scope, frame_at(spec.per, now))))
        if not found or self._counters is None:
            return ()
        slots = [slot for _, slot in found]
        totals = self._stood.totals(slots, lambda place, total: 1.0 - used(total, found[place][0].limit))
        if totals is None:
            try:
                async with asyncio.timeout(STANDING_S):
                    totals = await _read(self._counters, slots)
            except (StoreUnavailable, TimeoutError, Lost):
                return ()
            self._stood.note(slots, totals)
        return tuple([_standing(spec, slot, total, now) for (spec, slot), total in zip(found, totals, strict=True)])

    # ------------------------------------------------------------ caps

    async def may_escalate(self, attempt: str, covers: Sequence[Cover], urgency: float = 1.0) -> Denial | None:
        """Take one escalation out of the caps. While nobody counts for all, this worker keeps the share by itself."""
        shut = await self._caps.take(attempt, self._buckets(covers), urgency)
        if shut is None:
            return None
        name = shut.name.partition("|")[0]
        near = ", or so near that more urgent ones go first" if shut.paced and urgency < 1.0 else ""
        return Denial(name, "degrade", f"the cap {name} on escalations is reached{near}")

    async def asked(self, request: str, covers: Sequence[Cover]) -> None:
        """Count a request into the caps on escalations, once."""
        buckets = self._buckets(covers)
        if buckets:
            await self._caps.asked(request, buckets)

    def _buckets(self, covers: Sequence[Cover]) -> tuple[CapBucket, ...]:
        policy = self._policies.current()
        caps = ((policy.cap(cover.budget), cover.scope) for cover in covers)
        return tuple(
            CapBucket(f"{cap.name}|{scope}", cap.share, cap.burst, cap.pace, cap.resume)
            for cap, scope in caps
            if cap is not None
        )

    # ------------------------------------------------------------ inside

    def _pers(self) -> frozenset[Window]:
        return frozenset(spec.per for spec in self._policies.current().budgets)

    def _miss(self, place: int = 0) -> None:
        """Something up to this line may be missing in the counters: they are counted again before they are believed."""
        self._missed = place if self._missed is None else max(self._missed, place)

    async def _counted(self, ask: Callable[[Counters], Awaitable[T]]) -> T:
        """Ask the counters, after they were counted again where that is due.

        Raises:
            StoreUnavailable: nobody can count now.
            TransportUnavailable: the stream to count from cannot be read.
        """
        if self._counters is None or self._rebuilder is None:
            raise StoreUnavailable("budgets are counted in a Valkey: set STEPWELL_VALKEY")
        for _ in range(_TRIES):
            missed = self._missed
            if missed is not None:
                await self._counters.forget(missed)
                self._missed = None if self._missed == missed else self._missed
            try:
                return await ask(self._counters)
            except Lost:
                await self._rebuilder.restore()
        raise StoreUnavailable("the counters of the ledger were lost again and again")

    def _warn(self, payers: Sequence[Payer], totals: Sequence[Total]) -> None:
        """Tell, once for each counter and window, that much of a budget is used. It names the budget and nobody."""
        for payer, total in zip(payers, totals, strict=False):
            share = used(total, payer.spec.limit)
            if share < payer.spec.warn_at or payer.slot in self._warned:
                continue
            self._warned[payer.slot] = None
            if len(self._warned) > _WARNED:
                self._warned.popitem(last=False)
            _log.warning("budget %s is used to %.0f %% in this window", payer.spec.name, share * 100)
            if self._tell is not None:
                self._tell(payer.spec.name, share)

    def _background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _standing(spec: BudgetSpec, slot: Slot, total: Total, now: float) -> BudgetStanding:
    left = max(0.0, 1.0 - used(total, spec.limit))
    return trusted(BudgetStanding, {"name": spec.name, "left": left, "resets_s": resets_s(slot, now)})


async def _read(counters: Counters, slots: Sequence[Slot]) -> tuple[Total, ...]:
    """What counters stand at. Who only looks counts nothing again: that is for who spends."""
    try:
        return await counters.read(slots)
    except Lost:
        await counters.adopt()
        return await counters.read(slots)
