"""Keys are made, listed and changed here. A record stands under `key.<public id>`, its last use under `used.<id>`."""

from collections.abc import Callable
from typing import Final

import orjson
from pydantic import ValidationError

from pipeline.errors import IdempotencyConflict, NotFound, TransportUnavailable
from pipeline.keys import KeyRecord
from pipeline.ports import Bucket, Conflict

__all__ = ["KEY", "USED", "KeyStore", "parse_record", "parse_used"]

KEY: Final = "key."
USED: Final = "used."
_RACES: Final = 10


def parse_record(body: bytes) -> KeyRecord | None:
    """Read a record; None where this is none, so that nobody comes in by what cannot be read."""
    try:
        return KeyRecord.model_validate_json(body)
    except ValidationError:
        return None


def parse_used(body: bytes) -> float | None:
    """When a key was used last, in Unix seconds."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    at = value.get("at") if isinstance(value, dict) else None
    return float(at) if isinstance(at, int | float) else None


class KeyStore:
    """The bucket as those see it who make and change keys."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    async def all(self) -> list[KeyRecord]:
        """Every key, the oldest first."""
        names = [name for name in await self._bucket.keys() if name.startswith(KEY)]
        found = [entry for name in names if (entry := await self._bucket.get(name)) is not None]
        records = [record for entry in found if (record := parse_record(entry.value)) is not None]
        return sorted(records, key=lambda record: (record.created_at, record.id))

    async def any(self) -> bool:
        """Whether there is any key at all."""
        return any(name.startswith(KEY) for name in await self._bucket.keys())

    async def find(self, word: str) -> KeyRecord:
        """The key with this public id, or else the one with this name.

        Raises:
            NotFound: there is none, or several have the name.
        """
        entry = await self._bucket.get(KEY + word)
        record = parse_record(entry.value) if entry is not None else None
        if record is not None:
            return record
        named = [record for record in await self.all() if record.name == word]
        if len(named) == 1:
            return named[0]
        if named:
            raise NotFound(f"{len(named)} keys are called {word}: name one by its id, see `stepwell keys list`")
        raise NotFound(f"there is no key {word}: see `stepwell keys list`")

    async def used_at(self, public: str) -> float | None:
        """When it was used last, to within some minutes; None: never, as far as is known."""
        entry = await self._bucket.get(USED + public)
        return None if entry is None else parse_used(entry.value)

    async def add(self, record: KeyRecord) -> None:
        """Write down a new key.

        Raises:
            IdempotencyConflict: one with this id is there already.
        """
        try:
            await self._bucket.put(KEY + record.id, _body(record), expected=0)
        except Conflict:
            raise IdempotencyConflict(f"a key {record.id} is there already: make another one") from None

    async def change(self, public: str, change: Callable[[KeyRecord], KeyRecord]) -> KeyRecord:
        """Change a key; where somebody else does at the same time, both changes count.

        Raises:
            NotFound: there is no such key.
        """
        for _ in range(_RACES):
            entry = await self._bucket.get(KEY + public)
            record = parse_record(entry.value) if entry is not None else None
            if entry is None or record is None:
                raise NotFound(f"there is no key {public}: see `stepwell keys list`")
            changed = change(record)
            try:
                await self._bucket.put(KEY + public, _body(changed), expected=entry.revision)
            except Conflict:
                continue
            return changed
        raise TransportUnavailable(f"key {public} changes faster than it can be written: try again")


def _body(record: KeyRecord) -> bytes:
    return record.model_dump_json(exclude_none=True).encode()
