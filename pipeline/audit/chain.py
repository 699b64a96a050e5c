"""How records hang together. Pure.

Record n of a producer holds the SHA-256 of the stored bytes of record n - 1, so nobody can change, drop or move one
without the next one telling. The bytes are hashed as they are stored: there is no canonical form to disagree about.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import orjson
from pydantic import BaseModel

from pipeline.contracts import Signals, Snapshot, Unconfirmed

__all__ = ["GENESIS", "Chain", "Link", "audit_id", "digest", "dump", "split_audit_id"]

_LEAN: Final = frozenset({Signals, Snapshot})
"""Contracts of many fields, most of which mostly hold their default. That is left out: it says nothing, and never
changes within a version of the contract."""
GENESIS: Final = "0" * 64
"""What the first record of a producer has for the digest of its predecessor."""


@dataclass(frozen=True, slots=True)
class Link:
    """One record, ready to be stored."""

    producer: str
    n: int
    body: bytes
    digest: str

    @property
    def audit_id(self) -> str:
        """The record's name."""
        return audit_id(self.producer, self.n)


@dataclass(slots=True)
class Chain:
    """The growing end of one producer's chain."""

    producer: str
    n: int = 0
    prev: str = GENESIS

    def link(self, dumped: bytes, unconfirmed: Sequence[Unconfirmed] = ()) -> Link:
        """Hang a dumped record (a non-empty JSON object) to the end, and move the end."""
        body = _head(self.producer, self.n, self.prev, unconfirmed) + dumped[1:]
        link = Link(self.producer, self.n, body, digest(body))
        self.n += 1
        self.prev = link.digest
        return link


def _head(producer: str, n: int, prev: str, unconfirmed: Sequence[Unconfirmed]) -> bytes:
    head = f'{{"producer":"{producer}","n":{n},"prev":"{prev}",'.encode()
    if unconfirmed:
        head += b'"unconfirmed":' + orjson.dumps(list(unconfirmed), default=_plain) + b","
    return head


def dump(fields: Mapping[str, object]) -> bytes:
    """The JSON of a record's fields; contracts inside become objects."""
    return orjson.dumps(fields, default=_plain)


def _plain(value: object) -> Any:
    if isinstance(value, BaseModel):
        if type(value) in _LEAN:
            return orjson.Fragment(value.model_dump_json(exclude_defaults=True))
        newer = value.__pydantic_extra__
        return {**value.__dict__, **newer} if newer else value.__dict__
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no place in an audit record")


def digest(body: bytes) -> str:
    """SHA-256 of the stored bytes, hexadecimal."""
    return sha256(body).hexdigest()


def audit_id(producer: str, n: int) -> str:
    """The name of a record: `<producer>.<n>`."""
    return f"{producer}.{n}"


def split_audit_id(name: str) -> tuple[str, int] | None:
    """Producer and number of a record's name; None when it is none."""
    producer, _, number = name.rpartition(".")
    return (producer, int(number)) if producer and number.isascii() and number.isdigit() else None
