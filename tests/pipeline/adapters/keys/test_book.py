"""The copy of all keys follows the bucket, in memory and on a real server."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from keys_made import made
from servers import until

from pipeline.adapters.clock import SystemClock
from pipeline.adapters.keys import KeyBook, KeyStore
from pipeline.errors import IdempotencyConflict, NotFound
from pipeline.ports import Link


@pytest.fixture
async def book(link: Link) -> AsyncIterator[KeyBook]:
    followed = KeyBook(link.bucket("keys"), SystemClock(), flush_s=0.05)
    yield followed
    await followed.stop()


async def test_keys_that_are_there_are_known_when_it_has_begun_and_new_ones_at_once(link: Link, book: KeyBook) -> None:
    store = KeyStore(link.bucket("keys"))
    _, early = made()
    _, late = made()
    await store.add(early)
    assert not book.ready
    await book.start()
    assert book.ready
    assert book.find(early.id) == early
    await store.add(late)
    await until(lambda: book.find(late.id) == late)


async def test_a_key_that_is_revoked_is_known_as_such_within_a_second_in_every_process(link: Link) -> None:
    store = KeyStore(link.bucket("keys"))
    _, record = made()
    await store.add(record)
    books = [KeyBook(link.bucket("keys"), SystemClock()) for _ in range(3)]
    for book in books:
        await book.start()
    kept = book.find(record.id)
    assert kept is book.find(record.id)
    await store.change(record.id, lambda known: known.model_copy(update={"revoked_at": 1.0}))
    known = [lambda book=book: book.find(record.id).revoked_at == 1.0 for book in books]
    await until(lambda: all(one() for one in known), timeout_s=1.0)
    for book in books:
        await book.stop()


async def test_what_cannot_be_read_lets_nobody_in(link: Link, book: KeyBook, caplog: pytest.LogCaptureFixture) -> None:
    bucket = link.bucket("keys")
    _, record = made()
    await KeyStore(bucket).add(record)
    await book.start()
    with caplog.at_level(logging.WARNING):
        await bucket.put(f"key.{record.id}", b'{"id":"x"}')
        await until(lambda: book.find(record.id) is None)
    assert record.id in caplog.text
    _, other = made()
    await bucket.put(f"key.{record.id}", other.model_dump_json().encode())
    await asyncio.sleep(0.05)
    assert book.find(record.id) is None
    assert book.find(other.id) is None


async def test_a_watch_that_has_silently_ended_is_no_way_for_a_revoked_key_to_live_on(link: Link) -> None:
    bucket = link.bucket("keys")
    store = KeyStore(bucket)
    _, record = made()
    await store.add(record)

    class Deaf:
        """A bucket whose watch tells what is there, and then nothing."""

        async def watch(self, key: str | None = None) -> AsyncIterator[object]:
            async for entry in bucket.watch(key):
                yield entry
                if entry is None:
                    await asyncio.sleep(60)

    book = KeyBook(Deaf(), SystemClock(), anew_s=0.2)  # type: ignore[arg-type]
    await book.start()
    await store.change(record.id, lambda known: known.model_copy(update={"revoked_at": 1.0}))
    await until(lambda: book.find(record.id) is not None and book.find(record.id).revoked_at == 1.0)  # type: ignore[union-attr]
    await book.stop()


async def test_the_last_use_is_written_down_coarsely_and_off_the_way_of_requests(link: Link, book: KeyBook) -> None:
    store = KeyStore(link.bucket("keys"))
    _, record = made()
    await store.add(record)
    await book.start()
    for number in range(100):
        book.used(record.id, 1000.0 + number)
    async with asyncio.timeout(5):
        while await store.used_at(record.id) is None:
            await asyncio.sleep(0.02)
    assert await store.used_at(record.id) == 1099.0
    book.used(record.id, 1200.0)
    await asyncio.sleep(0.2)
    assert await store.used_at(record.id) == 1099.0
    assert [found.id for found in await store.all()] == [record.id]


async def test_changes_of_two_people_at_once_both_count(link: Link) -> None:
    store = KeyStore(link.bucket("keys"))
    _, record = made()
    await store.add(record)
    await asyncio.gather(
        store.change(record.id, lambda known: known.model_copy(update={"revoked_at": 1.0})),
        store.change(record.id, lambda known: known.model_copy(update={"name": "other"})),
    )
    found = await store.find(record.id)
    assert (found.revoked_at, found.name) == (1.0, "other")


async def test_a_key_is_found_by_its_id_or_by_a_name_that_one_alone_has(link: Link) -> None:
    store = KeyStore(link.bucket("keys"))
    one, two, three = (made(name=name)[1] for name in ("a", "b", "b"))
    for record in (one, two, three):
        await store.add(record)
    assert (await store.find("a")).id == (await store.find(one.id)).id == one.id
    for word in ("b", "c", "key.x", "*", ""):
        with pytest.raises(NotFound):
            await store.find(word)
    with pytest.raises(IdempotencyConflict):
        await store.add(one)
