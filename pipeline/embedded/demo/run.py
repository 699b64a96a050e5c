"""Send requests and keep what came back."""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from pipeline.client import Client
from pipeline.contracts import AuditRecord, Reply
from pipeline.embedded.demo.cases import Case
from pipeline.embedded.demo.grading import grade
from pipeline.errors import StepwellError
from pipeline.ports import Streams

__all__ = ["Served", "ask_all", "baseline", "records_of"]

AUDIT = "AUDIT"


@dataclass(frozen=True, slots=True)
class Served:
    """A case and its reply. Without one, `trouble` says why. `right` is None where nobody knows."""

    number: int
    case: Case
    seconds: float
    reply: Reply | None
    right: bool | None
    trouble: str | None = None

    @property
    def gradable(self) -> bool:
        """Whether the answer can be right or wrong."""
        return self.case.expected is not None and self.case.expected.gradable


async def ask_all(client: Client, cases: Sequence[Case], run: str) -> AsyncIterator[Served]:
    """Ask one after the other, so that a repeated question meets the remembered answer; `run` makes ids unique."""
    for number, case in enumerate(cases, start=1):
        yield await _ask(client, number, case, f"demo-{run}-{number}")


async def baseline(client: Client, served: Sequence[Served], variant: str, run: str) -> AsyncIterator[Served]:
    """Ask the gradable ones again of `variant` alone, without cache. An exact repeat is not asked twice."""
    known: dict[str, Served] = {}
    for item in (item for item in served if item.gradable):
        key = item.case.request.model_dump_json(exclude={"id"})
        if key not in known:
            alone = item.case.request.model_copy(update={"pin": variant, "cache": "off"})
            case = item.case.model_copy(update={"request": alone})
            known[key] = await _ask(client, item.number, case, f"demo-{run}-{variant}-{item.number}")
        yield known[key]


async def records_of(streams: Streams, served: Sequence[Served]) -> Mapping[int, AuditRecord]:
    """The audit record of each reply, by the number of the request."""
    records = {}
    for item in served:
        if item.reply is not None and item.reply.audit_sequence:
            stored = await streams.at(AUDIT, item.reply.audit_sequence)
            if stored is not None:
                records[item.number] = AuditRecord.model_validate_json(stored.body)
    return records


async def _ask(client: Client, number: int, case: Case, request_id: str) -> Served:
    started = time.perf_counter()
    try:
        reply = await client.ask(case.request.model_copy(update={"id": request_id}))
    except StepwellError as error:
        return Served(number, case, time.perf_counter() - started, None, _right(case, None), error.message)
    return Served(number, case, time.perf_counter() - started, reply, _right(case, reply))


def _right(case: Case, reply: Reply | None) -> bool | None:
    if case.expected is None:
        return None
    return reply is not None and grade(case.expected, reply)
