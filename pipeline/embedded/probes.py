"""Whether a part answers, asked in the plainest way it understands. A probe never raises."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

__all__ = ["Probe", "connected", "fetch", "http_ok", "valkey_pong"]

Probe = Callable[[], Awaitable[bool]]
_PATIENCE_S: Final = 2.0


def http_ok(url: str) -> Probe:
    """A GET of `url` answers 200."""

    async def probe() -> bool:
        answer = await fetch(url)
        return answer is not None and answer[0] == 200

    return probe


def valkey_pong(port: int) -> Probe:
    """Valkey on this machine answers PING."""

    async def probe() -> bool:
        return (await _exchange("127.0.0.1", port, b"PING\r\n", 7)).startswith(b"+PONG")

    return probe


def connected(monitor: int, name: str) -> Probe:
    """A client of this name is connected to nats-server, as its monitoring page tells."""

    async def probe() -> bool:
        answer = await fetch(f"http://127.0.0.1:{monitor}/connz?limit=1024")
        if answer is None or answer[0] != 200:
            return False
        return any(client.get("name") == name for client in json.loads(answer[1]).get("connections", ()))

    return probe


async def fetch(url: str, timeout_s: float = _PATIENCE_S) -> tuple[int, bytes] | None:
    """Status and body of a GET over plain HTTP; None when nobody answers in time."""
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    question = f"GET {path} HTTP/1.0\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode()
    answer = await _exchange(parts.hostname or "", parts.port or 80, question, -1, timeout_s)
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(maxsplit=2)
    if len(words) < 2 or not words[1].isdigit():
        return None
    return int(words[1]), body


async def _exchange(host: str, port: int, question: bytes, size: int, timeout_s: float = _PATIENCE_S) -> bytes:
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(question)
                return await (reader.read(-1) if size < 0 else reader.readexactly(size))
            except asyncio.IncompleteReadError as error:
                return error.partial
            finally:
                writer.close()
    return b""
