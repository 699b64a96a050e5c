"""Objects of JetStream, in the format that every NATS client reads and writes (ADR-20).

Read by direct gets over the shared inbox: no consumer, and so no permission to make one. Written piece by piece, each
confirmed before the next is sent, since their order is that of the stream.
"""

import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any, Final
from uuid import uuid4

import orjson

from pipeline.errors import TransportUnavailable
from pipeline.layout import OBJECT_BUCKETS
from pipeline.transport.nats.mux import Mux
from pipeline.transport.nats.streams import NatsStreams

__all__ = ["NatsObjects"]

PIECE: Final = 256 * 1024
AT_ONCE: Final = 16
"""Pieces asked for in one question."""
FRESH_S: Final = 1800.0
_DIGEST: Final = "SHA-256="


class NatsObjects:
    """A bucket of objects."""

    def __init__(self, mux: Mux, streams: NatsStreams, name: str) -> None:
        self._ages = any(spec.name == name and spec.max_age_s for spec in OBJECT_BUCKETS)
        self._mux = mux
        self._streams = streams
        self._name = name
        self._stream = f"OBJ_{name}"

    async def put(self, name: str, body: bytes) -> None:
        """Store `body` whole; see the port."""
        digest = _DIGEST + urlsafe_b64encode(sha256(body).digest()).decode()
        before = await self._info(name)
        if before is not None and (before["digest"], before["size"]) == (digest, len(body)) and self._lasts(before):
            return
        number = uuid4().hex
        pieces = [body[start : start + PIECE] for start in range(0, len(body), PIECE)]
        for index, piece in enumerate(pieces):
            await self._streams.confirmed(self._pieces(number), piece, {"Nats-Msg-Id": f"{number}.{index}"})
        await self._say(
            name,
            {
                "nuid": number,
                "size": len(body),
                "chunks": len(pieces),
                "digest": digest,
                "options": {"max_chunk_size": PIECE},
            },
        )
        if before is not None and not self._ages:
            await self._purge(str(before["nuid"]))

    def _lasts(self, info: dict[str, Any]) -> bool:
        """Whether what is stored will still be there for as long as whoever stores it now expects, but for an hour."""
        return not self._ages or time.time() - info["stored_at"] < FRESH_S

    async def get(self, name: str, *, most: int | None = None) -> bytes | None:
        """The bytes of `name`; see the port."""
        info = await self._info(name)
        if info is None or not _bounded(info, most):
            return None
        body, after = bytearray(), 0
        while len(body) < info["size"]:
            batch, _ = await self._streams.batch(self._stream, after + 1, self._pieces(str(info["nuid"])), AT_ONCE)
            if not batch:
                return None
            after = batch[-1].sequence
            for stored in batch:
                body += stored.body
        return bytes(body) if _DIGEST + urlsafe_b64encode(sha256(body).digest()).decode() == info["digest"] else None

    async def delete(self, name: str) -> bool:
        """Delete it, and with it the pieces."""
        before = await self._info(name)
        if before is None:
            return False
        nothing = {"nuid": before["nuid"], "size": 0, "chunks": 0, "digest": "", "deleted": True}
        await self._say(name, nothing)
        if not self._ages:
            await self._purge(str(before["nuid"]))
        return True

    async def names(self) -> AsyncIterator[str]:
        """The names of all objects."""
        after, more = 0, True
        while more:
            batch, more = await self._streams.batch(self._stream, after + 1, f"$O.{self._name}.M.>", 500)
            more = more and bool(batch)
            for stored in batch:
                after = stored.sequence
                info = _parsed(stored.body)
                if info is not None:
                    yield urlsafe_b64decode(stored.subject.rpartition(".")[2]).decode()

    # ------------------------------------------------------------ how

    def _pieces(self, number: str) -> str:
        return f"$O.{self._name}.C.{number}"

    def _about(self, name: str) -> str:
        return f"$O.{self._name}.M.{urlsafe_b64encode(name.encode()).decode()}"

    async def _info(self, name: str) -> dict[str, Any] | None:
        stored = await self._streams.newest(self._stream, self._about(name))
        info = None if stored is None else _parsed(stored.body)
        return None if info is None or stored is None else {**info, "stored_at": stored.at}

    async def _say(self, name: str, info: dict[str, object]) -> None:
        told = {"name": name, "bucket": self._name, "mtime": "0001-01-01T00:00:00Z", **info}
        await self._streams.confirmed(self._about(name), orjson.dumps(told), {"Nats-Rollup": "sub"})

    async def _purge(self, number: str) -> None:
        question = orjson.dumps({"filter": self._pieces(number)})
        answer = orjson.loads((await self._mux.request(f"$JS.API.STREAM.PURGE.{self._stream}", question)).data)
        if "error" in answer:
            raise TransportUnavailable(f"NATS did not delete the pieces of an object of {self._name}")


def _parsed(body: bytes) -> dict[str, Any] | None:
    """What is said of an object; None where it is deleted, or is a link, which we never make."""
    try:
        info = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    known = isinstance(info, dict) and isinstance(info.get("size"), int) and isinstance(info.get("nuid"), str)
    return info if known and not info.get("deleted") and isinstance(info.get("digest"), str) else None


def _bounded(info: dict[str, Any], most: int | None) -> bool:
    return most is None or 0 <= info["size"] <= most
