"""What every store of replies promises, in memory and on a server."""

import asyncio

from decisions import reply

from pipeline.adapters.results import StreamResults
from pipeline.ports import Link


async def test_a_reply_that_is_not_there_yet_is_none(link: Link) -> None:
    assert await StreamResults(link.streams).get("acme", "r1") is None


async def test_a_stored_reply_is_fetched_whole(link: Link) -> None:
    """Also what is null on purpose: an unknown cost does not turn into a cost of nothing."""
    results = StreamResults(link.streams)
    given = reply(cost_usd=None, parsed={"price": None, "tags": ["a", None]})
    assert await results.put(given) == given
    assert await results.get("acme", "r1") == given


async def test_the_first_final_reply_counts(link: Link) -> None:
    results = StreamResults(link.streams)
    first, second = reply(content="first"), reply(content="second")
    await results.put(first)
    assert await results.put(second) == first
    assert await results.get("acme", "r1") == first


async def test_a_final_reply_takes_the_place_of_a_provisional_one(link: Link) -> None:
    results = StreamResults(link.streams)
    waiting, final = reply(status="failed", content=None, provisional=True), reply(content="after all")
    await results.put(waiting)
    assert await results.put(final) == final
    assert await results.get("acme", "r1") == final


async def test_a_provisional_reply_never_takes_the_place_of_another(link: Link) -> None:
    results = StreamResults(link.streams)
    final, late = reply(content="final"), reply(status="failed", provisional=True)
    await results.put(final)
    assert await results.put(late) == final
    other = reply("r2", status="failed", provisional=True)
    await results.put(other)
    assert await results.put(reply("r2", status="failed", provisional=True, attempts=5)) == other


async def test_of_many_stored_at_once_one_counts_for_all(link: Link) -> None:
    results = StreamResults(link.streams)
    await results.put(reply(status="failed", provisional=True))
    counted = await asyncio.gather(*[results.put(reply(content=f"writer {number}")) for number in range(5)])
    assert len({each.content for each in counted}) == 1
    assert await results.get("acme", "r1") == counted[0]


async def test_tenants_are_kept_apart(link: Link) -> None:
    results = StreamResults(link.streams)
    await results.put(reply())
    assert await results.get("other", "r1") is None
