"""Durable streams and buckets of a NATS server, behind the ports. Only a confirmation counts as stored."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.client import JetStreamContext
from nats.js.errors import (
    APIError,
    InvalidKeyError,
    KeyNotFoundError,
    KeyWrongLastSequenceError,
    NoKeysError,
    NotFoundError,
)
from nats.js.kv import KeyValue

from pipeline.errors import TransportUnavailable
from pipeline.layout import stream_of
from pipeline.ports import Appended, Conflict, Entry, Stored
from pipeline.transport.claims import INLINE, Claims
from pipeline.transport.nats.mux import Mux, status_of

__all__ = ["NatsBucket", "NatsStreams"]

_log = logging.getLogger("stepwell.nats")

CONFIRM_S: Final = 2.0
"""How long to wait for one confirmation before the same bytes are sent again."""
TRIES: Final = 6
PAUSES_S: Final = (0.05, 0.2, 0.5, 1.0, 2.0)
WRONG_LAST_SEQUENCE: Final = (10071, 10164)
NO_SUCH_MESSAGE: Final = 10057
NO_SCHEDULES: Final = 10188
NO_RESPONDERS: Final = "503"
TOO_MANY: Final = "413"
SCAN_BATCH: Final = 500


class NatsStreams:
    """Streams of JetStream."""

    def __init__(self, mux: Mux, jetstream: JetStreamContext) -> None:
        self._mux = mux
        self._jetstream = jetstream
        self.claims: Claims | None = None
        """Where bodies lie that are too large for a message."""

    async def append(
        self, subject: str, body: bytes, *, once: str | None = None, expected: int | None = None
    ) -> Appended:
        """Append; see the port. Sent again until confirmed, which is safe: the server recognises a repetition."""
        if self.claims is not None and len(body) > INLINE:
            body = await self.claims.stored(subject, body)
        return await self.confirmed(subject, body, _append_headers(once, expected))

    async def schedule(
        self, subject: str, body: bytes, *, once: str, target: str, at: float, expected: int | None = None
    ) -> Appended:
        """Store `body` on `subject` until `at` (Unix time by the server's clock); the server then moves it to `target`.

        `subject` and `target` belong to one stream, and there is one message to a subject (NATS ADR-51): a later one
        takes its place; with `expected` only that of this sequence.
        """
        when = datetime.fromtimestamp(at, UTC).strftime("@at %Y-%m-%dT%H:%M:%S.%fZ")
        headers = _append_headers(once, expected) or {}
        return await self.confirmed(subject, body, {**headers, "Nats-Schedule": when, "Nats-Schedule-Target": target})

    async def confirmed(self, subject: str, body: bytes, headers: dict[str, str] | None) -> Appended:
        """Store these bytes, with these headers; sent again until that is confirmed."""
        for attempt in range(TRIES):
            try:
                answer = await self._mux.request(subject, body, headers=headers, timeout_s=CONFIRM_S)
                return _appended(answer, subject)
            except Conflict:
                if attempt:
                    return await self._own(subject, body)
                raise
            except TransportUnavailable as error:
                if attempt == TRIES - 1:
                    raise
                _log.warning("append to %s: %s; sending again", stream_of(subject), error.message)
                await asyncio.sleep(PAUSES_S[attempt])
        raise AssertionError("the last try returned or raised")

    async def _own(self, subject: str, body: bytes) -> Appended:
        """After a repetition, the conflicting message may be our own first try."""
        stored = await self.newest(stream_of(subject), subject)
        if stored is None or stored.body != body:
            raise Conflict(subject)
        return Appended(stored.sequence, duplicate=True)

    async def last(self, subject: str) -> Stored | None:
        """The newest message on `subject`."""
        return await self._whole(await self.newest(stream_of(subject), subject))

    async def newest(self, stream: str, subject: str) -> Stored | None:
        """The newest message on `subject` as it is stored, were it a reference."""
        return await self._direct(stream, {"last_by_subj": subject})

    async def at(self, stream: str, sequence: int) -> Stored | None:
        """The message with this sequence number."""
        return await self._whole(await self._direct(stream, {"seq": sequence}))

    async def following(self, stream: str, sequence: int) -> Stored | None:
        """The first message with this sequence number or a higher one."""
        return await self._whole(await self._direct(stream, {"seq": sequence, "next_by_subj": ">"}))

    async def newest_of(self, stream: str, patterns: Sequence[str]) -> list[Stored]:
        """The newest message on each subject that matches; see the port. Asked again by halves where it is too much."""
        if not patterns:
            return []
        found, whole = await self._many(stream, {"multi_last": list(patterns)})
        if not whole and len(patterns) == 1:
            raise TransportUnavailable(f"NATS has too much for one read of {stream}")
        if not whole:
            half = len(patterns) // 2
            parts = [await self.newest_of(stream, part) for part in (patterns[:half], patterns[half:])]
            return sorted((stored for part in parts for stored in part), key=lambda stored: stored.sequence)
        return [each for stored in found if (each := await self._whole(stored)) is not None]

    async def _whole(self, stored: Stored | None) -> Stored | None:
        """The message with its body, wherever that lies; None once the body is gone."""
        if stored is None or self.claims is None:
            return stored
        body = await self.claims.collect(stored.body)
        if body is stored.body:
            return stored
        return None if body is None else replace(stored, body=body)

    async def _direct(self, stream: str, question: dict[str, object]) -> Stored | None:
        answer = await self._mux.request(f"$JS.API.DIRECT.GET.{stream}", orjson.dumps(question))
        return _stored(answer)

    async def scan(self, stream: str, *, after: int = 0, subject: str | None = None) -> AsyncIterator[Stored]:
        """All messages after `after` up to what is stored now, fetched by the hundreds through direct get."""
        cursor = after + 1
        while True:
            batch, more = await self.batch(stream, cursor, subject or ">")
            for stored in batch:
                whole = await self._whole(stored)
                if whole is not None:
                    yield whole
            if not batch or not more:
                return
            cursor = batch[-1].sequence + 1

    async def batch(self, stream: str, first: int, subject: str, most: int = SCAN_BATCH) -> tuple[list[Stored], bool]:
        """Up to `most` messages from `first` on as they are stored, and whether there are more."""
        found, whole = await self._many(stream, {"seq": first, "batch": most, "next_by_subj": subject})
        return found, not whole

    async def _many(self, stream: str, question: dict[str, object]) -> tuple[list[Stored], bool]:
        """The messages of one direct get as they are stored, and whether these are all."""
        queue: asyncio.Queue[Msg] = asyncio.Queue()
        address = self._mux.open(queue.put_nowait)
        found: list[Stored] = []
        try:
            await self._mux.send(f"$JS.API.DIRECT.GET.{stream}", orjson.dumps(question), address)
            while True:
                message = await asyncio.wait_for(queue.get(), CONFIRM_S)
                stored = _stored(message)
                if stored is None:
                    headers = message.headers or {}
                    many = headers.get("Status") == TOO_MANY or headers.get("Nats-Num-Pending", "0") != "0"
                    return found, not many
                found.append(stored)
        except TimeoutError:
            raise TransportUnavailable(f"NATS did not answer a read of {stream} in time") from None
        finally:
            self._mux.close(address)

    async def subjects(self, stream: str, pattern: str) -> set[str]:
        """The subjects of all messages that match, page by page as the server tells them."""
        found: set[str] = set()
        offset = 0
        while True:
            question = orjson.dumps({"subjects_filter": pattern, "offset": offset})
            answer = await self._mux.request(f"$JS.API.STREAM.INFO.{stream}", question, timeout_s=CONFIRM_S)
            told: dict[str, Any] = orjson.loads(answer.data or b"{}")
            if "state" not in told:
                raise TransportUnavailable(f"NATS did not say what is in {stream}: run `stepwell provision`")
            page = told["state"].get("subjects") or {}
            found.update(page)
            offset += len(page)
            if not page or offset >= told.get("total", 0):
                return found

    async def delete(self, stream: str, sequence: int) -> bool:
        """Delete one message where the stream permits it."""
        try:
            return bool(await self._jetstream.delete_msg(stream, sequence))
        except NotFoundError:
            return False
        except APIError as error:
            if error.err_code == NO_SUCH_MESSAGE:
                return False
            raise TransportUnavailable(f"NATS did not delete message {sequence} of {stream}: {error}") from None
        except (NatsError, OSError) as error:
            raise TransportUnavailable(f"could not delete message {sequence} of {stream}: {error}") from None

    async def purge(self, subject: str, *, upto: int | None = None) -> None:
        """Delete every message on `subject` where the stream permits it; see the port."""
        stream = stream_of(subject)
        asked: dict[str, object] = {"filter": subject} if upto is None else {"filter": subject, "seq": upto + 1}
        answer = await self._mux.request(f"$JS.API.STREAM.PURGE.{stream}", orjson.dumps(asked), timeout_s=CONFIRM_S)
        trouble = orjson.loads(answer.data or b"{}").get("error")
        if trouble is not None or status_of(answer) == NO_RESPONDERS:
            why = trouble.get("description") if trouble is not None else "nobody answers"
            raise TransportUnavailable(f"NATS did not purge a subject of {stream}: {why}")


def _append_headers(once: str | None, expected: int | None) -> dict[str, str] | None:
    headers: dict[str, str] = {}
    if once is not None:
        headers["Nats-Msg-Id"] = once
    if expected is not None:
        headers["Nats-Expected-Last-Subject-Sequence"] = str(expected)
    return headers or None


def _appended(answer: Msg, subject: str) -> Appended:
    if status_of(answer) == NO_RESPONDERS:
        raise TransportUnavailable(f"no stream takes {subject.partition('.')[0]}.>: is NATS ready and provisioned?")
    confirmation: dict[str, Any] = orjson.loads(answer.data)
    trouble = confirmation.get("error")
    if trouble is None:
        return Appended(confirmation["seq"], bool(confirmation.get("duplicate", False)))
    if trouble.get("err_code") in WRONG_LAST_SEQUENCE:
        raise Conflict(subject)
    if trouble.get("err_code") == NO_SCHEDULES:
        raise TransportUnavailable(f"{stream_of(subject)} keeps nothing for later yet: run `stepwell provision`")
    raise TransportUnavailable(f"NATS refused to store: {trouble.get('description')}")


def _stored(answer: Msg) -> Stored | None:
    headers = answer.headers or {}
    status = headers.get("Status")
    if status == NO_RESPONDERS:
        raise TransportUnavailable("no such stream, or NATS is not ready: run `stepwell provision`")
    if status is not None or "Nats-Sequence" not in headers:
        return None
    at = datetime.fromisoformat(headers["Nats-Time-Stamp"][:26].rstrip("Z") + "+00:00").timestamp()
    return Stored(headers["Nats-Subject"], int(headers["Nats-Sequence"]), answer.data, at)


class NatsBucket:
    """A key-value bucket of JetStream."""

    def __init__(self, jetstream: JetStreamContext, name: str) -> None:
        self._jetstream = jetstream
        self._name = name
        self._store: KeyValue | None = None

    async def _bucket(self) -> KeyValue:
        if self._store is None:
            try:
                self._store = await self._jetstream.key_value(self._name)
            except (NatsError, OSError) as error:
                raise TransportUnavailable(
                    f"bucket {self._name} cannot be opened ({type(error).__name__}): run `stepwell provision`"
                ) from None
        return self._store

    async def get(self, key: str) -> Entry | None:
        """The value of `key`."""
        try:
            entry = await (await self._bucket()).get(key)
        except (KeyNotFoundError, InvalidKeyError):  # what cannot be a key has no value
            return None
        except (TimeoutError, NatsError, OSError) as error:
            raise self._unread(error) from None
        return Entry(key, entry.value or b"", entry.revision or 0)

    async def put(self, key: str, value: bytes, *, expected: int | None = None) -> int:
        """Write; see the port."""
        bucket = await self._bucket()
        try:
            if expected is None:
                return await bucket.put(key, value)
            return await bucket.update(key, value, last=expected)
        except KeyWrongLastSequenceError:
            raise Conflict(key) from None
        except (TimeoutError, NatsError, OSError) as error:
            why = f"NATS did not confirm a write to bucket {self._name} ({type(error).__name__})"
            raise TransportUnavailable(why) from None

    async def keys(self) -> tuple[str, ...]:
        """All keys, each once: one that is written meanwhile is told twice."""
        try:
            return tuple(dict.fromkeys(await (await self._bucket()).keys()))
        except NoKeysError:
            return ()
        except (TimeoutError, NatsError, OSError) as error:
            raise self._unread(error) from None

    async def watch(self, key: str | None = None) -> AsyncIterator[Entry | None]:
        """Present values, None, then changes."""
        bucket = await self._bucket()
        try:
            watcher = await bucket.watch(key or ">")
        except (TimeoutError, NatsError, OSError) as error:
            raise self._unread(error) from None
        try:
            while True:
                try:
                    entry = await watcher.updates(timeout=3600.0)
                except TimeoutError:
                    continue
                yield None if entry is None else Entry(entry.key, entry.value or b"", entry.revision or 0)
        finally:
            with contextlib.suppress(NatsError):  # the connection may be closed already
                await watcher.stop()

    def _unread(self, error: Exception) -> TransportUnavailable:
        return TransportUnavailable(f"NATS did not answer a read of bucket {self._name} ({type(error).__name__})")
