"""What any bucket of objects promises, in memory and on a server; NATS' own clients read and write the same."""

import asyncio
import os

import pytest
from servers import NatsServer, provisioned

from pipeline.ports import Link

SIZES = [0, 1, 256 * 1024, 256 * 1024 + 1, 3_000_000]


@pytest.mark.parametrize("size", SIZES)
async def test_what_is_put_is_got_whole(link: Link, size: int) -> None:
    objects, body = link.objects("bodies"), os.urandom(size)
    await objects.put("request.acme.r1", body)
    assert await objects.get("request.acme.r1") == body


async def test_what_was_never_put_is_none(link: Link) -> None:
    assert await link.objects("bodies").get("request.acme.none") is None
    assert not await link.objects("files").delete("none")


async def test_the_last_one_under_a_name_counts(link: Link) -> None:
    for bucket in ("files", "bodies"):
        objects = link.objects(bucket)
        await objects.put("a", b"first")
        await objects.put("a", b"second")
        await objects.put("a", b"second")
        assert await objects.get("a") == b"second"


async def test_more_than_is_wanted_is_not_fetched(link: Link) -> None:
    objects = link.objects("bodies")
    await objects.put("a", b"x" * 100)
    assert await objects.get("a", most=99) is None
    assert await objects.get("a", most=100) == b"x" * 100


async def test_what_is_deleted_is_gone_and_others_stay(link: Link) -> None:
    objects = link.objects("files")
    for name in ("f/1", "f/2", "ü ?"):
        await objects.put(name, name.encode())
    assert sorted([name async for name in objects.names()]) == ["f/1", "f/2", "ü ?"]
    assert await objects.delete("f/1")
    assert not await objects.delete("f/1")
    assert await objects.get("f/1") is None
    assert await objects.get("f/2") == b"f/2"
    assert sorted([name async for name in objects.names()]) == ["f/2", "ü ?"]


async def test_buckets_are_apart(link: Link) -> None:
    await link.objects("files").put("a", b"file")
    assert await link.objects("bodies").get("a") is None


async def test_of_many_written_at_once_one_is_whole(link: Link) -> None:
    objects, bodies = link.objects("bodies"), [bytes([number]) * 600_000 for number in range(4)]
    await asyncio.gather(*[objects.put("a", body) for body in bodies])
    assert await objects.get("a") in bodies


async def test_the_object_stores_of_nats_clients_are_the_same(nats: NatsServer) -> None:
    link = await provisioned(nats)
    theirs, ours, body = await link.jetstream.object_store("bodies"), link.objects("bodies"), os.urandom(700_000)
    await theirs.put("theirs", body)
    await ours.put("ours", body)
    assert await ours.get("theirs") == body
    assert (await theirs.get("ours")).data == body
    await link.close()


async def test_an_object_whose_pieces_were_changed_is_none(nats: NatsServer) -> None:
    link = await provisioned(nats)
    objects = link.objects("bodies")
    await objects.put("a", b"x" * 300_000)
    stored = await link.jetstream.get_msg("OBJ_bodies", 1)
    await link.jetstream.delete_msg("OBJ_bodies", 1)
    assert await objects.get("a") is None
    await link.client.publish(str(stored.subject), b"y" * (256 * 1024))
    assert await objects.get("a") is None
    await link.close()
