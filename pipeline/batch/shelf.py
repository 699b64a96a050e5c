"""The bucket `batches`: what each batch and each file is, and who leads. Written only where nobody else wrote since."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Final, TypeVar

from pydantic import ValidationError

from pipeline.batch.model import Batch, FileInfo
from pipeline.errors import IdempotencyConflict, NotFound, TransportUnavailable, Unreadable
from pipeline.ports import Bucket, Conflict, Entry

__all__ = ["Shelf"]

_log = logging.getLogger("stepwell.batch")

RACES: Final = 20
"""Lost races for one key after which something else must be wrong."""
SAID: Final = 1000
"""Unreadable keys that are named in the log at most."""


Item = TypeVar("Item", Batch, FileInfo)


class Shelf:
    """Batches under `batch.<tenant>.<id>`, files under `file.<tenant>.<id>`.

    What cannot be read, for instance since a newer version wrote it, is left out of every list and logged once.
    """

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        self._said: set[str] = set()

    # ------------------------------------------------------------ batches

    async def find(self, tenant: str | None, batch: str) -> Batch | None:
        """The batch, if there is one; without a tenant that of any.

        Raises:
            Unreadable: what stands there is no batch.
        """
        key = f"batch.{tenant}.{batch}" if tenant is not None else await self._anywhere(batch)
        entry = await self.bucket.get(key) if key is not None else None
        return None if entry is None else _read(entry, Batch)

    async def _anywhere(self, batch: str) -> str | None:
        keys = await self.bucket.keys()
        return next((key for key in keys if key.startswith("batch.") and key.endswith(f".{batch}")), None)

    async def get(self, tenant: str | None, batch: str) -> Batch:
        """The batch.

        Raises:
            NotFound: the tenant has none of this id.
            Unreadable: what stands there is no batch.
        """
        found = await self.find(tenant, batch)
        if found is None:
            raise NotFound(f"there is no batch {batch}: see `stepwell batch list`", param="batch_id")
        return found

    async def add(self, batch: Batch) -> Batch:
        """Store a new batch, or return the one that was stored under its id for the same file and options.

        Raises:
            IdempotencyConflict: it is another one.
        """
        try:
            await self.bucket.put(_key(batch), batch.model_dump_json().encode(), expected=0)
        except Conflict:
            present = await self.get(batch.tenant, batch.id)
            if present.digest != batch.digest:
                message = f"batch {batch.id} is of another file, or has other options: give another id"
                raise IdempotencyConflict(message, param="id") from None
            return present
        return batch

    async def update(self, tenant: str, batch: str, change: Callable[[Batch], Batch]) -> Batch:
        """Read, change and write, again where somebody else wrote meanwhile. Returns what stands there now."""
        for _ in range(RACES):
            entry = await self.bucket.get(f"batch.{tenant}.{batch}")
            if entry is None:
                raise NotFound(f"there is no batch {batch}: see `stepwell batch list`", param="batch_id")
            present = _read(entry, Batch)
            wanted = change(present)
            if wanted == present:
                return present
            try:
                await self.bucket.put(entry.key, wanted.model_dump_json().encode(), expected=entry.revision)
            except Conflict:
                await asyncio.sleep(0.01)
                continue
            return wanted
        raise TransportUnavailable(f"batch {batch} could not be written in {RACES} tries")

    async def all(self, tenant: str | None) -> list[Batch]:
        """All batches, the newest first."""
        prefix = "batch." if tenant is None else f"batch.{tenant}."
        found = [batch async for batch in self._under(prefix, Batch)]
        return sorted(found, key=lambda batch: (-batch.created, batch.id))

    async def watch(self) -> AsyncIterator[Batch | None]:
        """Every batch, then None, then each change."""
        async for entry in self.bucket.watch():
            if entry is None:
                yield None
            elif entry.key.startswith("batch.") and entry.value:  # empty: it was removed
                batch = self._readable(entry, Batch)
                if batch is not None:
                    yield batch

    # ------------------------------------------------------------ files

    async def file(self, tenant: str, file_id: str, *, deleted: bool = False) -> FileInfo | None:
        """The file, if it is there; with `deleted` also one that was removed.

        Raises:
            Unreadable: what stands there is no file.
        """
        entry = await self.bucket.get(f"file.{tenant}.{file_id}")
        info = None if entry is None else _read(entry, FileInfo)
        return None if info is None or (info.deleted and not deleted) else info

    async def put_file(self, info: FileInfo) -> None:
        """Write it."""
        await self.bucket.put(f"file.{info.tenant}.{info.id}", info.model_dump_json().encode())

    async def is_read(self, tenant: str, file_id: str) -> bool:
        """Whether a batch waits for its lines to be read from this file, or is being read."""
        return any(batch.file_id == file_id and batch.status == "validating" for batch in await self.all(tenant))

    async def files(self, tenant: str) -> list[FileInfo]:
        """All files of a tenant, the newest first."""
        found = [info async for info in self._under(f"file.{tenant}.", FileInfo)]
        return sorted((info for info in found if not info.deleted), key=lambda info: (-info.created, info.id))

    async def _under(self, prefix: str, kind: type[Item]) -> AsyncIterator[Item]:
        for key in dict.fromkeys(await self.bucket.keys()):  # one that is written meanwhile may be named twice
            entry = await self.bucket.get(key) if key.startswith(prefix) else None
            item = self._readable(entry, kind) if entry is not None else None
            if item is not None:
                yield item

    def _readable(self, entry: Entry, kind: type[Item]) -> Item | None:
        try:
            return _read(entry, kind)
        except Unreadable as error:
            if entry.key not in self._said and len(self._said) < SAID:
                self._said.add(entry.key)
                _log.error("%s", error.message)
            return None


def _read(entry: Entry, kind: type[Item]) -> Item:
    word, _, name = entry.key.partition(".")
    try:
        item = kind.model_validate_json(entry.value)
    except ValidationError:
        item = None
    if item is None or f"{item.tenant}.{item.id}" != name:
        advice = "nothing else waits for it; remove the key, or read it with the version that wrote it"
        raise Unreadable(f"what stands under {entry.key} in the bucket batches is no {word}: {advice}")
    return item


def _key(batch: Batch) -> str:
    return f"batch.{batch.tenant}.{batch.id}"
