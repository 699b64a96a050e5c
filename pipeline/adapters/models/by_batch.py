"""A call that goes by a batch of its provider: where it stands, and the answer that came of it."""

from pipeline.adapters.models.chain import was_here_before
from pipeline.adapters.models.deadline import left_s
from pipeline.adapters.models.outcomes import Answered, Calls
from pipeline.adapters.models.permits import Ready
from pipeline.adapters.models.purse import Bill
from pipeline.adapters.models.shields import Shields
from pipeline.adapters.provider_batches.shelving import Place, Shelving, came
from pipeline.ports import Clock

__all__ = ["ByBatch"]


class ByBatch:
    """Has calls made by batches of their providers.

    Args:
        shelving: knows where they stand; None: each call is made by itself.
        shields: says whether a view is the same when it is made again.
        clock: the time.
    """

    def __init__(self, shelving: Shelving | None, shields: Shields, clock: Clock) -> None:
        self._shelving = shelving
        self._shields = shields
        self._clock = clock

    async def place(self, bill: Bill, ready: Ready) -> Place | None:
        """Where the call stands that goes by a batch of its provider; None: it is made by itself. Raises `Postponed`.

        Nobody has called the model for it, whatever became of an earlier delivery.
        """
        if self._shelving is None or bill.made_for != "answer" or not ready.variant.batches:
            return None
        return await self._shelving.look(
            ready.permit,
            left_s(bill.envelope, self._clock.now()),
            before=was_here_before(bill.envelope, bill.delivered),
            same_again=not ready.permit.view.shielded or self._shields.lasts(bill.envelope.request),
        )

    async def answer(self, bill: Bill, ready: Ready, place: Place, calls: Calls) -> Answered:
        """The answer that came by a batch. Raises `Postponed` where the call has yet to be put on the shelf."""
        rules = ready.permit.spec.batches
        if place.answer is None and self._shelving is not None and rules is not None:
            await self._shelving.put(place, bill, ready.permit, rules)
        calls.first.goes_out(unseen=True)
        if place.answer is None or place.answer.status != 200:
            calls.first.running = None  # the provider made no call of it, and charges nothing
        completion = came(place, ready.permit)
        calls.first.running = None
        return Answered(completion if ready.back is None else ready.back.completion(completion), ready.found)

    async def take(self, place: Place) -> None:
        """The attempt is written down, and its place is free."""
        if self._shelving is not None:
            await self._shelving.take(place)
