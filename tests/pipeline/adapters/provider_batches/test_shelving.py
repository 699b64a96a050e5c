"""A call is put on the shelf, and its request finds there what came of it."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from cascade import FakeClock, envelope
from fakes_ledger import FakeLedger
from fakes_models import permitted, target
from fakes_money import charge

from pipeline.adapters.provider_batches.leftovers import Leftovers
from pipeline.adapters.provider_batches.records import Answer, answer_to
from pipeline.adapters.provider_batches.shelf import Shelf
from pipeline.adapters.provider_batches.shelving import Place, Shelving, batch_price, came
from pipeline.contracts import Cover
from pipeline.disclosure.guard import Permit
from pipeline.errors import Postponed, TargetRejected, TargetUnavailable
from pipeline.policy.models import Price, ProviderBatches
from pipeline.transport.memory import MemoryLink

PRICE = {"input": 2.0, "output": 8.0, "cached_input": 1.0, "source": "test", "as_of": "2026-01-01"}
RULES = ProviderBatches(least=100.0, spare=10.0, max_wait=500.0)


class Desk:
    """A shelf, and who puts calls there."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.shelf = Shelf(MemoryLink().streams)
        self.shelving = Shelving(self.shelf, self.clock)

    async def look(self, permit: Permit, *, before: bool = True, left_s: float = 1000.0, again: bool = True) -> Any:
        return await self.shelving.look(permit, left_s, before=before, same_again=again)

    async def put(self, permit: Permit) -> Place:
        place = await self.look(permit, before=False)
        assert isinstance(place, Place)
        asked = envelope(deadline_at=self.clock.now() + 1000, lane="batch")
        bill: Any = SimpleNamespace(
            envelope=asked, rung=SimpleNamespace(variant="a", target="a"), step="draft-1", stage="draft",
            purpose="draft", usd=0.1, size=SimpleNamespace(tokens=10), policy=None,
        )  # fmt: skip
        with pytest.raises(Postponed) as caught:
            await self.shelving.put(place, bill, permit, RULES)
        assert caught.value.retry_after_s == pytest.approx(500.0)
        return place

    async def answer(self, place: Place, status: int, body: str = "") -> None:
        line = await self.shelf.line("a", place.name)
        assert line is not None
        answer = answer_to(line, status, body, "batch_1", self.clock.now())
        assert await self.shelf.answered("a", place.name, answer)
        await self.shelf.remove("a", place.name)


def a_permit(key: str = "t.r1.draft-1", **others: Any) -> Permit:
    return permitted("a", target("m", price=PRICE, batches=RULES.model_dump()), key=key, **others)


def completion(text: str = "Paris") -> str:
    message = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop", "index": 0}
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    return orjson.dumps({"model": "m", "choices": [message], "usage": usage}).decode()


async def test_a_request_that_comes_back_too_early_waits_on_and_is_on_the_shelf_once() -> None:
    """Also one whose worker died after it had put the call there."""
    desk = Desk()
    place = await desk.put(a_permit())
    desk.clock.time += 100
    with pytest.raises(Postponed) as caught:
        await desk.look(a_permit())
    assert caught.value.retry_after_s == pytest.approx(400.0)
    await desk.put(a_permit())
    assert [line.name async for _, line in desk.shelf.lines("a", 0)] == [place.name]


async def test_the_answer_takes_the_place_of_the_call() -> None:
    desk = Desk()
    place = await desk.put(a_permit())
    desk.clock.time += 60
    await desk.answer(place, 200, completion())
    found = await desk.look(a_permit(), left_s=1.0)
    made = came(found, a_permit())
    assert (made.text, made.provider_batch, made.latency_ms) == ("Paris", "batch_1", 60_000.0)
    await desk.shelving.take(found)
    assert await desk.shelf.answer("a", place.name) is None


async def test_who_has_waited_long_enough_calls_by_itself_and_an_answer_after_that_is_nobodys() -> None:
    desk = Desk()
    place = await desk.put(a_permit())
    desk.clock.time += 501
    assert await desk.look(a_permit()) is None
    assert await desk.look(a_permit()) is None, "whoever delivers it again decides the same"
    assert not await desk.shelf.answered("a", place.name, Answer(status=200))


