"""Requests over kept connections, against a server that answers byte by byte what a test says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from yarl import URL

from pipeline.adapters.models.posting import Address, Posting

WHOLE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: 2\r\n\r\n{}"


class Server:
    """Answers each request with the next of some bytes, and keeps what it was sent."""

    def __init__(self, *answers: bytes) -> None:
        self._answers = list(answers)
        self.heads: list[str] = []
        self.bodies: list[bytes] = []
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while self._answers:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = int(head.lower().split("content-length: ")[1].split("\r\n")[0])
                self.heads.append(head)
                self.bodies.append(await reader.readexactly(length))
                writer.write(self._answers.pop(0))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def running(server: Server, page: str = "/v1/chat", **headers: str) -> AsyncIterator[tuple[Posting, Address]]:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    posting = Posting()
    try:
        yield posting, Address(URL(f"http://127.0.0.1:{port}{page}"), headers, 5.0)
    finally:
        await posting.close()
        listening.close()


async def read(posting: Posting, address: Address, body: bytes = b"{}", **headers: str) -> tuple[int, bytes]:
    async with await posting.post(address, headers, body) as response:
        return response.status, await response.read()


async def test_one_connection_serves_one_request_after_the_other() -> None:
    server = Server(WHOLE, WHOLE, WHOLE)
    async with running(server) as (posting, address):
        assert [await read(posting, address) for _ in range(3)] == [(200, b"{}")] * 3
    assert server.connections == 1


async def test_a_request_says_what_all_say_and_what_is_its_own() -> None:
    server = Server(WHOLE, WHOLE)
    async with running(server, "/v1/chat?api-version=2", Authorization="Bearer key") as (posting, address):
        await read(posting, address, b'{"a":1}', trace="one")
        await read(posting, address, b"", trace="two")
    first, second = server.heads
    lines = first.split("\r\n")
    assert lines[0] == "POST /v1/chat?api-version=2 HTTP/1.1"
    assert {"Authorization: Bearer key", "trace: one", "Content-Length: 7"} < set(lines)
    assert sum(line.lower().startswith("host: 127.0.0.1:") for line in lines) == 1
    assert sum(line.lower().startswith("content-length:") for line in lines) == 1
    assert "trace: two" in second
    assert server.bodies == [b'{"a":1}', b""]


async def test_an_answer_that_is_left_takes_its_connection_with_it() -> None:
    long = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
    server = Server(long, WHOLE)
    async with running(server) as (posting, address):
        async with await posting.post(address, {}, b"{}") as response:
            assert response.content_length == 100
        assert await read(posting, address) == (200, b"{}")
    assert server.connections == 2


async def test_word_that_an_answer_will_come_is_none() -> None:
    server = Server(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + WHOLE)
    async with running(server) as (posting, address), await posting.post(address, {}, b"{}") as response:
        assert (response.status, response.content_type) == (200, "application/json")
        assert await response.read() == b"{}"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"what is no HTTP\r\n\r\n", aiohttp.ClientResponseError),
        (b"", aiohttp.ServerDisconnectedError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", aiohttp.ClientPayloadError),
    ],
)
async def test_what_is_no_answer_is_an_error_of_the_client(answer: bytes, error: type[Exception]) -> None:
    async with running(Server(answer)) as (posting, address):
        with pytest.raises(error):
            await read(posting, address)


async def test_nobody_makes_two_headers_of_one() -> None:
    server = Server(WHOLE)
    async with running(server) as (posting, address):
        for value in ("a\r\nX: b", "a\nX: b", "a\rX: b"):
            with pytest.raises(aiohttp.ClientError):
                await posting.post(address, {"trace": value}, b"{}")
        assert await read(posting, address) == (200, b"{}")
    assert server.connections == 1


async def test_a_call_that_is_given_up_leaves_no_answer_to_the_next() -> None:
    server = Server(b"", WHOLE)
    async with running(server) as (posting, address):
        with pytest.raises((TimeoutError, aiohttp.ClientError)):
            async with asyncio.timeout(0.02):
                await read(posting, address)
        assert await read(posting, address) == (200, b"{}")
    assert server.connections == 2
