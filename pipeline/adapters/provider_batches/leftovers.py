"""Wakes requests whose answers have come, and charges answers that nobody took."""

import logging
from dataclasses import replace
from typing import Final

from pipeline.adapters.models.answer import MalformedAnswer
from pipeline.adapters.provider_batches.records import Answer
from pipeline.adapters.provider_batches.shelf import Shelf
from pipeline.adapters.provider_batches.shelving import completion_of
from pipeline.contracts import Usage
from pipeline.errors import StepwellError
from pipeline.policy.pricing import cost_usd
from pipeline.ports import Clock, Ledger, Transport

__all__ = ["GRACE_S", "Leftovers"]

_log = logging.getLogger("stepwell.batches")

GRACE_S: Final = 60.0
"""How long after its request's deadline an answer may still be taken."""
LANE: Final = "batch"


class Leftovers:
    """What lies on the shelf with an answer."""

    def __init__(self, shelf: Shelf, transport: Transport, ledger: Ledger | None, clock: Clock) -> None:
        self._shelf = shelf
        self._transport = transport
        self._ledger = ledger
        self._clock = clock

    async def wake(self, key: str) -> None:
        """The request need not wait any more. Where that fails it is woken when this is looked at again."""
        try:
            await self._transport.wake(LANE, key)
        except StepwellError as error:
            _log.warning("a request is woken later: %s", error.message)

    async def sweep(self, target: str) -> None:
        """Wake those again whose answer was not taken, and charge what nobody can take any more."""
        now = self._clock.now()
        async for name, answer in self._shelf.answers(target):
            if not answer.key:
                continue
            if now < answer.deadline_at:
                await self.wake(answer.key)
            elif now >= answer.deadline_at + GRACE_S:
                await self.charge(answer)
                await self._shelf.take(target, name)

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
