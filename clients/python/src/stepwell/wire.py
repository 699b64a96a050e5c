"""The connection: one inbox for all answers, large requests put aside, and what the server denies."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from base64 import urlsafe_b64encode
from collections.abc import AsyncGenerator
from hashlib import sha256
from typing import Any

import nats
from nats.aio.client import Client as NatsClient
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from stepwell.errors import NotPermitted, NoWorker, StepwellError, Unreachable, raise_for_body

__all__ = ["INLINE", "Answers", "Wire"]

INLINE = 917_504
"""Bytes that travel in a message themselves; what is larger lies in the bucket `bodies`."""
PIECE = 256 * 1024
CONFIRM_S = 5.0
BATCH = 256
_DENIED = re.compile(r"permissions violation for publish to [\"']?([^\"'\s]+)", re.IGNORECASE)


class Answers:
    """A request that was sent, and the messages that come back."""

    def __init__(self, wire: Wire, subject: str) -> None:
        self.subject = subject
        self.address, self._queue = wire.open(self)
        self._wire = wire

    async def next(self, timeout_s: float) -> Msg | None:
        """The next message; None when there was none within `timeout_s` seconds."""
        try:
            async with asyncio.timeout(timeout_s):
                found = await self._queue.get()
        except TimeoutError:
            return None
        if isinstance(found, StepwellError):
            raise found
        if found.headers and found.headers.get("Status") == "503":
            raise NoWorker(f"nobody listens on {self.subject}: is a worker running?", retry_after_s=1.0)
        message: Msg = found
        return message

    def close(self) -> None:
        """No more messages are wanted."""
        self._wire.forget(self.address)


class Wire:
    """A connection to NATS."""

    def __init__(self, client: NatsClient, prefix: str) -> None:
        self._client = client
        self._prefix = f"{prefix}.{uuid.uuid4().hex}."
        self._number = 0
        self._open: dict[str, tuple[Answers, asyncio.Queue[Any]]] = {}

    @classmethod
    async def connect(cls, servers: str | list[str], *, inbox_prefix: str, patience_s: float, **options: Any) -> Wire:
        """Connect.

        Raises:
            Unreachable: no server answers, or it refuses the credentials.
        """
        wires: list[Wire] = []
        seen: list[str] = []

        async def on_error(error: Exception) -> None:
            seen.append(str(error) or type(error).__name__)
            for wire in wires:
                wire.denied(str(error))

        options = {"allow_reconnect": True, "max_reconnect_attempts": -1, "reconnect_time_wait": 1, **options}
        try:
            async with asyncio.timeout(patience_s):
                client = await nats.connect(servers, error_cb=on_error, inbox_prefix=inbox_prefix.encode(), **options)
        except (NatsError, OSError, TimeoutError) as error:
            why = seen[-1] if seen else type(error).__name__
            raise Unreachable(f"no NATS server takes the connection: {why}") from None
        wire = cls(client, inbox_prefix)
        await client.subscribe(wire._prefix + "*", cb=wire._receive)
        wires.append(wire)
        return wire

    async def close(self) -> None:
        """Send what is left, and close."""
        try:
            await asyncio.wait_for(self._client.drain(), CONFIRM_S)
        except (NatsError, OSError, TimeoutError):
            await self._client.close()

    # ------------------------------------------------------------ messages

    def open(self, answers: Answers) -> tuple[str, asyncio.Queue[Any]]:
        """An address for answers."""
        self._number += 1
        address, queue = f"{self._prefix}{self._number}", asyncio.Queue[Any]()
        self._open[address] = (answers, queue)
        return address, queue

    def forget(self, address: str) -> None:
        """No more answers there."""
        self._open.pop(address, None)

    async def _receive(self, message: Msg) -> None:
        waiting = self._open.get(message.subject)
        if waiting is not None:
            waiting[1].put_nowait(message)

    def denied(self, said: str) -> None:
        """The server denied something: it says so apart from the request, which would otherwise only time out."""
        found = _DENIED.search(said)
        for answers, queue in list(self._open.values()) if found else []:
            if found is not None and answers.subject.lower() == found.group(1).lower():
                queue.put_nowait(NotPermitted(f"NATS denied publishing to {answers.subject} to this user"))

    async def send(self, subject: str, body: bytes, headers: dict[str, str] | None = None) -> Answers:
        """Send a request; its answers come to what is returned."""
        answers = Answers(self, subject)
        await self.publish(subject, body, headers, answers.address)
        return answers

    async def publish(self, subject: str, body: bytes, headers: dict[str, str] | None = None, reply: str = "") -> None:
        """Send a message."""
        try:
            await self._client.publish(subject, body, reply=reply, headers=headers or None)
        except (NatsError, OSError) as error:
            raise Unreachable(f"NATS is not connected ({type(error).__name__})") from None

    async def one(self, subject: str, body: bytes, headers: dict[str, str] | None, timeout_s: float) -> Msg | None:
        """Send a request and await its one answer; None: none came."""
        answers = await self.send(subject, body, headers)
        try:
            return await answers.next(timeout_s)
        finally:
            answers.close()

    async def parts(self, subject: str, body: bytes, timeout_s: float) -> bytes | None:
        """Ask for an answer in parts and put it together; None: one is missing, or they do not fit their digest."""
        answers = await self.send(subject, body, {"Stepwell-Parts": "1"})
        pieces: list[bytes] = []
        digest = None
        try:
            while (message := await answers.next(timeout_s)) is not None:
                if not message.data:
                    whole = b"".join(pieces)
                    return whole if sha256(whole).hexdigest() == digest else None
                headers = message.headers or {}
                if "Stepwell-Part" not in headers:
                    raise_for_body(json.loads(message.data))
                    return message.data
                if headers["Stepwell-Part"].partition("/")[0] != str(len(pieces) + 1):
                    return None
                digest = headers.get("Stepwell-Sha256")
                pieces.append(message.data)
        finally:
            answers.close()
        return None

    # ------------------------------------------------------------ what is large, what is recorded

    async def carried(self, tenant: str, request_id: str, body: bytes) -> bytes:
        """What travels in place of a request: itself, or a reference once it lies in the bucket."""
        if len(body) <= INLINE:
            return body
        name, number, digest = f"request.{tenant}.{request_id}", uuid.uuid4().hex, sha256(body)
        pieces = [body[start : start + PIECE] for start in range(0, len(body), PIECE)]
        for index, piece in enumerate(pieces):
            await self._stored(f"$O.bodies.C.{number}", piece, {"Nats-Msg-Id": f"{number}.{index}"})
        info = {
            "name": name,
            "bucket": "bodies",
            "nuid": number,
            "size": len(body),
            "chunks": len(pieces),
            "mtime": "0001-01-01T00:00:00Z",
            "digest": "SHA-256=" + urlsafe_b64encode(digest.digest()).decode(),
            "options": {"max_chunk_size": PIECE},
        }
        about = f"$O.bodies.M.{urlsafe_b64encode(name.encode()).decode()}"
        await self._stored(about, json.dumps(info).encode(), {"Nats-Rollup": "sub"})
        claim = {"name": name, "size": len(body), "sha256": digest.hexdigest()}
        return b'{"claim":' + json.dumps(claim).encode() + b"}"

    async def _stored(self, subject: str, body: bytes, headers: dict[str, str]) -> None:
        for _ in range(3):
            answer = await self.one(subject, body, headers, CONFIRM_S)
            if answer is not None and "error" not in (told := json.loads(answer.data)):
                return
            if answer is not None:
                raise Unreachable(f"NATS did not store a large request: {told['error'].get('description')}")
        raise Unreachable("NATS did not confirm a large request")

    async def stored(self, stream: str, subject: str, after: int) -> AsyncGenerator[tuple[int, bytes], None]:
        """The messages of a stream on `subject`, with their sequence numbers."""
        more = True
        while more:
            question = json.dumps({"seq": after + 1, "batch": BATCH, "next_by_subj": subject}).encode()
            answers = await self.send(f"$JS.API.DIRECT.GET.{stream}", question)
            more, found = False, False
            try:
                while (message := await answers.next(CONFIRM_S)) is not None:
                    headers = message.headers or {}
                    if "Nats-Sequence" not in headers:
                        more = found and headers.get("Nats-Num-Pending", "0") != "0"
                        break
                    found, after = True, int(headers["Nats-Sequence"])
                    yield after, message.data
                else:
                    raise Unreachable(f"NATS did not answer a read of {stream} in time")
            finally:
                answers.close()
