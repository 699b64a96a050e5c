"""A body is digested as it comes, in order, and no faster than it is digested."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from yarl import URL

from pipeline.adapters.models.hearing import Hearing
from pipeline.adapters.models.posting import Address, Posted, Posting

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


def part(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(body), body)


@asynccontextmanager
async def answering() -> AsyncIterator[tuple[Posted, asyncio.StreamWriter]]:
    """An answer that has begun, and who writes it."""
    lines: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD)
        lines.put_nowait(writer)

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    posting = Posting()
    address = Address(URL(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"), {}, 5.0)
    try:
        async with asyncio.timeout(10), await posting.post(address, {}, b"") as response:
            writer = await lines.get()
            try:
                yield response, writer
            finally:
                writer.close()
    finally:
        await posting.close()
        listening.close()


class Digest:
    """Keeps what it is given; the first piece with `slow` in it waits until it may go on."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.in_callback: list[bool] = []
        self.waits = asyncio.Event()
        self.may_go_on = asyncio.Event()
        self.came = asyncio.Event()

    async def __call__(self, piece: bytes) -> bool:
        self.taken.append(piece)
        self.in_callback.append(any(frame.function == "data_received" for frame in inspect.stack()))
        self.came.set()
        if piece.startswith(b"slow"):
            self.waits.set()
            await self.may_go_on.wait()
        if piece.startswith(b"bad"):
            raise LookupError("bad")
        return piece.endswith(b"enough")


async def until(digest: Digest, writer: asyncio.StreamWriter, body: bytes) -> None:
    """Send a part, and wait until it was taken."""
    digest.came.clear()
    writer.write(part(body))
    await digest.came.wait()


async def test_a_piece_is_digested_while_its_bytes_are_received() -> None:
    digest = Digest()
    async with answering() as (response, writer):
        hearing = Hearing(response, digest)
        task = asyncio.create_task(hearing.run())
        await asyncio.sleep(0)
        for body in (b"one", b"two", b"three"):
            await until(digest, writer, body)
        writer.write(END)
        await task
    assert digest.taken == [b"one", b"two", b"three"]
    assert all(digest.in_callback)
    assert not hearing.done


async def test_while_a_piece_has_to_wait_none_after_it_is_digested() -> None:
    digest = Digest()
    async with answering() as (response, writer):
        task = asyncio.create_task(Hearing(response, digest).run())
        await asyncio.sleep(0)
        writer.write(part(b"slow"))
        await digest.waits.wait()
        writer.write(part(b"after") + END)
        await asyncio.sleep(0.05)
        held = list(digest.taken)
        digest.may_go_on.set()
        await task
    assert held == [b"slow"]
    assert digest.taken == [b"slow", b"after"]


async def test_who_is_not_digested_is_not_read_much_further() -> None:
    digest = Digest()
    async with answering() as (response, writer):
        task = asyncio.create_task(Hearing(response, digest).run())
        await asyncio.sleep(0)
        writer.write(part(b"slow"))
        await digest.waits.wait()
        sent = 0
        while writer.transport.get_write_buffer_size() < 1_000_000:
            writer.write(part(bytes(100_000)))
            sent += 100_000
            await asyncio.sleep(0)
        await asyncio.sleep(0.05)
        unread = writer.transport.get_write_buffer_size()
        digest.may_go_on.set()
        writer.write(END)
        await task
    assert unread > 500_000
    assert sum(map(len, digest.taken)) == sent + len(b"slow")


async def test_who_wants_no_more_gets_no_more() -> None:
    digest = Digest()
    async with answering() as (response, writer):
        hearing = Hearing(response, digest)
        task = asyncio.create_task(hearing.run())
        await asyncio.sleep(0)
        writer.write(part(b"enough"))
        await task
        writer.write(part(b"more"))
        await asyncio.sleep(0.05)
    assert hearing.done
    assert digest.taken == [b"enough"]


async def test_what_digesting_raises_is_raised_and_nothing_follows() -> None:
    digest = Digest()
    async with answering() as (response, writer):
        task = asyncio.create_task(Hearing(response, digest).run())
        await asyncio.sleep(0)
        writer.write(part(b"bad"))
        with pytest.raises(LookupError):
            await task
        writer.write(part(b"more"))
        await asyncio.sleep(0.05)
    assert digest.taken == [b"bad"]


async def test_a_body_that_breaks_off_is_told() -> None:
    digest = Digest()
    async with answering() as (response, writer):
        task = asyncio.create_task(Hearing(response, digest).run())
        await asyncio.sleep(0)
        await until(digest, writer, b"one")
        writer.close()
        with pytest.raises(aiohttp.ClientError):
            await task
    assert digest.taken == [b"one"]


@pytest.mark.parametrize("wait", [None, b"slow"], ids=["between pieces", "in a piece"])
async def test_a_task_that_is_stopped_digests_no_more(wait: bytes | None) -> None:
    digest = Digest()
    async with answering() as (response, writer):
        task = asyncio.create_task(Hearing(response, digest).run())
        await asyncio.sleep(0)
        await until(digest, writer, wait or b"one")
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        digest.may_go_on.set()
        writer.write(part(b"more"))
        await asyncio.sleep(0.05)
    assert digest.taken == [wait or b"one"]


async def test_what_had_begun_when_the_task_was_stopped_is_ended() -> None:
    ended: list[bytes] = []

    async def digest(piece: bytes) -> bool:
        try:
            task.cancel()
            await asyncio.Event().wait()
        finally:
            ended.append(piece)
        return False

    async with answering() as (response, writer):
        task = asyncio.create_task(Hearing(response, digest).run())
        await asyncio.sleep(0)
        writer.write(part(b"one"))
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended == [b"one"]


async def test_what_came_before_anybody_heard_is_digested_first() -> None:
    digest = Digest()
    async with answering() as (response, writer):
        writer.write(part(b"early") + END)
        await asyncio.sleep(0.05)
        await Hearing(response, digest).run()
    assert digest.taken == [b"early"]


async def test_a_connection_that_goes_on_to_another_request_is_not_heard_any_more() -> None:
    heard: list[str] = []

    def hears(name: str) -> Callable[[], None]:
        return lambda: heard.append(name)

    async with answering() as (response, writer):
        response.hear(hears("first"))
        writer.write(part(b"all") + END)
        await asyncio.sleep(0.05)
        line = response._line
        response.hear(hears("late"))
    assert set(heard) == {"first"}
    assert line is None
