"""Verify the log of a running system: records, then replies, then the records written meanwhile."""

from collections.abc import AsyncIterator, Callable
from typing import Final

import orjson

from pipeline.audit.verify import Receipt, Report, Verifier
from pipeline.ports import Stored, Streams

__all__ = ["AUDIT", "RESULTS", "check", "receipt_of"]

AUDIT: Final = "AUDIT"
RESULTS: Final = "RESULTS"
AHEAD: Final = 10_000
"""Replies kept aside because their record was written after the log was read; beyond it, the log is read on."""

Progress = Callable[[int], None]


def receipt_of(stored: Stored) -> Receipt:
    """What a stored reply says about its record. A reply that cannot be read names none."""
    _, tenant, request_id = (*stored.subject.split(".", 2), "", "")[:3]
    try:
        reply = orjson.loads(stored.body)
        name, sequence, digest = reply.get("audit_id"), reply.get("audit_sequence") or 0, reply.get("audit_sha256")
    except (orjson.JSONDecodeError, AttributeError):
        name, sequence, digest = None, 0, None
    return Receipt(tenant, request_id, name, sequence, digest)


async def check(
    streams: Streams, progress: Progress = lambda _: None, kept: AsyncIterator[Receipt] | None = None
) -> Report:
    """Verify every record of the log and every stored reply against it.

    Args:
        streams: where both are.
        progress: told the number of records read so far, every thousand records.
        kept: what replies say that stand elsewhere.
    """
    verifier = Verifier()
    ahead: list[Receipt] = []
    await _read_on(verifier, streams, progress)
    async for receipt in _receipts(streams, kept):
        if not verifier.receipt(receipt):
            ahead.append(receipt)
        if len(ahead) >= AHEAD:
            await _catch_up(verifier, streams, ahead, progress)
    await _catch_up(verifier, streams, ahead, progress)
    return verifier.report()


async def _receipts(streams: Streams, kept: AsyncIterator[Receipt] | None) -> AsyncIterator[Receipt]:
    async for stored in streams.scan(RESULTS):
        yield receipt_of(stored)
    if kept is not None:
        async for receipt in kept:
            yield receipt


async def _read_on(verifier: Verifier, streams: Streams, progress: Progress) -> None:
    async for stored in streams.scan(AUDIT, after=verifier.sequence):
        verifier.record(stored)
        if verifier.records % 1000 == 0:
            progress(verifier.records)
    progress(verifier.records)


async def _catch_up(verifier: Verifier, streams: Streams, ahead: list[Receipt], progress: Progress) -> None:
    if not ahead:
        return
    await _read_on(verifier, streams, progress)
    for receipt in ahead:
        verifier.receipt(receipt, final=True)
    ahead.clear()
