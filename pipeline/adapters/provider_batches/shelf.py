"""The shelf: a stream on which each call, each answer and what is known of each target has a place of its own."""

from collections.abc import AsyncIterator
from typing import NamedTuple

from pipeline.adapters.provider_batches.records import ANSWER, LINE, SHELVED, Answer, Line, Shelved
from pipeline.ports import Conflict, Stored, Streams
from pipeline.topology import shelf_subject

__all__ = ["Known", "Shelf"]

STREAM = "SHELF"


class Known(NamedTuple):
    """What is known of a target, and where that was read: only then it may be written over."""

    shelved: Shelved
    sequence: int = 0
    at: float = 0.0


class Shelf:
    """Calls and answers by target and name. All raise `TransportUnavailable` where NATS does not confirm."""

    def __init__(self, streams: Streams) -> None:
        self.streams = streams

    # ------------------------------------------------------------ for who waits

    async def put(self, target: str, line: Line) -> bool:
        """Put a call there. False: it is there already."""
        try:
            await self.streams.append(shelf_subject("line", target, line.name), LINE.dump_json(line), expected=0)
        except Conflict:
            return False
        return True

    async def line(self, target: str, name: str) -> Line | None:
        """The call, while nothing came of it."""
        return (await self.placed(target, name))[1]

    async def placed(self, target: str, name: str) -> tuple[int, Line | None]:
        """The call and its place, while nothing came of it."""
        stored = await self.streams.last(shelf_subject("line", target, name))
        return (0, None) if stored is None else (stored.sequence, LINE.validate_json(stored.body))

    async def answer(self, target: str, name: str) -> Answer | None:
        """What came of it. To be asked after `line`: that vanishes once this is there."""
        stored = await self.streams.last(shelf_subject("answer", target, name))
        return None if stored is None else ANSWER.validate_json(stored.body)

    async def give_up(self, target: str, name: str) -> bool:
        """Go on without it. False: something came of it in the last moment."""
        return await self.answered(target, name, Answer(given_up=True))

    async def take(self, target: str, name: str) -> None:
        """What came of it is written down elsewhere."""
        await self.streams.purge(shelf_subject("answer", target, name))

    # ------------------------------------------------------------ for who gathers

    async def answered(self, target: str, name: str, answer: Answer) -> bool:
        """Something came of it. False: something did before."""
        try:
            await self.streams.append(shelf_subject("answer", target, name), ANSWER.dump_json(answer), expected=0)
        except Conflict:
            return False
        return True

    async def remove(self, target: str, name: str) -> None:
        """The call needs no place any more."""
        await self.streams.purge(shelf_subject("line", target, name))

    async def lines(self, target: str, after: int, last: int | None = None) -> AsyncIterator[tuple[int, Line]]:
        """The calls of a target with their places, in the order in which they were put there."""
        async for stored in self._scan(shelf_subject("line", target, "*"), after):
            if last is not None and stored.sequence > last:
                return
            yield stored.sequence, LINE.validate_json(stored.body)

    async def answers(self, target: str) -> AsyncIterator[tuple[str, Answer]]:
        """What came of calls and was not taken yet."""
        async for stored in self._scan(shelf_subject("answer", target, "*"), 0):
            yield stored.subject.rpartition(".")[2], ANSWER.validate_json(stored.body)

    async def _scan(self, subject: str, after: int) -> AsyncIterator[Stored]:
        async for stored in self.streams.scan(STREAM, after=after, subject=subject):
            yield stored

    async def targets(self) -> set[str]:
        """Those of which something is known."""
        return {stored.subject.rpartition(".")[2] async for stored in self._scan(shelf_subject("target", "*"), 0)}

    async def known(self, target: str) -> Known:
        """What is known of a target."""
        stored = await self.streams.last(shelf_subject("target", target))
        if stored is None:
            return Known(Shelved())
        return Known(SHELVED.validate_json(stored.body), stored.sequence, stored.at)

    async def know(self, target: str, shelved: Shelved, before: Known, now: float) -> Known:
        """Write it down. Raises `Conflict` where somebody else did."""
        place = shelf_subject("target", target)
        done = await self.streams.append(place, SHELVED.dump_json(shelved), expected=before.sequence)
        return Known(shelved, done.sequence, now)
