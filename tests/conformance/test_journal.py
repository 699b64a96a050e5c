"""What every journal promises, in memory and on a server."""

import asyncio

from decisions import attempt

from pipeline.adapters.journal import StreamJournal
from pipeline.ports import Link


async def test_a_step_that_was_never_written_is_not_recalled(link: Link) -> None:
    assert await StreamJournal(link.streams).recall("acme.r1", "draft-1") is None


async def test_what_was_written_is_recalled_whole(link: Link) -> None:
    journal = StreamJournal(link.streams)
    paid = attempt(1, cost_usd=None, text="Straße 7 \u2028 \U0001f98a", replayed=False)
    assert await journal.write("acme.r1", "draft-1", paid) == paid
    assert await journal.recall("acme.r1", "draft-1") == paid


async def test_the_first_one_written_counts(link: Link) -> None:
    journal = StreamJournal(link.streams)
    first, second = attempt(1, text="first"), attempt(1, text="second")
    await journal.write("acme.r1", "draft-1", first)
    assert await journal.write("acme.r1", "draft-1", second) == first
    assert await journal.recall("acme.r1", "draft-1") == first


async def test_of_many_written_at_once_one_counts_for_all(link: Link) -> None:
    journal = StreamJournal(link.streams)
    counted = await asyncio.gather(
        *[journal.write("acme.r1", "draft-1", attempt(1, text=f"writer {number}")) for number in range(10)]
    )
    assert len({each.text for each in counted}) == 1
    assert await journal.recall("acme.r1", "draft-1") == counted[0]


async def test_steps_and_requests_and_tenants_are_kept_apart(link: Link) -> None:
    journal = StreamJournal(link.streams)
    for key, step in (("acme.r1", "draft-1"), ("acme.r1", "draft-2"), ("acme.r2", "draft-1"), ("other.r1", "draft-1")):
        assert await journal.recall(key, step) is None
        await journal.write(key, step, attempt(1, text=f"{key} {step}"))
    recalled = await journal.recall("acme.r1", "draft-2")
    assert recalled is not None
    assert recalled.text == "acme.r1 draft-2"
