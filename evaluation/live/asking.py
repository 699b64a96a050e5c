"""Ask the cascade, or one model alone, and keep what came back."""

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from pipeline.client import Client
from pipeline.contracts import AuditRecord
from pipeline.embedded.demo.cases import Case
from pipeline.embedded.demo.grading import grade
from pipeline.ports import Streams

__all__ = ["WAYS", "Answer", "Way", "ask_alone", "ask_in_turn"]

Way = Literal["cascade", "small", "large"]
WAYS: Final[tuple[Way, ...]] = ("cascade", "small", "large")


@dataclass(frozen=True, slots=True)
class Answer:
    """One question asked one way. `seconds` as the caller waited; `record`: what the audit log says."""

    place: int
    case: Case
    way: Way
    right: bool
    seconds: float
    cost_usd: float | None
    escalated: bool
    record: AuditRecord | None


async def ask_alone(
    client: Client, streams: Streams, cases: Sequence[Case], way: Way, run: str
) -> AsyncIterator[Answer]:
    """Every question, one way."""
    for place, case in enumerate(cases):
        yield await _ask(client, streams, place, case, way, run)


async def ask_in_turn(
    client: Client, streams: Streams, cases: Sequence[Case], ways: Sequence[Way], run: str
) -> AsyncIterator[Answer]:
    """Every question in all these ways, beginning with another one each time."""
    for place, case in enumerate(cases):
        for turn in range(len(ways)):
            yield await _ask(client, streams, place, case, ways[(place + turn) % len(ways)], run)


async def _ask(client: Client, streams: Streams, place: int, case: Case, way: Way, run: str) -> Answer:
    pin = None if way == "cascade" else way
    request = case.request.model_copy(update={"id": f"live-{run}-{way}-{place}", "pin": pin})
    began = time.perf_counter()
    reply = await client.ask(request)
    seconds = time.perf_counter() - began
    right = case.expected is not None and grade(case.expected, reply)
    stored = await streams.at("AUDIT", reply.audit_sequence) if reply.audit_sequence else None
    record = AuditRecord.model_validate_json(stored.body) if stored is not None else None
    return Answer(place, case, way, right, seconds, reply.cost_usd, reply.escalated, record)
