"""The short ways through the client of NATS, for what every request does many times.

Its own ways are right, and dear: each message that arrives passes a queue and a task of its own, and each header of one
that leaves is checked letter by letter. Here messages go to their reader as they are parsed, and what we wrote
ourselves is taken as it is. Whatever is not plain goes the client's own way.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping

from nats.aio.client import Client
from nats.aio.msg import Msg

__all__ = ["Straight", "listen", "post"]

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


async def listen(client: Client, subject: str, take: Callable[[Msg], None]) -> None:
    """Hand every message on `subject` to `take` while it is read; so `take` is short, and bounds what it keeps."""

    async def first(message: Msg) -> None:
        take(message)

    subscription = await client.subscribe(subject, cb=first, pending_bytes_limit=0)
    subscription._pending_queue = Straight(take)  # type: ignore[assignment]


async def post(
    client: Client, subject: str, body: bytes, reply: str = "", headers: Mapping[str, str] | None = None
) -> None:
    """Publish; subject, reply and headers are our own or the server's. Raises as `Client.publish` does."""
    head = b"" if headers is None else _head(headers)
    plain = head is not None and subject and _plain(subject) and _plain(reply)
    if not plain or not client.is_connected or client.is_draining_pubs or len(body) > client.max_payload:
        await client.publish(subject, body, reply=reply, headers=dict(headers) if headers else None)
        return
    if head:
        line = f"HPUB {subject} {reply} {len(head)} {len(head) + len(body)}\r\n".encode()
    else:
        line = f"PUB {subject} {reply} {len(body)}\r\n".encode()
    client.stats["out_msgs"] += 1
    client.stats["out_bytes"] += len(body)
    await client._send_command(b"".join((line, head or b"", body, b"\r\n")))
    queue = client._flush_queue
    if queue is not None and queue.empty():
        await client._flush_pending()


def _plain(subject: str) -> bool:
    """Whether it holds nothing that would end it, or the line; an empty one is told by the client."""
    return subject.isprintable() and " " not in subject


def _head(headers: Mapping[str, str]) -> bytes | None:
    """The headers as they travel; None: one of them is not plain."""
    if not headers:
        return b""
    lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
    text = "".join(["NATS/1.0\r\n", *lines, "\r\n"])
    if text.count("\n") != len(lines) + 2 or text.count("\r") != len(lines) + 2:
        return None
    return text.encode()
