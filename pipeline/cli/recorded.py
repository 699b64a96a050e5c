"""What verbs that learn read from the streams: decisions, and how good the answers were."""

from pydantic import ValidationError

from pipeline.audit.check import AUDIT
from pipeline.contracts import AuditRecord, OutcomeEvent, parse_record
from pipeline.embedded.here import settings_here
from pipeline.experiments.outcomes import OUTCOMES
from pipeline.ports import Stored
from pipeline.transport.nats import connect

__all__ = ["decisions_and_outcomes"]


async def decisions_and_outcomes() -> tuple[list[AuditRecord], list[OutcomeEvent]]:
    """The decisions and outcomes that can be read."""
    link = await connect(settings_here(), name="cli")
    try:
        records = [record async for stored in link.streams.scan(AUDIT) if (record := _decision(stored)) is not None]
        outcomes = [event async for stored in link.streams.scan(OUTCOMES) if (event := _outcome(stored)) is not None]
    finally:
        await link.close()
    return records, outcomes


def _decision(stored: Stored) -> AuditRecord | None:
    try:
        record = parse_record(stored.body)
    except ValidationError:
        return None
    return record if isinstance(record, AuditRecord) else None


def _outcome(stored: Stored) -> OutcomeEvent | None:
    try:
        return OutcomeEvent.model_validate_json(stored.body)
    except ValidationError:
        return None
