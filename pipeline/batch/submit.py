"""Handing a file in: page by page, many lines at once, and only what was not handed in before."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, Protocol

from pipeline.batch.lines import Entry, Reader, Survey
from pipeline.batch.manifest import PAGE, Manifest, Shelf, request_id
from pipeline.contracts import Request, is_name
from pipeline.errors import IdempotencyConflict, InvalidRequest, StepwellError, first_of
from pipeline.ports import Clock, Streams

__all__ = ["WINDOW", "Enqueuer", "Submission", "batch_id"]

WINDOW: Final = 64
"""Lines whose confirmation is awaited at the same time."""
MAX_ID: Final = 50
"""Characters of a batch id, so that the ids of its lines are ids."""


class Enqueuer(Protocol):
    """Hands a request in for later."""

    async def enqueue(self, request: Request) -> str:
        """Return the request id once it is durable."""
        ...


def batch_id(survey: Survey, wanted: str | None) -> str:
    """The id of the batch: the one wanted, or one made of the digest, so that the same file is the same batch.

    Raises:
        InvalidRequest: the one wanted cannot be an id.
    """
    if wanted is None:
        return f"b-{survey.digest[:16]}"
    if not is_name(wanted) or len(wanted) > MAX_ID:
        raise InvalidRequest(f"a batch id has 1 to {MAX_ID} letters, digits, - or _", param="id")
    return wanted


@dataclass(slots=True)
class Submission:
    """Hands in the lines of one file.

    Attributes:
        client: hands in a line.
        streams: where the stream of results stands before the first line.
        shelf: where the batch is written down.
        clock: the time.
        tick: told of each line that was handed in.
    """

    client: Enqueuer
    streams: Streams
    shelf: Shelf
    clock: Clock
    tick: Callable[[int], None] = lambda _: None

    async def run(
        self, path: Path, survey: Survey, reader: Reader, batch: str, *, skip: Callable[[int], bool] | None = None
    ) -> Manifest:
        """Hand in every line that was not handed in before.

        Args:
            path: the file.
            survey: what the first look found.
            reader: reads the lines, for the same tenant and with the same defaults.
            batch: the id.
            skip: with it, every page is handed in again but for the lines it names.

        Raises:
            IdempotencyConflict: another file was handed in under this id.
        """
        manifest = await self._open(path, survey, reader, batch)
        for page, entries in enumerate(_pages(reader.entries(path))):
            if page < manifest.queued and skip is None:
                self.tick(len(entries))
                continue
            await self.shelf.put_page(batch, page, entries)
            await self._hand_in(batch, entries, skip)
            if page >= manifest.queued:
                manifest = manifest.model_copy(update={"queued": page + 1})
                await self.shelf.put(manifest)
        return manifest

    async def _open(self, path: Path, survey: Survey, reader: Reader, batch: str) -> Manifest:
        present = await self.shelf.find(batch)
        if present is not None:
            if present.digest != survey.digest:
                raise IdempotencyConflict(
                    f"batch {batch} was another file, or had other options: give another --id", param="id"
                )
            return present
        newest = await self.streams.last("result.>")
        manifest = Manifest(
            id=batch,
            tenant=reader.tenant,
            source=path.name,
            form=survey.form,
            digest=survey.digest,
            total=survey.total,
            invalid=survey.invalid,
            last_line=survey.last,
            created=self.clock.now(),
            first_sequence=newest.sequence if newest else 0,
            pages=-(-survey.total // PAGE),
            options=reader.defaults,
        )
        await self.shelf.put(manifest)
        return manifest

    async def _hand_in(self, batch: str, entries: Sequence[Entry], skip: Callable[[int], bool] | None) -> None:
        chosen = [entry for entry in entries if skip is None or not skip(entry.number)]
        self.tick(len(entries) - len(chosen))
        queue = iter(chosen)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(WINDOW, len(chosen))):
                    group.create_task(self._carry(batch, queue))
        except ExceptionGroup as failures:
            raise first_of(failures, StepwellError) from None

    async def _carry(self, batch: str, queue: Iterator[Entry]) -> None:
        for entry in queue:
            if entry.request is not None:
                update = {"id": request_id(batch, entry.number)}
                await self.client.enqueue(entry.request.model_copy(update=update))
            self.tick(1)


def _pages(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    remaining = iter(entries)
    while page := list(islice(remaining, PAGE)):
        yield page
