"""Takes one file of calls a step further: stored, asked for, looked at, and its answers put on the shelf.

Each step is written down before the next one begins, so that whoever goes on after a crash knows what may have been
done. Storing a file twice harms nothing. A batch is asked for once: `uploaded` is written first, and whoever finds that
word asks the provider for the batch of this mark before it asks for one. A provider that does not say whether there is
one gets none: its calls are made by themselves.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Final

from pipeline.adapters.provider_batches.leftovers import Leftovers
from pipeline.adapters.provider_batches.provider import Batch, Provider, Refused
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
        self._waits = Waiting(shelf.streams)
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
            lines = await self._bodies(target, spec, file)
            if not lines:
                return None
            try:
                known = await self._provider.upload(spec, file.mark, lines)
            except Refused as refused:
                await self._dead(target, file, refused)
                return None
        return replace(file, state="uploaded", file=known, files=(known,))

    async def _stored(self, spec: Target, file: File) -> str | None:
        try:
            return await self._provider.stored(spec, file.mark)
        except Refused:
            return None

    async def _bodies(self, target: str, spec: Target, file: File) -> list[bytes]:
        """The lines of the file. One whose target has moved, or whose request waits no more, is in none."""
        now = self._clock.now()
        found = [line async for _, line in self._shelf.lines(target, file.first - 1, file.last)]
        gone = await self._waits.gone({line.key for line in found})
        lines = []
        for line in found:
            if line.endpoint == spec.endpoint and line.until > now and line.key not in gone:
                lines.append(file_line(line))
            else:
                await self._answer(target, line, 0, "", "")
        return lines

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
            self._keys[file.mark] = frozenset([line.key for line in (await self._waiting(target, file)).values()])
        keys = self._keys[file.mark]
        before = file.mark in self._idle
        if len(await self._waits.gone(keys)) == len(keys):
            self._idle.add(file.mark)
            return before
        self._idle.discard(file.mark)
        return False

    async def _harvest(self, target: str, spec: Target, file: File, batch: Batch) -> None:
        """Put every answer on the shelf, in whatever order they come; what has none is called by itself."""
        waiting = await self._waiting(target, file)
        for output in batch.outputs:
            due: list[tuple[Line, int, str]] = []
            async for raw in self._output(spec, output):
                found = read_result(raw)
                line = waiting.pop(found[0], None) if found is not None else None
                if found is not None and line is not None:
                    due.append((line, found[1], found[2]))
                if len(due) == AT_ONCE:
                    await self._answers(target, due, batch.name)
                    due = []
            await self._answers(target, due, batch.name)
        rest = list(waiting.values())
        for start in range(0, len(rest), AT_ONCE):
            await self._answers(target, [(line, 0, "") for line in rest[start : start + AT_ONCE]], batch.name)

    async def _output(self, spec: Target, output: str) -> AsyncIterator[bytes]:
        try:
            async for raw in self._provider.results(spec, output):
                yield raw
        except Refused as refused:
            _log.error("a provider does not hand out the answers of a batch (%s)", refused)

    async def _waiting(self, target: str, file: File) -> dict[str, Line]:
        """The calls of the file that have no answer, without their bodies."""
        found = self._shelf.lines(target, file.first - 1, file.last)
        return {line.name: replace(line, body="") async for _, line in found}

    async def _answers(self, target: str, due: list[tuple[Line, int, str]], batch: str) -> None:
        await asyncio.gather(*(self._answer(target, line, status, body, batch) for line, status, body in due))

    async def _answer(self, target: str, line: Line, status: int, body: str, batch: str) -> None:
        """Put an answer on the shelf, and then take the call from it: who waits reads them the other way round."""
        answer = answer_to(line, status, body, batch, self._clock.now())
        if not await self._shelf.answered(target, line.name, answer):
            before = await self._shelf.answer(target, line.name)
            if before is None or before.given_up:
                await self._leftovers.charge(replace(answer, charge=line.charge))
                await self._shelf.take(target, line.name)
        await self._shelf.remove(target, line.name)
        await self._leftovers.wake(line.key)

    async def _dead(self, target: str, file: File, refused: Refused) -> None:
        _log.error("a provider takes no batch for target %s (%s): its calls are made by themselves", target, refused)
        await self._nothing_came(target, file)

    async def _nothing_came(self, target: str, file: File) -> None:
        rest = list((await self._waiting(target, file)).values())
        for start in range(0, len(rest), AT_ONCE):
            await self._answers(target, [(line, 0, "") for line in rest[start : start + AT_ONCE]], "")

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
