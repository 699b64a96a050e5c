"""Streams of this process: dictionaries that do what durable streams do."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace

from pipeline.errors import TransportUnavailable
from pipeline.layout import STREAMS, stream_of
from pipeline.ports import Appended, Conflict, Stored
from pipeline.transport.claims import Claims
from pipeline.transport.memory.subjects import matches

__all__ = ["MemoryStreams"]


@dataclass(slots=True)
class _Stream:
    """One stream: messages by sequence, the newest sequence of each subject, ids seen."""

    per_subject: int | None
    sealed: bool
    messages: dict[int, Stored] = field(default_factory=dict)
    newest: dict[str, int] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    sequence: int = 0

    def append(self, subject: str, body: bytes, once: str | None, expected: int | None) -> Appended:
        if once is not None and once in self.seen:
            return Appended(self.seen[once], duplicate=True)
        if expected is not None and self.newest.get(subject, 0) != expected:
            raise Conflict(subject)
        self.sequence += 1
        if self.per_subject == 1 and subject in self.newest:
            self.messages.pop(self.newest[subject], None)
        self.messages[self.sequence] = Stored(subject, self.sequence, body)
        self.newest[subject] = self.sequence
        if once is not None:
            self.seen[once] = self.sequence
        return Appended(self.sequence)

    def delete(self, sequence: int) -> bool:
        stored = self.messages.pop(sequence, None) if not self.sealed else None
        if stored is not None and self.newest.get(stored.subject) == sequence:
            older = [number for number, message in self.messages.items() if message.subject == stored.subject]
            self.newest[stored.subject] = max(older, default=0)
        return stored is not None


class MemoryStreams:
    """Streams as dictionaries."""

    def __init__(self, on_append: Callable[[str, bytes], None], claims: Claims) -> None:
        self._claims = claims
        self._streams = {spec.name: _Stream(spec.per_subject, spec.sealed) for spec in STREAMS}
        self._on_append = on_append

    def _of(self, subject: str) -> _Stream:
        try:
            return self._streams[stream_of(subject)]
        except LookupError as error:
            raise TransportUnavailable(f"{error}: run `stepwell provision`") from None

    async def append(
        self, subject: str, body: bytes, *, once: str | None = None, expected: int | None = None
    ) -> Appended:
        """Append; see the port."""
        stream = self._of(subject)
        body = await self._claims.stored(subject, body)
        appended = stream.append(subject, body, once, expected)
        if not appended.duplicate:
            self._on_append(subject, body)
        return appended

    async def last(self, subject: str) -> Stored | None:
        """The newest message on `subject`."""
        stream = self._of(subject)
        return await self._whole(stream.messages.get(stream.newest.get(subject, 0)))

    async def _whole(self, stored: Stored | None) -> Stored | None:
        """The message with its body, wherever that lies; None once the body is gone."""
        body = None if stored is None else await self._claims.collect(stored.body)
        return None if stored is None or body is None else replace(stored, body=body)

    async def at(self, stream: str, sequence: int) -> Stored | None:
        """The message with this sequence number."""
        return await self._whole(self._streams[stream].messages.get(sequence))

    async def following(self, stream: str, sequence: int) -> Stored | None:
        """The first message with this sequence number or a higher one."""
        later = [number for number in self._streams[stream].messages if number >= sequence]
        return await self.at(stream, min(later)) if later else None

    async def newest_of(self, stream: str, patterns: Sequence[str]) -> list[Stored]:
        """The newest message on each subject that matches."""
        held = self._streams[stream]
        wanted = [name for name in held.newest if any(matches(pattern, name) for pattern in patterns)]
        found = [await self.at(stream, number) for number in sorted(held.newest[name] for name in wanted)]
        return [stored for stored in found if stored is not None]

    async def scan(self, stream: str, *, after: int = 0, subject: str | None = None) -> AsyncIterator[Stored]:
        """All messages after `after`, oldest first."""
        for number, message in sorted(self._streams[stream].messages.items()):
            if number > after and (subject is None or matches(subject, message.subject)):
                whole = await self._whole(message)
                if whole is not None:
                    yield whole

    async def subjects(self, stream: str, pattern: str) -> set[str]:
        """The subjects of all messages that match."""
        return {each.subject for each in self._streams[stream].messages.values() if matches(pattern, each.subject)}

    async def delete(self, stream: str, sequence: int) -> bool:
        """Delete one message where the stream permits it."""
        return self._streams[stream].delete(sequence)

    async def purge(self, subject: str, *, upto: int | None = None) -> None:
        """Delete every message on `subject`; see the port."""
        stream = self._of(subject)
        found = [number for number, message in stream.messages.items() if matches(subject, message.subject)]
        for number in found:
            if upto is None or number <= upto:
                stream.delete(number)
