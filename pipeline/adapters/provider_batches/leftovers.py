"""Has requests woken whose answers were not taken, and charges answers that nobody took."""

import math
from dataclasses import replace
from typing import Final

from pipeline.adapters.models.answer import MalformedAnswer
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
        found = {
            name: (answer.key, answer.deadline_at) async for name, answer in self._shelf.answers(target) if answer.key
        }
        gone = await self._waiting.gone({key for key, _ in found.values()})
        sure, self._gone[target] = gone & self._gone.get(target, set()), gone
        for name, (key, deadline_at) in found.items():
            if key in sure or now >= deadline_at + GRACE_S:
                await self._close(target, name)
            elif key not in gone and now < deadline_at:
                self._waker.add(key)

    async def _close(self, target: str, name: str) -> None:
        """Nobody takes this answer. Again after a death it changes nothing."""
        answer = await self._shelf.answer(target, name)
        if answer is None:
            return
        if answer.charge is None or not await self._was_taken(answer, answer.charge):
            await self.charge(answer)
        await self._shelf.take(target, name)

    async def _was_taken(self, answer: Answer, charge: Charge) -> bool:
        """Whether its request took it, and its worker died before it could take it from the shelf."""
        stored = await self._shelf.streams.last(ledger_subject(charge.attempt, "settle"))
        if stored is None or answer.status != 200:
            return stored is not None
        usage = _usage(answer)
        settled = LedgerEntry.model_validate_json(stored.body).usd
        usd = None if usage is None else cost_usd(usage, answer.price)
        return settled == usd if settled is None or usd is None else math.isclose(settled, usd)

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
            unused = replace(charge, attempt=f"{charge.attempt}-batch", free=covers, usd=usd)
            if covers:
                await self._ledger.reserve(unused)
            await self._ledger.settle(unused, usd, usage or Usage(), estimated=usage is None)
        await self._ledger.release(charge)


def _usage(answer: Answer) -> Usage | None:
    """What it used; None: nobody says."""
    try:
        made = completion_of(answer, "", answer.price)
    except MalformedAnswer:
        return None
    return made.usage if made.usage_reported else None
