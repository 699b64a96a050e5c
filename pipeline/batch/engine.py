"""What callers do with batches, whichever door they came through: the command line and the HTTP door are two."""

import secrets
from collections.abc import AsyncIterator, Sequence
from hashlib import sha256
from typing import Final, TypeVar

import orjson

from pipeline.batch import state
from pipeline.batch.active import prefix_of
from pipeline.batch.feed import refuse_never
from pipeline.batch.model import PAGE, Batch, FileInfo, Options, Paged, Row
from pipeline.batch.render import Render, written
from pipeline.batch.results import Only, Order, Pages, Results, rows
from pipeline.batch.shelf import Shelf
from pipeline.batch.store import MAX_FILE, Store
from pipeline.client import Client
from pipeline.contracts import Reply, is_name
from pipeline.errors import InvalidRequest, NotFound
from pipeline.ports import Clock, Link

__all__ = ["MAX_ID", "MAX_PAGE", "Engine", "batch_id", "digest_of"]

MAX_ID: Final = 46
"""Characters of a batch id, so that the ids of the requests on its lines are ids."""
MAX_PAGE: Final = 100

Item = TypeVar("Item", Batch, FileInfo)


def batch_id(tenant: str, file_digest: str, options: Options) -> str:
    """The id of a batch that names none: the same file with the same options is the same batch."""
    return f"b-{digest_of(tenant, file_digest, options)[:16]}"


def digest_of(tenant: str, file_digest: str, options: Options) -> str:
    """A digest of all that decides what is asked."""
    salt = {"tenant": tenant, "file": file_digest, "options": options.model_dump(mode="json")}
    return sha256(orjson.dumps(salt, option=orjson.OPT_SORT_KEYS)).hexdigest()


