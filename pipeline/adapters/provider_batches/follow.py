"""Takes one file of calls a step further: stored, asked for, looked at, and its answers put on the shelf.

Each step is written down before the next one begins, so that whoever goes on after a crash knows what may have been
done. Storing a file twice harms nothing. A batch is asked for once: `uploaded` is written first, and whoever finds that
word asks the provider for the batch of this mark before it asks for one. A provider that does not say whether there is
one gets none: its calls are made by themselves.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Final

from pipeline.adapters.provider_batches.leftovers import Leftovers
from pipeline.adapters.provider_batches.provider import Batch, Provider, Refused, Unclear
from pipeline.adapters.provider_batches.records import File, Line, answer_to, file_line, read_result
from pipeline.adapters.provider_batches.shelf import Shelf
from pipeline.adapters.provider_batches.waiting import Waiting
from pipeline.policy.models import Target
from pipeline.ports import Clock

__all__ = ["Follow"]

_log = logging.getLogger("stepwell.batches")

LOST_S: Final = 86_400.0
"""So long after its last deadline nobody asks for a batch any more."""
AT_ONCE: Final = 32
PIECE: Final = 500
"""Calls that are looked at together before their file is sent."""


class Follow:
    """What one leader does about files."""

    def __init__(
        self, shelf: Shelf, provider: Provider, leftovers: Leftovers, clock: Clock, leads: Callable[[], bool]
    ) -> None:
        self._shelf = shelf
        self._provider = provider
        self._leftovers = leftovers
        self._clock = clock
        self._leads = leads
        self._fresh: set[tuple[str, str]] = set()
        self._waits = Waiting(shelf.streams, clock)
        self._keys: dict[str, frozenset[str]] = {}
        self._idle: set[str] = set()

    def begun(self, file: File) -> None:
        """This leader has just written down this state; nobody can have gone on from it."""
        self._fresh.add((file.mark, file.state))

    async def step(self, target: str, spec: Target | None, file: File) -> File | None:
        """The file as it is after the next step; None: nothing is left to do.

        Raises:
            Unclear: the provider has to be asked again.
        """
        now = self._clock.now()
        if spec is None or now > file.deadline_at + LOST_S:
            return await self._lost(target, file, now)
        if file.state == "gathered":
            return await self._store(target, spec, file)
        if file.state == "uploaded":
            return await self._create(target, spec, file)
        if file.state == "running":
            return await self._look(target, spec, file)
        return await self._clean(spec, file)

    async def _lost(self, target: str, file: File, now: float) -> File | None:
        """Nobody can be asked. What cannot have been sent is called by itself; the rest may be under way."""
        if file.state == "gathered" or now > file.deadline_at:
            await self._nothing_came(target, file)
            return None
        return file

    # ------------------------------------------------------------ out

    async def _store(self, target: str, spec: Target, file: File) -> File | None:
        known = None if (file.mark, file.state) in self._fresh else await self._stored(spec, file)
        self._fresh.discard((file.mark, file.state))
        if known is None:
            left_out, size = await self._sift(target, spec, file)
            if not size:
                return None
            try:
                known = await self._provider.upload(spec, file.mark, self._bodies(target, file, left_out, size), size)
            except Refused as refused:
                await self._dead(target, file, refused)
                return None
        return replace(file, state="uploaded", file=known, files=(known,))

    async def _stored(self, spec: Target, file: File) -> str | None:
        try:
            return await self._provider.stored(spec, file.mark)
        except Refused:
            return None

    async def _sift(self, target: str, spec: Target, file: File) -> tuple[set[str], int]:
        """Which calls are in no file since their target has moved, or their request waits no more; bytes of the others.

        Nothing comes of those. Only their names are held; the calls are read again while they are sent.
        """
        now, size, left_out = self._clock.now(), 0, set[str]()
        async for lines in self._pieces(target, file, PIECE):
            gone = await self._waits.gone({line.key for line in lines})
            for line in lines:
                if line.endpoint == spec.endpoint and line.until > now and line.key not in gone:
                    size += len(file_line(line))
                else:
                    left_out.add(line.name)
                    await self._answer(target, line, 0, "", "")
        return left_out, size

    async def _bodies(self, target: str, file: File, left_out: set[str], size: int) -> AsyncIterator[bytes]:
        async for _, line in self._shelf.lines(target, file.first - 1, file.last):
            if line.name not in left_out:
                body = file_line(line)
                size -= len(body)
                yield body
        if size:
            raise Unclear("calls vanished from the shelf while they were sent")

    async def _pieces(self, target: str, file: File, size: int) -> AsyncIterator[list[Line]]:
        """The calls of the file of which nothing came so far, some at a time."""
        piece: list[Line] = []
        async for _, line in self._shelf.lines(target, file.first - 1, file.last):
            piece.append(line)
            if len(piece) == size:
                yield piece
                piece = []
        if piece:
            yield piece

    async def _create(self, target: str, spec: Target, file: File) -> File | None:
        try:
            batch = None
            if (file.mark, file.state) not in self._fresh:
                batch = await self._provider.created(spec, file.mark)
            self._fresh.discard((file.mark, file.state))
            if batch is None:
                if not self._leads():
                    return file
                batch = await self._provider.create(spec, file.mark, file.file)
        except Refused as refused:
            await self._dead(target, file, refused)
            return replace(file, state="answered")
        return replace(file, state="running", batch=batch.name)

    # ------------------------------------------------------------ back

    async def _look(self, target: str, spec: Target, file: File) -> File | None:
        try:
            batch = await self._provider.look(spec, file.batch)
        except Refused as refused:
            if refused.status == 404:
                _log.error(
                    "the provider of target %s lost a batch (%s): its calls are made by themselves", target, refused
                )
                await self._nothing_came(target, file)
                return replace(file, state="answered")
            _log.error("target %s does not say what became of a batch (%s): check its api_key", target, refused)
            return file
        if not batch.over:
            return await self._hurry(target, spec, _keeping(file, batch))
        if batch.status != "completed":
            _log.warning("a batch of target %s is %s; what it did not answer is called by itself", target, batch.status)
        await self._harvest(target, spec, file, batch)
        return replace(_keeping(file, batch), state="answered")

    async def _hurry(self, target: str, spec: Target, file: File) -> File:
        """Where nobody waits any more, nobody pays any more than must be."""
        if file.cancelled or (self._clock.now() < file.until and not await self._nobody(target, file)):
            return file
        try:
            await self._provider.cancel(spec, file.batch)
        except Refused:
            _log.warning("a batch for which nobody waits could not be cancelled")
        return replace(file, cancelled=True)

    async def _nobody(self, target: str, file: File) -> bool:
        """Whether two looks found none of its requests: all were taken back, or have ended otherwise."""
        if file.mark not in self._keys:
            pieces = self._pieces(target, file, PIECE)
            self._keys[file.mark] = frozenset([line.key async for piece in pieces for line in piece])
        if await self._waits.anybody(self._keys[file.mark]):
            self._idle.discard(file.mark)
            return False
        before = file.mark in self._idle
        self._idle.add(file.mark)
        return before

    async def _harvest(self, target: str, spec: Target, file: File, batch: Batch) -> None:
        """Put every answer on the shelf, in whatever order they come; what has none is called by itself.

        Answers are read as they come, and no more of them are held than are put there at once.
        """
        for output in batch.outputs:
            due: list[tuple[str, int, str]] = []
            async for raw in self._output(spec, output):
                found = read_result(raw)
                if found is not None:
                    due.append(found)
                if len(due) == AT_ONCE:
                    await self._results(target, file, due, batch.name)
                    due = []
            await self._results(target, file, due, batch.name)
        await self._nothing_came(target, file, batch.name)

    async def _results(self, target: str, file: File, due: Sequence[tuple[str, int, str]], batch: str) -> None:
        """What came of some calls; a name that comes twice, or is none of this file, is left alone."""
        if not self._leads():
            raise Unclear("another one leads")
        once = {name: (status, body) for name, status, body in reversed(due)}
        await asyncio.gather(*(self._result(target, file, name, *came, batch) for name, came in once.items()))

    async def _result(self, target: str, file: File, name: str, status: int, body: str, batch: str) -> None:
        place, line = await self._shelf.placed(target, name)
        if line is not None and file.first <= place <= file.last:
            await self._answer(target, line, status, body, batch)

    async def _output(self, spec: Target, output: str) -> AsyncIterator[bytes]:
        try:
            async for raw in self._provider.results(spec, output):
                yield raw
        except Refused as refused:
            _log.error("a provider does not hand out the answers of a batch (%s)", refused)

    async def _answer(self, target: str, line: Line, status: int, body: str, batch: str) -> None:
        """Put an answer on the shelf, and then take the call from it: who waits reads them the other way round."""
        answer = answer_to(line, status, body, batch, self._clock.now())
        if not await self._shelf.answered(target, line.name, answer):
            before = await self._shelf.answer(target, line.name)
            if before is None or before.given_up:
                await self._leftovers.charge(replace(answer, charge=line.charge))
                await self._shelf.take(target, line.name)
        await self._shelf.remove(target, line.name)
        self._leftovers.came(line.key)

    async def _dead(self, target: str, file: File, refused: Refused) -> None:
        _log.error("a provider takes no batch for target %s (%s): its calls are made by themselves", target, refused)
        await self._nothing_came(target, file)

    async def _nothing_came(self, target: str, file: File, batch: str = "") -> None:
        async for lines in self._pieces(target, file, AT_ONCE):
            await asyncio.gather(*(self._answer(target, line, 0, "", batch) for line in lines))

    async def _clean(self, spec: Target, file: File) -> File | None:
        """Leave nothing at the provider."""
        self._keys.pop(file.mark, None)
        self._idle.discard(file.mark)
        for name in file.files:
            try:
                await self._provider.delete(spec, name)
            except Refused as refused:
                _log.warning("a file of a batch could not be deleted at its provider (%s)", refused)
        return None


def _keeping(file: File, batch: Batch) -> File:
    """The file with all that its provider keeps of it."""
    return replace(file, files=tuple(dict.fromkeys((*file.files, *batch.outputs))))
