"""Puts a call on the shelf instead of making it, and finds its answer there when its request comes back."""

from dataclasses import replace
from typing import Any, Final, NamedTuple, NoReturn

from pipeline.adapters.models.answer import MalformedAnswer, whole
from pipeline.adapters.models.body import Template, call_body
from pipeline.adapters.models.purse import Bill, charge_of
from pipeline.adapters.provider_batches.records import Answer, Line, digest_of, name_of
from pipeline.adapters.provider_batches.shelf import Shelf
from pipeline.disclosure.view import Permit
from pipeline.errors import Postponed, ResidencyRefused, TargetRejected, TargetUnavailable
from pipeline.policy.models import Price, ProviderBatches, Target
from pipeline.ports import Clock, Completion
from pipeline.topology import AT_PROVIDER

__all__ = ["Place", "Shelving", "batch_price", "came", "completion_of"]

_LATER: Final = frozenset({408, 409, 425, 429})
_OF_THE_REQUEST: Final = frozenset({400, 413, 414, 415, 422})
_DATES: Final = ("source", "as_of", "cached", "reasoning_counted")


class Place(NamedTuple):
    """Where a call stands; without an answer it is to be put on the shelf.

    `alone`: nothing came of its batch, and it is made by itself.
    """

    target: str
    name: str
    price: Price | None
    body: bytes
    answer: Answer | None = None
    alone: bool = False


class Shelving:
    """What stands between a call and its target, where the target's policy lets calls go by its provider's batches."""

    def __init__(self, shelf: Shelf, clock: Clock) -> None:
        self._shelf = shelf
        self._clock = clock

    async def look(self, permit: Permit, left_s: float, *, before: bool, same_again: bool) -> Place | None:
        """Where a call stands. None: it is made by itself.

        Args:
            permit: what its target may see.
            left_s: seconds that are left for it.
            before: the request may have been here before.
            same_again: the view is made again in the same words, whoever makes it.

        Raises:
            Postponed: it waits for its answer.
        """
        if not isinstance(permit, Permit):
            raise ResidencyRefused("a call without a permit of the residency guard is not made")
        rules = permit.spec.batches
        if rules is None or permit.view.embed is not None:
            return None
        body = call_body(permit.view, Template(permit.spec), stream=False)
        name = name_of(permit.target, permit.view.idempotency_key)
        place = Place(permit.target, name, batch_price(permit.spec), body)
        if before:
            line = await self._shelf.line(permit.target, name)  # asked first: it goes when the answer has come
            answer = await self._shelf.answer(permit.target, name)
            if answer is not None or line is not None:
                return await self._known(place, line, answer)
        return place if same_again and left_s >= rules.least else None

    async def _known(self, place: Place, line: Line | None, answer: Answer | None) -> Place | None:
        if answer is None and line is not None:
            wait_s = line.until - self._clock.now()
            if wait_s > 0:
                raise _postponed(place.target, wait_s)
            if await self._shelf.give_up(place.target, place.name):
                return None
            answer = await self._shelf.answer(place.target, place.name)
        if answer is None or answer.given_up:
            return None
        if not _final(answer.status):
            return place._replace(alone=True)
        return place._replace(answer=answer) if answer.digest == digest_of(place.body) else None

    async def put(self, place: Place, bill: Bill, permit: Permit, rules: ProviderBatches) -> NoReturn:
        """Put a call on the shelf that is paid for, as far as it can be.

        Raises:
            Postponed: always. The request comes back when the answer is there, or when it is time to call without it.
        """
        now, deadline_at = self._clock.now(), bill.envelope.deadline_at
        line = Line(
            name=place.name,
            key=bill.envelope.key,
            until=min(deadline_at - rules.spare, now + rules.max_wait),
            deadline_at=deadline_at,
            at=now,
            endpoint=permit.spec.endpoint,
            digest=digest_of(place.body),
            body=place.body.decode(),
            charge=charge_of(bill, bill.purpose),
            price=place.price,
        )
        await self._shelf.put(place.target, line)
        raise _postponed(place.target, max(0.0, line.until - now))

    async def take(self, place: Place) -> None:
        """The answer is written down elsewhere."""
        await self._shelf.take(place.target, place.name)


def came(place: Place, permit: Permit) -> Completion:
    """The answer of a call.

    Raises:
        TargetRejected: the provider refused this line.
        TargetUnavailable: it sent something that is no answer.
    """
    answer, spec, wanted = place.answer, permit.spec, permit.view.logprobs
    if answer is None or answer.status != 200:
        status = answer.status if answer is not None else 0
        error = TargetRejected(f"target {place.target} refused a line of a batch (HTTP {status})")
        error.elsewhere_too = status in _OF_THE_REQUEST
        raise error
    top = max(1, Template(spec).top)
    scores = {} if wanted is None else {"alternatives": wanted, "top": top}
    try:
        return completion_of(answer, spec.model, spec.price, **scores)
    except MalformedAnswer as malformed:
        unreadable = TargetUnavailable(f"target {place.target} sent {malformed}")
        unreadable.charged = True
        raise unreadable from None


def completion_of(answer: Answer, model: str, price: Price | None, **scores: Any) -> Completion:
    """What a model answered. Raises `MalformedAnswer`."""
    collected = whole(answer.body.encode(), model, price, **scores)
    waited_ms = max(0.0, answer.answered_at - answer.at) * 1000
    made = collected.completion(latency_ms=waited_ms, first_token_ms=None, calls=1)
    return replace(made, provider_batch=answer.batch)


def batch_price(spec: Target) -> Price | None:
    """What a call costs this way; None where nobody knows what it costs at all."""
    if spec.price is None or spec.batches is None:
        return spec.price
    share = spec.batches.price_share
    prices = spec.price.model_dump(exclude=set(_DATES), exclude_none=True)
    return spec.price.model_copy(update={name: usd * share for name, usd in prices.items()})


def _final(status: int) -> bool:
    """Whether it is an answer. What failed at the provider, or came to nothing, is called by itself."""
    return status != 0 and status < 500 and status not in _LATER


def _postponed(target: str, wait_s: float) -> Postponed:
    return Postponed(f"the request waits for a batch of target {target}", rule=AT_PROVIDER, retry_after_s=wait_s)
