"""Has requests woken whose answers were not taken, and charges answers that nobody took."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from pipeline.adapters.models.answer import MalformedAnswer
from pipeline.adapters.money.pages import settled_by
from pipeline.adapters.provider_batches.records import Answer
from pipeline.adapters.provider_batches.shelf import Shelf
from pipeline.adapters.provider_batches.shelving import completion_of
from pipeline.adapters.provider_batches.waiting import Waiting
from pipeline.adapters.provider_batches.waker import Waker
from pipeline.contracts import LedgerEntry, Usage
from pipeline.policy.pricing import cost_usd
from pipeline.ports import Charge, Clock, Ledger
from pipeline.topology import ledger_subject

__all__ = ["GRACE_S", "Leftovers"]

GRACE_S: Final = 60.0
"""How long after its request's deadline an answer may still be taken."""


SLACK_S: Final = 60.0
"""How far the clocks of a worker and of NATS may be apart."""


class _Left(NamedTuple):
    """What has to be known of an answer that was not taken yet. `since`: nobody paid for it before."""

    key: str
    deadline_at: float
    attempt: str
    since: float

    @classmethod
    def of(cls, answer: Answer) -> "_Left":
        """Of this answer."""
        attempt = answer.charge.attempt if answer.charge is not None else ""
        return cls(answer.key, answer.deadline_at, attempt, answer.answered_at or answer.at)


class Leftovers:
    """What lies on the shelf with an answer."""

    def __init__(self, shelf: Shelf, waker: Waker, ledger: Ledger | None, clock: Clock) -> None:
        self._shelf = shelf
        self._waker = waker
        self._ledger = ledger
        self._clock = clock
        self._waiting = Waiting(shelf.streams, clock)
        self._gone: dict[str, set[str]] = {}

    def came(self, key: str) -> None:
        """An answer of this request has come: it need not wait any more."""
        self._waker.add(key)

    async def sweep(self, target: str) -> None:
        """Wake those again whose answer was not taken, and charge what nobody can take any more.

        That is so once two looks found its request nowhere: it was taken back, or has ended otherwise.
        """
        now = self._clock.now()
        found = {name: _Left.of(answer) async for name, answer in self._shelf.answers(target) if answer.key}
        gone = await self._waiting.gone({left.key for left in found.values()})
        sure, self._gone[target] = gone & self._gone.get(target, set()), gone
        closing = {name for name, left in found.items() if left.key in sure or now >= left.deadline_at + GRACE_S}
        paid = await self._paid([found[name] for name in closing])
        for name, left in found.items():
            if name in closing:
                await self._close(target, name, paid)
            elif left.key not in gone and now < left.deadline_at:
                self._waker.add(left.key)

    async def _paid(self, closing: Sequence[_Left]) -> dict[str, LedgerEntry]:
        """What the ledger says of the attempts of these answers, and of those that were made up for them."""
        if not closing:
            return {}
        attempts = [name for left in closing if left.attempt for name in (left.attempt, _unused(left.attempt))]
        since = min(left.since for left in closing) - SLACK_S
        return await settled_by(self._shelf.streams, attempts, since)

    async def _close(self, target: str, name: str, paid: Mapping[str, LedgerEntry]) -> None:
        """Nobody takes this answer. Again after a death it changes nothing."""
        answer = await self._shelf.answer(target, name)
        if answer is None:
            return
        charge = answer.charge
        if charge is not None and await self._is_closed(charge, paid):
            await self._release(charge)
        elif charge is None or not _was_taken(answer, paid.get(charge.attempt)):
            await self.charge(answer)
        await self._shelf.take(target, name)

    async def _is_closed(self, charge: Charge, paid: Mapping[str, LedgerEntry]) -> bool:
        """Whether it was charged before, so long ago that the line stands in a page and would not be refused again."""
        unused = _unused(charge.attempt)
        return unused in paid and await self._shelf.streams.last(ledger_subject(unused, "settle")) is None

    async def _release(self, charge: Charge) -> None:
        if self._ledger is not None:
            await self._ledger.release(charge)

    async def charge(self, answer: Answer) -> None:
        """Nobody takes this answer: its request was taken back, or was answered without it. It is paid all the same.

        It counts as an attempt of its own, beyond any limit, as it was made. What was set aside for it is free again.
        """
        charge = answer.charge
        if self._ledger is None or charge is None:
            return
        if answer.status == 200:
            usage = _usage(answer)
            covers = frozenset(cover.budget for cover in charge.covers)
            usd = None if usage is None else cost_usd(usage, answer.price)
            unused = replace(charge, attempt=_unused(charge.attempt), free=covers, usd=usd)
            if covers:
                await self._ledger.reserve(unused)
            await self._ledger.settle(unused, usd, usage or Usage(), estimated=usage is None)
        await self._ledger.release(charge)


def _unused(attempt: str) -> str:
    """What the ledger calls an answer that nobody took."""
    return f"{attempt}-batch"


def _was_taken(answer: Answer, settled: LedgerEntry | None) -> bool:
    """Whether its request took it, and its worker died before it could take it from the shelf."""
    if settled is None or answer.status != 200:
        return settled is not None
    usage = _usage(answer)
    usd = None if usage is None else cost_usd(usage, answer.price)
    return settled.usd == usd if settled.usd is None or usd is None else math.isclose(settled.usd, usd)


def _usage(answer: Answer) -> Usage | None:
    """What it used; None: nobody says."""
    try:
        made = completion_of(answer, "", answer.price)
    except MalformedAnswer:
        return None
    return made.usage if made.usage_reported else None
