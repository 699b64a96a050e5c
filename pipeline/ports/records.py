"""What is written down: the journal, the chained log, results."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from pipeline.contracts import Attempt, Reply

__all__ = ["AuditLog", "AuditReference", "Journal", "ResultStore"]


class Journal(Protocol):
    """Remembers what was paid for, so that a redelivery does not pay again."""

    async def recall(self, key: str, step: str) -> Attempt | None:
        """The attempt written for this step of the request with this `Envelope.key`, if any."""
        ...

    async def write(self, key: str, step: str, attempt: Attempt) -> Attempt:
        """Write it down, durably. Returns the one that counts: the first that was written."""
        ...


@dataclass(frozen=True, slots=True)
class AuditReference:
    """Where a record stands, and the SHA-256 (hex) of its bytes."""

    audit_id: str
    sequence: int
    digest: str


class AuditLog(Protocol):
    """The chained log."""

    async def append(self, fields: Mapping[str, object]) -> AuditReference:
        """Append a record of `fields` (those of AuditRecord but for producer, n, prev). Returns when durable."""
        ...


class ResultStore(Protocol):
    """Replies by request id."""

    async def put(self, reply: Reply) -> Reply:
        """Store the reply. Returns the one that counts: the first final one for this id."""
        ...

    async def get(self, tenant: str, request_id: str) -> Reply | None:
        """The reply, if it is there already."""
        ...
