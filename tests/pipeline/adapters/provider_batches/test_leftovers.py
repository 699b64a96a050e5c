"""Calls whose requests have ended: not sent, or cancelled at the provider, or charged once; nothing stays set aside."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from fakes_money import budget, ledger, lines
from servers import NatsServer
from shelves import LINES, House, hang_after, house, killed, line

from pipeline.adapters.money.folding import Folder
from pipeline.adapters.money.memory import MemoryCounters
from pipeline.adapters.provider_batches.records import Answer
from pipeline.contracts import Cover, LedgerEntry, Usage
from pipeline.policy.models import Price
from pipeline.ports import Charge
from pipeline.topology import ledger_subject

HALF = Price.model_validate({"input": 1.0, "output": 4.0, "source": "test", "as_of": "2026-01-01"})
ALL = range(LINES)


def paid(number: int, here: House) -> Any:
    made = line(f"n{number}", "mini", here.server.url, here.clock.now())
    covered = replace(made.charge, covers=(Cover(budget="day", scope="tenant=t"),))
    return replace(made, charge=covered, price=HALF)


@pytest.fixture
async def here(nats: NatsServer) -> AsyncIterator[House]:
    """Seven calls lie on the shelf, and money is set aside for each."""
    async with house(nats, every=0.05) as built:
        money = ledger(MemoryCounters(), built.streams, built.clock, budget(usd=100.0))
        built.ledger = money
        for number in ALL:
            made = paid(number, built)
            assert await money.reserve(made.charge) is None
            await built.put(made)
        yield built
        await money.stop()


async def entries(here: House, kind: str) -> dict[str, LedgerEntry]:
    found = [entry for entry in await lines(here.streams) if entry.kind == kind]
    assert len({entry.attempt for entry in found}) == len(found)
    return {entry.attempt: entry for entry in found}


async def freed(here: House, count: int) -> None:
    """Nothing is set aside any more for so many calls, and no file is at the provider."""
    async with asyncio.timeout(10):
        while len(await entries(here, "release")) < count or (await here.shelf.known("small")).shelved.files:
            await asyncio.sleep(0.02)
    assert here.server.batches.files == {}


async def running(here: House) -> None:
    async with asyncio.timeout(10):
        while [file.state for file in (await here.shelf.known("small")).shelved.files] != ["running"]:
            await asyncio.sleep(0.01)


async def test_a_call_whose_request_has_ended_is_not_sent(here: House) -> None:
    await here.ends(0, 1, 2)
    await here.collector().start()
    await freed(here, 3)
    assert here.server.batches.uploads[0].count(b"\n") == LINES - 3
    assert await entries(here, "settle") == {}
    assert sorted(await here.answers()) == ["n3", "n4", "n5", "n6"], "those that wait have their answers"


async def test_a_file_of_which_all_requests_have_ended_is_not_sent_at_all(here: House) -> None:
    await here.ends(*ALL)
    await here.collector().start()
    await freed(here, LINES)
    assert here.server.batches.uploads == []
    assert await entries(here, "settle") == {}


async def test_a_batch_that_nobody_waits_for_is_cancelled_at_its_provider(here: House) -> None:
    here.server.batches.takes_s = 1000
    await here.collector().start()
    await running(here)
    await here.ends(*ALL)
    await freed(here, LINES)
    assert here.server.ledger.stats()["billed_total"] == 0
    assert await entries(here, "settle") == {}


async def test_a_batch_that_one_request_waits_for_goes_on_and_the_other_answers_are_charged(here: House) -> None:
    here.server.batches.takes_s = 0.5
    await here.collector().start()
    await running(here)
    await here.ends(0, 1, 2, 3, 4, 5)
    await freed(here, 6)
    assert here.server.ledger.stats()["billed_total"] == LINES
    assert sorted(await entries(here, "settle")) == [f"t.n{number}.draft-1-batch" for number in range(6)]
    assert list(await here.answers()) == ["n6"]


@pytest.mark.parametrize("part", ["reserve", "settle", "release"])
async def test_an_answer_that_nobody_takes_is_charged_once_whoever_dies_meanwhile(here: House, part: str) -> None:
    """It is an attempt of its own, at the price of batches, and not left until the deadline of its request."""
    first = here.collector()
    await first.start()
    await here.done()
    reached = hang_after(first._leftovers._ledger, part, 2)
    await here.ends(*ALL)
    await asyncio.wait_for(reached.wait(), 10)
    await killed(first)
    del vars(here.ledger)[part]
    here.clock.shift += 20
    await here.collector().start()
    await freed(here, LINES)
    settled = await entries(here, "settle")
    assert sorted(settled) == [f"t.n{number}.draft-1-batch" for number in ALL]
    for entry in settled.values():
        assert entry.usd == pytest.approx((entry.usage.input_tokens + entry.usage.output_tokens * 4) / 1_000_000)
        assert entry.usd


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize(("share", "charges"), [(1.0, 1), (2.0, 2)])
async def test_an_answer_that_was_paid_by_its_request_is_not_charged_again(
    here: House, share: float, charges: int, folded: bool
) -> None:
    """Its worker died before it took it from the shelf. A call that was made by itself as well costs its own price.

    So it is where its line of the ledger stands in a page by then.
    """
    await here.collector().start()
    answers = await here.done()
    answer: Answer = answers["n0"]
    charge: Charge | None = answer.charge
    assert charge is not None
    assert here.ledger is not None
    usage = Usage.model_validate({"input_tokens": 10, "output_tokens": 10})
    expected = (await cost_of(answer)) * share
    await here.ledger.settle(charge, expected, usage, estimated=False)
    if folded:
        folder = Folder(here.streams)
        await folder.remove(await folder.fold("traffic", [f"{charge.tenant}.{charge.request_id}"]))
        assert await here.streams.last(ledger_subject(charge.attempt, "settle")) is None
    await here.ends(0)
    async with asyncio.timeout(10):
        while "n0" in await here.answers():
            await asyncio.sleep(0.02)
    assert len(await entries(here, "settle")) == charges


async def cost_of(answer: Answer) -> float:
    from pipeline.adapters.provider_batches.leftovers import _usage
    from pipeline.policy.pricing import cost_usd

    usage = _usage(answer)
    assert usage is not None
    usd = cost_usd(usage, answer.price)
    assert usd
    return usd
