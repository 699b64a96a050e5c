"""What counters must hold, told from the lines of the ledger one by one. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from pipeline.adapters.money.counters import Amount, Holding, Image, Slot, Spent, Total, nano
from pipeline.adapters.money.windows import frame_named
from pipeline.contracts import LedgerEntry

__all__ = ["KEPT_S", "LATELY_S", "Fold", "Pending", "spent_of"]

KEPT_S: Final = 2 * 86_400
"""Seconds for which a holding outlives its windows, so that what is settled late is counted where it was held."""
LATELY_S: Final = 900
"""Seconds for which it is remembered where a request was counted, while it may still make attempts."""


class Pending(NamedTuple):
    """A holding with the time of its line."""

    at: float
    holding: Holding


@dataclass
class Fold:
    """Counters that follow from lines.

    A holding counts in its windows until it is settled or released. A window is that of the attempt's first line. What
    was settled without a known cost counts with what was held for it.

    Attributes:
        upto: the last line taken.
        spent: what was settled.
        pending: what is held.
        opened: where requests were counted lately, with the time of the line.
    """

    upto: int = 0
    spent: dict[Slot, Total] = field(default_factory=dict)
    pending: dict[str, Pending] = field(default_factory=dict)
    opened: dict[tuple[str, Slot], float] = field(default_factory=dict)

    def __len__(self) -> int:
        """What it remembers: counters, holdings, and where requests were counted."""
        return len(self.spent) + len(self.pending) + len(self.opened)

    def take(self, entry: LedgerEntry, sequence: int) -> None:
        """Count one line. Lines come in the order of the stream."""
        self.upto = max(self.upto, sequence)
        if entry.kind == "reserve":
            self._reserve(entry)
        elif entry.kind == "release":
            self._release(entry)
        else:
            self._settle(entry)

    def _reserve(self, entry: LedgerEntry) -> None:
        slots = _slots(entry)
        if not slots:
            return
        opens = tuple(place for place, slot in enumerate(slots) if slot.budget in entry.opens)
        amount = Amount(nano(entry.usd or 0.0), entry.tokens)
        request = f"{entry.tenant}.{entry.request_id}"
        self.pending[entry.attempt] = Pending(entry.at, Holding(entry.attempt, request, amount, slots, opens))
        for slot in slots:
            self.opened[request, slot] = entry.at
        for place in opens:
            self._add(slots[place], 0, 0, 1)

    def _release(self, entry: LedgerEntry) -> None:
        held = self.pending.pop(entry.attempt, None)
        if held is None:
            return
        for place in held.holding.opens:
            self._add(held.holding.slots[place], 0, 0, -1)

    def _settle(self, entry: LedgerEntry) -> None:
        held = self.pending.pop(entry.attempt, None)
        if held is None:
            for slot in _slots(entry):
                self._add(slot, nano(entry.usd or 0.0), entry.tokens, int(slot.budget in entry.opens))
            return
        spent, aside = spent_of(entry), held.holding.amount
        nanos = aside.nano if spent.nano is None else spent.nano
        tokens = aside.tokens if spent.tokens is None else spent.tokens
        for slot in held.holding.slots:
            self._add(slot, nanos, tokens, 0)

    def _add(self, slot: Slot, nanos: int, tokens: int, requests: int) -> None:
        total = self.spent.get(slot, Total())
        self.spent[slot] = Total(total.nano + nanos, total.tokens + tokens, total.requests + requests)

    def over(self, entry: LedgerEntry) -> None:
        """The request of this line makes no attempts any more: nobody asks where it was counted."""
        request = f"{entry.tenant}.{entry.request_id}"
        for slot in _slots(entry):
            self.opened.pop((request, slot), None)

    def forget(self, now: float) -> None:
        """Drop what no longer matters, which bounds the memory: windows that ended, and what hangs in them."""
        self.spent = {slot: total for slot, total in self.spent.items() if slot.frame.open_at(now)}
        self.pending = {name: made for name, made in self.pending.items() if _matters(made, now)}
        self.opened = {key: at for key, at in self.opened.items() if at > now - LATELY_S and key[1].frame.open_at(now)}

    def image(self, now: float) -> Image:
        """What counters must hold at the time `now`."""
        self.forget(now)
        totals = dict(self.spent)
        holdings = tuple(self._held(now))
        for holding in holdings:
            for slot in holding.slots:
                total = totals.get(slot, Total())
                added = Total(total.nano + holding.amount.nano, total.tokens + holding.amount.tokens, total.requests)
                totals[slot] = added
        return Image(self.upto, totals, holdings, tuple(self.opened))

    def _held(self, now: float) -> Iterator[Holding]:
        """The holdings, in those of their windows that are open."""
        for _, holding in self.pending.values():
            slots = tuple(slot for slot in holding.slots if slot.frame.open_at(now))
            if slots:
                yield Holding(holding.attempt, holding.request, holding.amount, slots)


def spent_of(entry: LedgerEntry) -> Spent:
    """What a line says that an attempt took in the end."""
    unknown = entry.usd is None
    return Spent(None if entry.usd is None else nano(entry.usd), entry.tokens if entry.tokens or not unknown else None)


def _matters(made: Pending, now: float) -> bool:
    return made.at > now - KEPT_S or any(slot.frame.open_at(now) for slot in made.holding.slots)


def _slots(entry: LedgerEntry) -> tuple[Slot, ...]:
    """The counters of a line; of one that names no window for a budget, those that it does name."""
    frames = (frame_named(name) for name in entry.windows)
    return tuple(
        Slot(cover.budget, cover.scope, frame)
        for cover, frame in zip(entry.covers, frames, strict=False)
        if frame is not None
    )
