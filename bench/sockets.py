"""HTTP from outside with as little as possible of our own: one socket, one request at a time, bytes as they come."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import orjson

__all__ = ["Pool", "question"]


def question(text: str, *, model: str = "auto", stream: bool = False) -> bytes:
    """The body of a chat completion."""
    return orjson.dumps({"model": model, "messages": [{"role": "user", "content": text}], "stream": stream})


class _Socket:
    """One connection that is kept alive."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def post(self, body: bytes, heard: Callable[[bytes], None]) -> None:
        """Post to the chat completions; `heard` gets the pieces of the answer. Raises where it is no 200."""
        head = "POST /v1/chat/completions HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        self._writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        told = await self._reader.readuntil(b"\r\n\r\n")
        if not told.startswith(b"HTTP/1.1 200"):
            raise RuntimeError((told + await self._reader.read(500)).decode())
        low = told.lower()
        if b"content-length: " in low:
            heard(await self._reader.readexactly(int(low.split(b"content-length: ")[1].split(b"\r\n")[0])))
            return
        while size := int(await self._reader.readline(), 16):
            heard((await self._reader.readexactly(size + 2))[:-2])
        await self._reader.readline()

    def close(self) -> None:
        self._writer.close()


@dataclass
class Pool:
    """As many connections to one port as there are requests at a time."""

    port: int
    free: list[_Socket] = field(default_factory=list)

    async def post(self, body: bytes, heard: Callable[[bytes], None]) -> None:
        """Post on a connection that is free."""
        socket = self.free.pop() if self.free else None
        if socket is None:
            socket = _Socket(*await asyncio.open_connection("127.0.0.1", self.port, limit=2**20))
        try:
            await socket.post(body, heard)
        except BaseException:
            socket.close()
            raise
        self.free.append(socket)

    def close(self) -> None:
        """Close all."""
        for socket in self.free:
            socket.close()


@contextlib.asynccontextmanager
async def pool(port: int) -> AsyncIterator[Pool]:
    """A pool that is closed with the block."""
    made = Pool(port)
    try:
        yield made
    finally:
        made.close()