async def test_an_answer_in_the_last_moment_counts() -> None:
    desk = Desk()
    place = await desk.put(a_permit())
    line = await desk.shelf.line("a", place.name)
    assert line is not None
    await desk.shelf.answered("a", place.name, answer_to(line, 200, completion(), "b", desk.clock.now()))
    desk.clock.time += 501
    assert (await desk.look(a_permit())).answer.status == 200


@pytest.mark.parametrize("status", [0, 408, 429, 500, 503])
async def test_what_failed_at_the_provider_is_called_by_itself(status: int) -> None:
    desk = Desk()
    await desk.answer(await desk.put(a_permit()), status)
    assert (await desk.look(a_permit())).alone


@pytest.mark.parametrize(("status", "alike"), [(400, True), (422, True), (401, False), (404, False)])
async def test_what_the_provider_refused_is_refused_as_a_call_is(status: int, alike: bool) -> None:
    """What is about the request would be refused elsewhere too; the rest is for the fallbacks of its tier."""
    desk = Desk()
    await desk.answer(await desk.put(a_permit()), status)
    with pytest.raises(TargetRejected) as caught:
        came(await desk.look(a_permit()), a_permit())
    assert caught.value.elsewhere_too is alike


async def test_an_answer_that_is_none_may_be_charged() -> None:
    desk = Desk()
    await desk.answer(await desk.put(a_permit()), 200, "{}")
    with pytest.raises(TargetUnavailable) as caught:
        came(await desk.look(a_permit()), a_permit())
    assert caught.value.charged


async def test_an_answer_to_other_words_than_would_be_sent_now_is_not_used() -> None:
    desk = Desk()
    await desk.answer(await desk.put(a_permit(input="one")), 200, completion())
    assert await desk.look(a_permit(input="another")) is None


async def test_who_is_in_a_hurry_or_cannot_be_asked_the_same_again_never_waits() -> None:
    desk = Desk()
    assert await desk.look(a_permit(), left_s=99.0) is None
    assert await desk.look(a_permit(), again=False) is None
    assert await desk.look(permitted("a", target("m"))) is None, "its target has no batches"


def test_the_price_is_a_share_of_every_part_of_the_price() -> None:
    spec = target("m", price=PRICE, batches={"price_share": 0.5})
    price = batch_price(spec)
    assert price == Price(input=1.0, output=4.0, cached_input=0.5, source="test", as_of="2026-01-01")
    assert batch_price(spec.model_copy(update={"price": None})) is None


# ---------------------------------------------------------------- what nobody took


class Wakes:
    def __init__(self) -> None:
        self.woken: list[str] = []

    def add(self, key: str) -> None:
        self.woken.append(key)


async def swept(desk: Desk, after_s: float) -> tuple[FakeLedger, list[str]]:
    place = await desk.put(a_permit())
    await desk.answer(place, 200, completion())
    answer = await desk.shelf.answer("a", place.name)
    assert answer is not None
    paid = charge(1, covers=(Cover(budget="day", scope="s"),))
    await desk.shelf.take("a", place.name)
    await desk.shelf.answered("a", place.name, replace(answer, charge=paid))
    ledger, wakes = FakeLedger(), Wakes()
    waker: Any = wakes
    given: Any = ledger
    desk.clock.time += after_s
    await Leftovers(desk.shelf, waker, given, desk.clock).sweep("a")
    return ledger, wakes.woken


async def test_who_was_not_woken_is_woken_again() -> None:
    desk = Desk()
    await desk.shelf.streams.append("step.later.batch.draft.default.r1.4.1", b"{}")
    ledger, woken = await swept(desk, 0.0)
    assert woken == ["default.r1"]
    assert not ledger.settled


async def test_what_nobody_took_is_charged_at_the_price_of_batches_and_frees_what_was_set_aside() -> None:
    desk = Desk()
    ledger, woken = await swept(desk, 1100.0)
    assert not woken
    own = charge(1).attempt
    ((name, (usd, _, estimated)),) = ledger.settled.items()
    assert (name, estimated) == (f"{own}-batch", False)
    assert usd == pytest.approx((100 * 1.0 + 10 * 4.0) / 1_000_000)
    assert ledger.charges[name].free == {"day"}, "no budget can refuse what was made already"
    assert ("release", own, None) in ledger.lines
    assert [each async for each in desk.shelf.answers("a")] == []
