"""A cascade of small stages on a real nats-server: answers with what it was asked, or with what a test scripts."""

import asyncio
from types import TracebackType

from cascade import Middle, Notes, Scripted, StageBody, reply_of, stages
from servers import NatsServer, provisioned

from pipeline.adapters.clock import SystemClock
from pipeline.adapters.results import StreamResults
from pipeline.admission import Admission
from pipeline.contracts import Chunk, Envelope
from pipeline.errors import StepwellError
from pipeline.policy.models.limits import AdmissionLimits, Lanes
from pipeline.ports import Clock, Outcome, Run
from pipeline.runner import Runner
from pipeline.topology import DONE
from pipeline.transport.nats import NatsLink
from pipeline.worker import Slots, Worker

__all__ = ["SmallCascade"]


class _Limits:
    def __init__(self) -> None:
        self.lanes = Lanes(interactive_deadline_ms=20_000)
        self.admission = AdmissionLimits()


class _Policy:
    def __init__(self) -> None:
        self.revision = "p1"
        self.limits = _Limits()


class _Policies:
    def __init__(self) -> None:
        self.policy = _Policy()

    def current(self) -> _Policy:
        return self.policy

    def revision(self, digest: str) -> None:
        return None


class SmallCascade:
    """All stages in this process.

    The answer is `answer`, or the last message of the question. `raises` is raised by draft, `pieces` are streamed
    before the reply, `gate` holds the answer back while it is not set, `draft` takes the place of the stage. The worker
    has `slots`, and `clock` is the time of its way in.
    """

    def __init__(self, server: NatsServer, connected: NatsLink | None = None, **bodies: StageBody) -> None:
        self.server = server
        self._connected = connected
        self.answer: str | None = None
        self.raises: StepwellError | None = None
        self.pieces: list[str] = []
        self.slots = Slots()
        self.clock: Clock = SystemClock()
        self.gate = asyncio.Event()
        self.gate.set()
        self.policies = _Policies()
        self.chosen: list[Scripted] = stages(**{"draft": self._draft, "audit": self._end, **bodies})

    async def __aenter__(self) -> "SmallCascade":
        self.link: NatsLink = self._connected or await provisioned(self.server)
        results, clock = StreamResults(self.link.streams), SystemClock()
        self.results = results
        runner = Runner(
            self.chosen,
            self.link.transport(),
            self.link.streams,
            clock=clock,
            random=Middle(),
            observer=Notes(),
            worker="w",
        )
        admission = Admission(self.link, results, self.policies, self.clock)  # type: ignore[arg-type]
        self.worker = Worker(self.chosen, runner, self.link, admission, slots=self.slots, ack_wait_s=1.0)
        await self.worker.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.gate.set()
        await self.worker.stop(1)

    @property
    def drafted(self) -> list[Envelope]:
        """What came to the stage that would ask a model."""
        return self.chosen[3].seen

    async def _draft(self, envelope: Envelope, run: Run) -> Outcome:
        await self.gate.wait()
        if self.raises is not None:
            raise self.raises
        return Outcome("drafted")

    async def _end(self, envelope: Envelope, run: Run) -> Outcome:
        asked = envelope.request.conversation()[-1].content
        content = self.answer if self.answer is not None else str(asked)
        kept = await self.results.put(reply_of(envelope, content if envelope.error is None else None))
        if run.caller is not None:
            for number, piece in enumerate(self.pieces if envelope.request.stream else ()):
                await run.caller.chunk(Chunk(seq=number, text=piece))
            await run.caller.reply(kept)
        return Outcome(DONE)
