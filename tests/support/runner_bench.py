"""A runner over stages that tests script, with what it publishes, postpones and buries in view."""

from cascade import FakeClock, HeldMessage, Middle, Notes, Scripted, envelope, stages

from pipeline.contracts import DeadLetter, Envelope, StageName, parse_envelope
from pipeline.policy.source import PolicySource
from pipeline.ports import Outcome, Run
from pipeline.runner import Runner, dump_envelope
from pipeline.transport.memory import MemoryLink

SECRET = "the-prompt-nobody-may-see"


class Bench:
    """A runner over some stages, with everything around it in view."""

    def __init__(self, *chosen: Scripted, policies: PolicySource | None = None) -> None:
        self.link = MemoryLink()
        self.stages = {stage.name: stage for stage in chosen}
        self.clock = FakeClock()
        self.notes = Notes()
        self.published: list[tuple[StageName, Envelope, str]] = []
        self.postponed: list[tuple[StageName, Envelope, str, float]] = []
        self.forsaken: list[tuple[str, int]] = []
        self.runner = Runner(
            chosen,
            self,  # type: ignore[arg-type]
            self.link.streams,
            clock=self.clock,
            random=Middle(),
            observer=self.notes,
            worker="w1",
            policies=policies,
            forsaken=self.forsake,
        )

    async def forsake(self, given: Envelope, delivered: int) -> None:
        self.forsaken.append((given.key, delivered))

    async def hand_over(self, lane: str, stage: StageName, body: bytes, message_id: str, row: int = 0) -> bool:
        self.published.append((stage, parse_envelope(body), message_id))
        return True

    async def postpone(
        self, lane: str, stage: StageName, body: bytes, message_id: str, delay_s: float, row: int = 0
    ) -> bool:
        self.postponed.append((stage, parse_envelope(body), message_id, delay_s))
        return True

    def caller(self, address: str, streaming: bool) -> None:
        return None

    async def step(self, message: HeldMessage) -> HeldMessage:
        await self.runner.step(message)
        return message

    async def letters(self) -> list[DeadLetter]:
        return [DeadLetter.model_validate_json(stored.body) async for stored in self.link.streams.scan("DEAD")]


def fused(**bodies: object) -> Bench:
    return Bench(*stages(**bodies))  # type: ignore[arg-type]


def message(stage: StageName = "classify", **changes: object) -> HeldMessage:
    return HeldMessage(dump_envelope(envelope()), stage, **changes)  # type: ignore[arg-type]


def raising(error: Exception):  # type: ignore[no-untyped-def]
    async def body(given: Envelope, run: Run) -> Outcome:
        raise error

    return body
