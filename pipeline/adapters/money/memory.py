"""Counters of budgets in this process: for tests, and to say in Python what the scripts do in Valkey."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.adapters.money.counters import Amount, Bucket, Claim, Held, Image, Lost, Slot, Spent, Total
from pipeline.adapters.money.pacing import Pace

__all__ = ["MemoryCounters"]


@dataclass
class _Record:
    """What is set aside for an attempt; `amount` None: it is settled."""

    amount: Amount | None
    request: str
    slots: tuple[Slot, ...]
    opens: tuple[int, ...] = ()


@dataclass
class _Shared:
    """What would be in Valkey. `counting` is None where it was lost."""

    counting: int | None = None
    number: int = 0
    upto: int = 0
    totals: dict[Slot, Total] = field(default_factory=dict)
    records: dict[str, _Record] = field(default_factory=dict)
    counted: dict[tuple[str, Slot], int] = field(default_factory=dict)
    paces: dict[str, Pace] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    owner: object = None


class MemoryCounters:
    """`Counters` in memory. Several may share one state, as several workers share a Valkey."""

    def __init__(self, beside: "MemoryCounters | None" = None) -> None:
        self._shared: _Shared = beside._shared if beside is not None else _Shared()
        self._counting: int | None = None

    def lose(self) -> None:
        """As a Valkey that was emptied."""
        number = self._shared.number
        self._shared.__dict__.update(_Shared(number=number).__dict__)

    # ------------------------------------------------------------ budgets

    async def hold(
        self,
        attempt: str,
        request: str,
        amount: Amount,
        claims: Sequence[Claim],
        *,
        keep_s: float,  # noqa: ARG002 - memory keeps everything
    ) -> Held:
        """Take from all counters or from none; see the port."""
        shared = self._believed()
        if attempt in shared.records:
            return Held(opens=shared.records[attempt].opens, again=True)
        opens = tuple(place for place, claim in enumerate(claims) if (request, claim.slot) not in shared.counted)
        denied = tuple(
            place
            for place, claim in enumerate(claims)
            if not claim.free and _over(shared.totals.get(claim.slot, Total()), amount, int(place in opens), claim)
        )
        if denied:
            totals = tuple(shared.totals.get(claim.slot, Total()) for claim in claims)
            free = tuple(self._less_aside(claim.slot, total) for claim, total in zip(claims, totals, strict=True))
            waits = (place for place in denied if not _over(free[place], amount, int(place in opens), claims[place]))
            return Held(denied, totals=totals, waits=tuple(waits))
        for place, claim in enumerate(claims):
            self._add(claim.slot, amount.nano, amount.tokens, int(place in opens))
            shared.counted[request, claim.slot] = shared.counted.get((request, claim.slot), 0) + 1
        shared.records[attempt] = _Record(amount, request, tuple(claim.slot for claim in claims), opens)
        return Held((), opens, tuple(shared.totals[claim.slot] for claim in claims))

    async def settle(
        self,
        attempt: str,
        spent: Spent,
        slots: Sequence[Slot],
        line: int,
        *,
        keep_s: float,  # noqa: ARG002 - memory keeps everything
    ) -> None:
        """Put what was spent in place of what was held; see the port."""
        shared = self._believed()
        record = shared.records.get(attempt)
        if record is None:
            if line <= shared.upto:
                return
            for slot in slots:
                self._add(slot, spent.nano or 0, spent.tokens or 0, 0)
            shared.records[attempt] = _Record(None, "", ())
        elif record.amount is not None:
            held = record.amount
            nanos = 0 if spent.nano is None else spent.nano - held.nano
            tokens = 0 if spent.tokens is None else spent.tokens - held.tokens
            for slot in record.slots:
                self._add(slot, nanos, tokens, 0)
            record.amount = None

    async def release(self, attempt: str) -> None:
        """Give back what was held."""
        shared = self._believed()
        record = shared.records.get(attempt)
        if record is None or record.amount is None:
            return
        del shared.records[attempt]
        for slot in record.slots:
            left = shared.counted.get((record.request, slot), 0) - 1
            if left <= 0:
                shared.counted.pop((record.request, slot), None)
            else:
                shared.counted[record.request, slot] = left
            self._add(slot, -record.amount.nano, -record.amount.tokens, -int(left == 0))

    async def holds(self, attempt: str) -> bool:
        """Whether something is held for the attempt."""
        record = self._believed().records.get(attempt)
        return record is not None and record.amount is not None

    async def read(self, slots: Sequence[Slot]) -> tuple[Total, ...]:
        """What the counters stand at."""
        shared = self._believed()
        return tuple(shared.totals.get(slot, Total()) for slot in slots)

    # ------------------------------------------------------------ caps

    async def asked(self, request: str, buckets: Sequence[Bucket], *, keep_s: float) -> None:  # noqa: ARG002
        """Let the request add its share to the buckets."""
        done, paces = self._shared.done, self._shared.paces
        if f"asked:{request}" in done:
            return
        done.add(f"asked:{request}")
        for bucket in buckets:
            paces[bucket.name] = (paces.get(bucket.name) or Pace.fresh(bucket)).asked(bucket)

    async def take(
        self,
        attempt: str,
        buckets: Sequence[Bucket],
        *,
        keep_s: float,  # noqa: ARG002
        urgency: float = 1.0,
    ) -> int | None:
        """Take one escalation out of all buckets."""
        done, paces = self._shared.done, self._shared.paces
        if f"taken:{attempt}" in done:
            return None
        for place, bucket in enumerate(buckets):
            pace = paces.get(bucket.name) or Pace.fresh(bucket)
            if not pace.lets(bucket, urgency):
                paces[bucket.name] = pace.denied(bucket)
                return place
        for bucket in buckets:
            paces[bucket.name] = (paces.get(bucket.name) or Pace.fresh(bucket)).taken()
        done.add(f"taken:{attempt}")
        return None

    # ------------------------------------------------------------ trust

    async def adopt(self) -> bool:
        """Go on with the counters that are there."""
        self._counting = self._shared.counting
        return self._counting is not None

    async def forget(self, line: int) -> None:
        """Trust the counters no longer, unless they were counted again since."""
        shared = self._shared
        if shared.counting == self._counting or shared.upto < line:
            shared.counting = None

    async def lock(self) -> bool:
        """Become the one who counts again."""
        if self._shared.owner not in (None, self):
            return False
        self._shared.owner = self
        return True

    async def unlock(self) -> None:
        """Let others count again."""
        if self._shared.owner is self:
            self._shared.owner = None

    async def install(self, image: Image) -> None:
        """Put counted values in force; whoever was first counts."""
        shared = self._shared
        if shared.counting is None:
            shared.number += 1
            shared.counting, shared.upto = shared.number, image.upto
            shared.totals = dict(image.totals)
            shared.records = {made.attempt: _Record(made.amount, made.request, made.slots) for made in image.holdings}
            shared.counted = {}
            for opened in image.opened:
                shared.counted[opened] = shared.counted.get(opened, 0) + 1
        await self.adopt()

    async def close(self) -> None:
        """Nothing is open."""

    def _believed(self) -> _Shared:
        if self._counting is None or self._shared.counting != self._counting:
            raise Lost
        return self._shared

    def _less_aside(self, slot: Slot, total: Total) -> Total:
        """What a counter would stand at without money and tokens that are set aside. A request stays counted."""
        aside = [made.amount for made in self._shared.records.values() if made.amount and slot in made.slots]
        nanos, tokens = sum(amount.nano for amount in aside), sum(amount.tokens for amount in aside)
        return Total(total.nano - nanos, total.tokens - tokens, total.requests)

    def _add(self, slot: Slot, nano: int, tokens: int, requests: int) -> None:
        total = self._shared.totals.get(slot, Total())
        self._shared.totals[slot] = Total(total.nano + nano, total.tokens + tokens, total.requests + requests)


def _over(total: Total, amount: Amount, request: int, claim: Claim) -> bool:
    wants = (amount.nano, amount.tokens, request)
    limits = (claim.nano, claim.tokens, claim.requests)
    return any(
        limit is not None and want > 0 and stands + want > limit
        for stands, want, limit in zip(total, wants, limits, strict=True)
    )
