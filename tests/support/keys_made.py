"""Keys for tests: a record with its token, and a book that holds what it is told."""

import secrets
from typing import Any

from pipeline.keys import KeyRecord, KeySecret, digest_of, public_id, token_of


def made(now: float = 0.0, **fields: Any) -> tuple[str, KeyRecord]:
    """A key and what is kept of it."""
    public = public_id(secrets.token_bytes(8))
    token = token_of(public, secrets.token_bytes(24))
    secret = KeySecret(digest=digest_of(token).hex(), made_at=now)
    wanted = {"id": public, "name": "k", "tenants": ("acme",), "created_at": now, "secrets": (secret,)} | fields
    return token, KeyRecord(**wanted)


class KeysInMemory:
    """What a door knows of keys."""

    def __init__(self, *records: KeyRecord) -> None:
        self.records = {record.id: record for record in records}
        self.ready = True
        self.uses: list[str] = []

    def put(self, record: KeyRecord) -> None:
        self.records[record.id] = record

    def find(self, public: str) -> KeyRecord | None:
        return self.records.get(public)

    def used(self, public: str, now: float) -> None:
        self.uses.append(public)