class _Asked:
    """Results of lines that are not settled yet, asked for at the workers: a door may not read what others store."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def get(self, tenant: str, request_id: str) -> Reply | None:
        """The reply, if it is there already."""
        return await Client(self._link, tenant).result(request_id)


class Engine:
    """Files and batches over one connection. A tenant sees its own alone; without one, that of an operator, all."""

    def __init__(self, link: Link, clock: Clock) -> None:
        self.shelf = Shelf(link.bucket("batches"))
        self._store = Store(link.objects("files"))
        self._results = _Asked(link)
        self._clock = clock

    # ------------------------------------------------------------ files

    async def put_file(
        self,
        tenant: str,
        chunks: AsyncIterator[bytes],
        *,
        name: str = "",
        purpose: str = "batch",
        file_id: str | None = None,
        limit: int = MAX_FILE,
    ) -> FileInfo:
        """Store a file as it comes, piece by piece. With `file_id`, one that is there already is returned instead.

        Raises:
            RequestTooLarge: more than `limit` bytes came; nothing is kept of them.
        """
        present = await self.shelf.file(tenant, file_id) if file_id is not None else None
        if present is not None:
            return present
        own = file_id or f"file-{secrets.token_hex(12)}"
        _check_name(own, 64, "file_id")
        size, pieces, digest = await self._store.take(f"file/{tenant}/{own}", chunks, limit)
        info = FileInfo(
            id=own,
            tenant=tenant,
            name=name,
            purpose=purpose,
            bytes=size,
            pieces=pieces,
            digest=digest,
            created=self._clock.now(),
        )
        await self.shelf.put_file(info)
        return info

    async def file(self, tenant: str, file_id: str) -> FileInfo:
        """What is known of a file.

        Raises:
            NotFound: the tenant has none of this id.
        """
        info = await self.shelf.file(tenant, file_id)
        if info is None:
            raise NotFound(f"there is no file {file_id}", param="file_id")
        return info

    async def files(
        self, tenant: str, *, after: str | None = None, limit: int = 20, purpose: str | None = None
    ) -> Paged[FileInfo]:
        """Files, the newest first."""
        found = [info for info in await self.shelf.files(tenant) if purpose in (None, info.purpose)]
        return _paged(found, after, limit)

    def read_file(self, info: FileInfo) -> AsyncIterator[bytes]:
        """Its bytes, piece by piece."""
        return self._store.read(info)

    async def delete_file(self, tenant: str, file_id: str) -> bool:
        """Remove a file. False: there is none. Batches that were read from it go on: they have its lines.

        While one is still to be read its bytes stay, for that batch alone, and go once it was read.
        """
        info = await self.shelf.file(tenant, file_id)
        if info is None:
            return False
        await self.shelf.put_file(info.model_copy(update={"deleted": True}))
        if not await self.shelf.is_read(tenant, file_id):
            await self._store.drop(f"file/{tenant}/{file_id}", info.pieces)
        return True

    # ------------------------------------------------------------ batches

    async def create(
        self, tenant: str, file_id: str, options: Options | None = None, *, batch_id: str | None = None
    ) -> Batch:
        """Store a batch: whoever leads reads it and then runs it.

        Raises:
            NotFound: there is no such file.
            IdempotencyConflict: the id is that of another batch.
            InvalidRequest: its hours never come before its completion window ends.
        """
        info = await self.file(tenant, file_id)
        chosen = options or Options()
        own = batch_id if batch_id is not None else f"batch-{secrets.token_hex(12)}"
        _check_name(own, MAX_ID, "id")
        now = self._clock.now()
        refuse_never(chosen, now)
        batch = Batch(
            id=own,
            tenant=tenant,
            file_id=file_id,
            source=info.name,
            digest=digest_of(tenant, info.digest, chosen),
            options=chosen,
            created=now,
            expires_at=max(now, chosen.not_before or 0.0) + chosen.window_s,
        )
        return await self.shelf.add(batch)

    async def get(self, tenant: str | None, batch: str) -> Batch:
        """A batch as it stands.

        Raises:
            NotFound: the tenant has none of this id.
        """
        return await self.shelf.get(tenant, batch)

    async def list(self, tenant: str | None, *, after: str | None = None, limit: int = 20) -> Paged[Batch]:
        """Batches, the newest first."""
        return _paged(await self.shelf.all(tenant), after, limit)

    async def cancel(self, tenant: str | None, batch: str) -> Batch:
        """Take a batch back: what was not begun never runs, what runs is cancelled, results so far stay."""
        found = await self.get(tenant, batch)
        now = self._clock.now()
        return await self.shelf.update(found.tenant, batch, lambda present: state.cancelling(present, now))

    async def retry(self, tenant: str | None, batch: str, lines: Sequence[int] | None = None) -> Batch:
        """Run lines again that have ended: those named, or all that were not answered.

        Raises:
            InvalidRequest: the batch still runs, or there is nothing to run again.
        """
        found = await self.get(tenant, batch)
        chosen = None if lines is None else await self._primary(found, state.named(lines))
        now = self._clock.now()
        return await self.shelf.update(found.tenant, batch, lambda present: state.again(present, chosen, now))

    async def _primary(self, batch: Batch, lines: Sequence[int]) -> Sequence[int]:
        """The lines that run for those named: a line that shares another's answer runs again with that one.

        Raises:
            InvalidRequest: there is no such line, or it cannot run.
        """
        pages, wanted, found = Pages(self._store, batch), set(lines), dict[int, int]()
        for page in range(min(batch.pages, max(wanted) // PAGE + 1)):
            async for asked in pages.asked(page):
                if asked["n"] in wanted and "p" not in asked:
                    found[asked["n"]] = asked.get("same", -1)
        unknown = sorted(wanted - found.keys())
        if unknown:
            raise InvalidRequest(f"lines: {unknown[0]} is no line that can run", param="lines")
        chosen = {line for line, same in found.items() if same < 0}
        for place in {same for same in found.values() if same >= 0}:
            chosen |= {asked["n"] async for asked in pages.asked(place // PAGE) if asked["o"] == place}
        return sorted(chosen)

    # ------------------------------------------------------------ results

    def rows(
        self, batch: Batch, *, order: Order = "file", only: Only = "all", follow: bool = False
    ) -> AsyncIterator[Row]:
        """How its lines ended, in the order of the file or as they come; also while it runs.

        Args:
            batch: as it stands.
            order: with `follow`, "come" does not wait for a line that is slow.
            only: the answers, or all else.
            follow: wait for what is missing until the batch has ended.
        """
        results = Results(self._store, self._results, batch)
        return rows(results, lambda: self.get(batch.tenant, batch.id), order=order, only=only, follow=follow)

    async def sizes(self, batch: Batch, render: Render) -> tuple[int, int]:
        """Bytes of the answers and of the errors of a batch that has ended, as lines of OpenAI's batch API.

        Counted once, by writing them to nowhere, and kept with the batch.
        """
        if batch.sizes is not None:
            return batch.sizes
        output = errors = 0
        async for row in self.rows(batch):
            size = len(written(row, "openai", render))
            output, errors = (output + size, errors) if row.status == "answered" else (output, errors + size)
        if batch.ended:
            kept = {"sizes": (output, errors)}
            await self.shelf.update(
                batch.tenant, batch.id, lambda b: b.model_copy(update=kept) if b.round == batch.round else b
            )
        return output, errors

    async def remove(self, batch: Batch) -> None:
        """Remove the lines and results of a batch that has ended; its counts stay."""
        await self._store.remove(prefix_of(batch), batch.pages, batch.round)
        await self.shelf.update(batch.tenant, batch.id, lambda b: b.model_copy(update={"removed": True}))


def _check_name(text: str, most: int, param: str) -> None:
    if not is_name(text) or len(text) > most:
        raise InvalidRequest(f"{param}: 1 to {most} letters, digits, - or _", param=param)


def _paged(found: Sequence[Item], after: str | None, limit: int) -> Paged[Item]:
    """A part of the list that follows the item `after`; from the start where there is no such item any more."""
    start = next((place + 1 for place, item in enumerate(found) if item.id == after), 0)
    count = max(1, min(limit, MAX_PAGE))
    return Paged(tuple(found[start : start + count]), more=start + count < len(found))
