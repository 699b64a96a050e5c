"""What a batch is, as it stands in the bucket `batches`: a manifest under its id, and pages of names of lines."""

from collections.abc import AsyncIterator, Sequence
from typing import Final, Literal

import orjson
from pydantic import Field

from pipeline.batch.lines import Entry
from pipeline.contracts import ErrorBody, Json, Name, OpenContract, Tenant, UnixTime, Whole
from pipeline.errors import NotFound
from pipeline.ports import Bucket

__all__ = ["PAGE", "Label", "Manifest", "Shelf", "request_id"]

PAGE: Final = 500
"""Lines to a page: the unit in which lines are handed in and a submission is resumed."""


class Manifest(OpenContract):
    """A batch. `queued` of its `pages` are handed in. None of its results is older than `first_sequence`."""

    id: Name
    tenant: Tenant
    source: str
    form: Literal["stepwell", "openai"]
    digest: str
    total: Whole
    invalid: Whole
    last_line: Whole
    created: UnixTime
    first_sequence: Whole
    queued: Whole = 0
    pages: Whole = 0
    options: dict[str, Json] = Field(default_factory=dict)

    @property
    def handed_in(self) -> bool:
        """Whether every line is."""
        return self.queued == self.pages


class Label(OpenContract):
    """Which line has which name, and why it did not run, if it did not."""

    number: Whole
    custom_id: str | None = None
    problem: ErrorBody | None = None


def request_id(batch: str, number: int) -> str:
    """The id of the request on a line."""
    return f"{batch}-{number}"


class Shelf:
    """The bucket."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    async def find(self, batch: str) -> Manifest | None:
        """The manifest, if there is one."""
        entry = await self._bucket.get(batch)
        return None if entry is None else Manifest.model_validate_json(entry.value)

    async def get(self, batch: str) -> Manifest:
        """The manifest.

        Raises:
            NotFound: there is no batch of this id.
        """
        manifest = await self.find(batch)
        if manifest is None:
            raise NotFound(f"there is no batch {batch}: see `stepwell batch list`")
        return manifest

    async def put(self, manifest: Manifest) -> None:
        """Write the manifest."""
        await self._bucket.put(manifest.id, manifest.model_dump_json().encode())

    async def all(self) -> list[Manifest]:
        """All batches, the newest first."""
        found = [await self.find(key) for key in await self._bucket.keys() if "." not in key]
        return sorted((manifest for manifest in found if manifest), key=lambda manifest: -manifest.created)

    async def put_page(self, batch: str, page: int, entries: Sequence[Entry]) -> None:
        """Write a page."""
        labels = [
            {
                "number": entry.number,
                "custom_id": entry.custom_id,
                "problem": entry.problem.model_dump() if entry.problem else None,
            }
            for entry in entries
        ]
        await self._bucket.put(f"{batch}.{page}", orjson.dumps(labels))

    async def labels(self, manifest: Manifest) -> AsyncIterator[list[Label]]:
        """All lines in the order of the file, page by page."""
        for page in range(manifest.queued):
            entry = await self._bucket.get(f"{manifest.id}.{page}")
            if entry is not None:
                yield [Label.model_validate(label) for label in orjson.loads(entry.value)]
