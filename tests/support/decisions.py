"""Requests that were decided about, and small stand-ins, for tests of the audit and of learning."""

from collections.abc import AsyncIterator, Mapping, Sequence

from clocks import FakeClock

from pipeline.audit import ChainedAuditLog
from pipeline.contracts import (
    Attempt,
    Classification,
    Envelope,
    Finding,
    Plan,
    Reply,
    Request,
    Residency,
    Served,
    Step,
    Tier,
    Usage,
    Verdict,
)
from pipeline.errors import TransportUnavailable
from pipeline.ports import Appended, AuditReference, Stored, Streams
from stages.audit.decide import decide, record_fields

SECRET = "my neighbour Odalys Brandvold owes me 40 crowns"


def step(stage: str, outcome: str, **facts: str | float) -> Step:
    return Step.model_validate(
        {"stage": stage, "outcome": outcome, "facts": facts, "at": 999.0, "duration_ms": 1.5, "worker": "w1"}
    )


def attempt(number: int = 1, **changes: object) -> Attempt:
    plain = Attempt(
        number=number,
        stage="draft" if number == 1 else "escalate",
        tier=number - 1,
        variant="small" if number == 1 else "large",
        target="small" if number == 1 else "large",
        model="m",
        text=f"{SECRET}, answer {number}",
        finish_reason="stop",
        usage=Usage(input_tokens=10, output_tokens=5),
        cost_usd=0.25,
        latency_ms=12.0,
    )
    return plain.model_copy(update=changes)


def envelope(request_id: str = "r1", *, tenant: str = "acme", stream: bool = False, **changes: object) -> Envelope:
    """A request that was drafted and accepted; `changes` are fields of the envelope."""
    plain = Envelope(
        id=request_id,
        request=Request(id=request_id, tenant=tenant, input=SECRET, stream=stream),
        fingerprint="f1",
        lane="interactive",
        received_at=998.0,
        deadline_at=1100.0,
        policy_revision="p1",
        classification=Classification(
            data_class="confidential",
            findings=(Finding(type="PERSON", count=1),),
            scan="complete",
            engine="e",
            residency=(Residency(target="us-large", action="deny", rule="eu-stays", reason="EU data stays in the EU"),),
        ),
        plan=Plan(
            route="chat",
            tiers=(
                Tier(variant="small", target="small", propensity=0.75, weights_version=3),
                Tier(variant="large", target="large", propensity=1.0),
            ),
            threshold=0.5,
        ),
        attempts=(attempt(1),),
        verdict=Verdict(accepted=True, attempt=1, confidence=0.9, threshold=0.5, signals={"mean": 0.9}),
        trail=(step("classify", "classified"), step("plan", "planned"), step("recall", "miss")),
    )
    return plain.model_copy(update=changes)


def fields(request_id: str = "r1", *, tenant: str = "acme") -> Mapping[str, object]:
    """The fields of a record."""
    decided = envelope(request_id, tenant=tenant)
    return record_fields(decided, decide(decided, 1000.0))


def reply(request_id: str = "r1", *, tenant: str = "acme", **changes: object) -> Reply:
    """A reply by the small variant of the route chat."""
    plain = Reply(
        id=request_id,
        tenant=tenant,
        status="answered",
        content="yes",
        served=Served(route="chat", variant="small", target="small", model="m", tier=0, tiers=2),
        policy_revision="p1",
        fingerprint="f1",
    )
    return plain.model_copy(update=changes)


async def collect(found: AsyncIterator[Stored]) -> list[Stored]:
    return [stored async for stored in found]


async def write_log(streams: Streams, count: int, producer: str = "p") -> list[AuditReference]:
    """`count` records of one producer, one after the other."""
    log = ChainedAuditLog(streams, producer, FakeClock())
    return [await log.append(fields(f"r{number}")) for number in range(count)]


class Unsteady:
    """Streams that lose what they are told to lose.

    `plan` says for each append, in turn: `ok`; `lost`, not stored and not confirmed; `mute`, stored and not confirmed.
    After its end everything is `ok`.
    """

    def __init__(self, streams: Streams, *plan: str) -> None:
        self.streams = streams
        self.plan = list(plan)
        self.bodies: list[bytes] = []

    async def append(
        self, subject: str, body: bytes, *, once: str | None = None, expected: int | None = None
    ) -> Appended:
        fate = self.plan.pop(0) if self.plan else "ok"
        self.bodies.append(body)
        if fate == "lost":
            raise TransportUnavailable("lost")
        appended = await self.streams.append(subject, body, once=once, expected=expected)
        if fate == "mute":
            raise TransportUnavailable("mute")
        return appended

    async def last(self, subject: str) -> Stored | None:
        return await self.streams.last(subject)

    async def at(self, stream: str, sequence: int) -> Stored | None:
        return await self.streams.at(stream, sequence)

    def scan(self, stream: str, *, after: int = 0, subject: str | None = None) -> AsyncIterator[Stored]:
        return self.streams.scan(stream, after=after, subject=subject)

    async def delete(self, stream: str, sequence: int) -> bool:
        return await self.streams.delete(stream, sequence)

    async def following(self, stream: str, sequence: int) -> Stored | None:
        return await self.streams.following(stream, sequence)

    async def newest_of(self, stream: str, patterns: Sequence[str]) -> list[Stored]:
        return await self.streams.newest_of(stream, patterns)

    async def purge(self, subject: str, *, upto: int | None = None) -> None:
        await self.streams.purge(subject, upto=upto)
