"""The short ways through the client of NATS, for what every request does many times.

Its own ways are right, and dear: each message that arrives passes a queue and a task of its own, and each header of one
that leaves is checked letter by letter. Here messages go to their reader as they are parsed, and what we wrote
ourselves is taken as it is. Whatever is not plain goes the client's own way.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.protocol.parser import AWAITING_CONTROL_LINE, Parser

__all__ = ["Reading", "Straight", "listen", "post", "put", "shorten"]

_log = logging.getLogger("stepwell.nats")


class Straight:
    """Stands in the place of a subscription's queue; nothing ever waits in it."""

    def __init__(self, take: Callable[[Msg], None]) -> None:
        self._take = take

    def put_nowait(self, message: Msg) -> None:
        """Hand it on. What its reader raises must not end the reading of the connection."""
        try:
            self._take(message)
        except Exception:  # noqa: BLE001 - whatever it is, the next message is another one
            _log.exception("a message was not taken")

    async def get(self) -> Msg:
        """Nothing ever comes this way."""
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

    def task_done(self) -> None:
        """Nothing is left to do."""

    def empty(self) -> bool:
        """Always."""
        return True

    def qsize(self) -> int:
        """None."""
        return 0

    async def join(self) -> None:
        """At once."""


class Reading(Parser):
    """Hands plain messages that somebody listens to straight on; whatever else comes is read as the client does."""

    async def parse(self, data: bytes = b"") -> None:
        """Read what came."""
        if self.state == AWAITING_CONTROL_LINE and not self.buf:
            data = self._plain(data)
            if not data:
                return
        await super().parse(data)

    def _plain(self, data: bytes) -> bytes:
        """Hand on the plain messages that `data` begins with; the rest of it."""
        start = 0
        while data.startswith(_BEGINS, start):
            end = self._one(data, start)
            if not end:
                break
            start = end
        return data[start:] if start else data

    def _one(self, data: bytes, start: int) -> int:
        """Hand on the message that begins here; where it ends, 0: it is not plain, nobody's, or not all there."""
        line = data.find(b"\r\n", start)
        words = data[start:line].split(b" ") if line > 0 else []
        headed = data[start] == _HEADED
        if not 4 + headed <= len(words) <= 5 + headed:
            return 0
        try:
            size, number, head = int(words[-1]), int(words[2]), int(words[-2]) if headed else 0
        except ValueError:
            return 0
        subscription, body = self.nc._subs.get(number), line + 2
        queue = None if subscription is None else subscription._pending_queue
        if type(queue) is not Straight or body + size + 2 > len(data):
            return 0
        headers = _headers(data[body : body + head]) if headed else None
        if headed and headers is None:
            return 0
        stats = self.nc.stats
        stats["in_msgs"] += 1
        stats["in_bytes"] += size - head
        reply = words[3].decode() if len(words) == 5 + headed else ""
        queue.put_nowait(Msg(self.nc, words[1].decode(), reply, data[body + head : body + size], headers))
        return body + size + 2


_BEGINS: Final = (b"MSG ", b"HMSG ")
_HEADED: Final = ord("H")
_VERSION: Final = b"NATS/1.0\r\n"


def _headers(head: bytes) -> dict[str, str] | None:
    """Headers as they mostly are; None: they are read as the client does."""
    if not head.startswith(_VERSION) or not head.isascii():
        return None
    headers = {}
    for line in head[len(_VERSION) : -4].decode().split("\r\n"):
        name, sign, value = line.partition(": ")
        if not sign or name in headers or line[0] in " \t":
            return None
        headers[name] = value.strip()
    return headers


def shorten(client: Client) -> None:
    """Let the client read the short way."""
    client._ps.__class__ = Reading


async def listen(client: Client, subject: str, take: Callable[[Msg], None]) -> Subscription:
    """Hand every message on `subject` to `take` while it is read; so `take` is short, and bounds what it keeps."""

    async def first(message: Msg) -> None:
        take(message)

    subscription = await client.subscribe(subject, cb=first, pending_bytes_limit=0)
    subscription._pending_queue = Straight(take)  # type: ignore[assignment]
    return subscription


async def post(
    client: Client, subject: str, body: bytes, reply: str = "", headers: Mapping[str, str] | None = None
) -> None:
    """Publish; subject, reply and headers are our own or the server's. Raises as `Client.publish` does."""
    if not put(client, subject, body, reply, headers):
        await client.publish(subject, body, reply=reply, headers=dict(headers) if headers else None)


def put(client: Client, subject: str, body: bytes, reply: str = "", headers: Mapping[str, str] | None = None) -> bool:
    """Publish without waiting, with what else is written at this moment. False: it has to go the client's own way."""
    if not (subject and _plain(subject) and (not reply or _plain(reply)) and _takes(client, len(body))):
        return False
    if headers:
        head = _head(headers)
        if head is None:
            return False
        line = f"HPUB {subject} {reply} {len(head)} {len(head) + len(body)}\r\n".encode()
        command = b"".join((line, head, body, b"\r\n"))
    else:
        command = b"".join((f"PUB {subject} {reply} {len(body)}\r\n".encode(), body, b"\r\n"))
    stats = client.stats
    stats["out_msgs"] += 1
    stats["out_bytes"] += len(body)
    client._pending.append(command)
    client._pending_data_size += len(command)
    if client._flush_queue.empty():  # type: ignore[union-attr]  # who is connected has one
        client._flush_queue.put_nowait(_NOBODY)  # type: ignore[union-attr, arg-type]
    return True


class _Nobody:
    """In place of somebody who waits for what is pending to be sent."""

    def done(self) -> bool:
        """Nobody has to be told."""
        return True


_NOBODY: Final = _Nobody()


def _takes(client: Client, size: int) -> bool:
    """Whether the client is connected, sends what is pending, and has room for so much more."""
    flusher = client._flusher_task
    return (
        client._status == Client.CONNECTED
        and flusher is not None
        and not flusher.done()
        and size <= client._max_payload
        and client._pending_data_size + size < client._max_pending_size
    )


def _plain(subject: str) -> bool:
    """Whether it holds nothing that would end it, or the line; an empty one is told by the client."""
    return subject.isprintable() and " " not in subject


def _head(headers: Mapping[str, str]) -> bytes | None:
    """The headers as they travel; None: one of them is not plain."""
    lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
    text = "".join(["NATS/1.0\r\n", *lines, "\r\n"])
    if text.count("\n") != len(lines) + 2 or text.count("\r") != len(lines) + 2:
        return None
    return text.encode()
