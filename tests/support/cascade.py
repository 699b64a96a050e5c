"""A cascade of small stages, a clock and an observer that tests own."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from pipeline.contracts import Envelope, Lane, Reply, Request, StageName
from pipeline.ports import Outcome, Run
from pipeline.topology import DONE, LAST, STAGES

StageBody = Callable[[Envelope, Run], Awaitable[Outcome]]
HAPPY = {
    "classify": "classified",
    "plan": "planned",
    "recall": "miss",
    "draft": "drafted",
    "check": "accepted",
    "escalate": "escalated",
    "audit": DONE,
}


@dataclass
class FakeClock:
    """A clock that stands still until it is moved."""

    time: float = 1_000_000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


class Middle:
    """Chance that is always in the middle."""

    def random(self) -> float:
        return 0.5


@dataclass
class Notes:
    """An observer that writes everything down."""

    steps: list[tuple[StageName, str]] = field(default_factory=list)
    troubles: list[tuple[StageName, str, str]] = field(default_factory=list)

    def step(self, stage: StageName, outcome: str, lane: Lane, seconds: float) -> None:
        self.steps.append((stage, outcome))

    def finished(self, envelope: Envelope, reply: Reply) -> None: ...

    def trouble(self, stage: StageName, action: str, code: str) -> None:
        self.troubles.append((stage, action, code))


@dataclass
class Scripted:
    """A stage that does what a test says, and otherwise takes the happy way."""

    name: StageName
    body: StageBody | None = None
    seen: list[Envelope] = field(default_factory=list)

    async def handle(self, envelope: Envelope, run: Run) -> Outcome:
        self.seen.append(envelope)
        if self.body is not None:
            return await self.body(envelope, run)
        if self.name == LAST and run.caller is not None:
            await run.caller.reply(reply_of(envelope))
        return Outcome(HAPPY[self.name])


def reply_of(envelope: Envelope, content: str | None = None) -> Reply:
    return Reply(
        id=envelope.id,
        tenant=envelope.tenant,
        status=envelope.status or "answered",
        content=content,
        path=tuple(f"{step.stage}:{step.outcome}" for step in envelope.trail),
        error=envelope.error,
        provisional=envelope.provisional,
        policy_revision=envelope.policy_revision,
        fingerprint=envelope.fingerprint,
    )


def stages(**bodies: StageBody) -> list[Scripted]:
    """All stages; those named do what is given."""
    return [Scripted(name, bodies.get(name)) for name in STAGES]


def envelope(**changes: object) -> Envelope:
    """An envelope as admission makes it."""
    fields: dict[str, object] = {
        "id": "r1",
        "request": Request(input="hello"),
        "fingerprint": "f",
        "lane": "interactive",
        "received_at": 1_000_000.0,
        "deadline_at": 1_000_060.0,
        "policy_revision": "p",
        **changes,
    }
    return Envelope(**fields)  # type: ignore[arg-type]


@dataclass
class HeldMessage:
    """A delivery that remembers how it was settled."""

    body: bytes
    stage: StageName = "classify"
    lane: Lane = "interactive"
    delivered: int = 1
    row: int = 0
    durable: bool = True
    settled: list[str] = field(default_factory=list)
    delay_s: float = 0.0
    worked: int = 0

    async def working(self) -> None:
        self.worked += 1

    async def ack(self) -> None:
        self.settled.append("ack")

    async def retry(self, delay_s: float) -> None:
        self.settled.append("retry")
        self.delay_s = delay_s


async def forever() -> None:
    await asyncio.Event().wait()
