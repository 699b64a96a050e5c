"""Batches in front of a cascade that is none: it takes requests in, and answers each as it is told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from unittest.mock import patch

import orjson

from pipeline.adapters.results import StreamResults
from pipeline.batch import Batch, Engine, Options, Row, feeder, results
from pipeline.batch.feeder import Feeder
from pipeline.contracts import Envelope, ErrorBody, JsonObject, Reply, Request, Status
from pipeline.errors import InvalidRequest
from pipeline.ports import Incoming, Link
from pipeline.runner import dump_envelope
from pipeline.topology import cancel_subject, request_subject
from pipeline.transport.answers import PART_HEADER

PATIENCE_S = 10.0


@dataclass
class Clock:
    """The time, which a test may move on."""

    ahead: float = 0.0

    def now(self) -> float:
        return asyncio.get_running_loop().time() + 1_800_000_000.0 + self.ahead

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


def translate(url: str, body: JsonObject, tenant: str) -> Request:
    if url != "/v1/chat/completions":
        raise InvalidRequest("url: lines are for /v1/chat/completions", param="url")
    return Request(input=str(body["say"]), tenant=tenant)


@dataclass
class Cascade:
    """Takes requests in. `answer` says what becomes of one: a status, or None while nothing does."""

    link: Link
    answer: Callable[[Request], Status | None] = lambda _: "answered"
    taken: list[Request] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    provisional: set[str] = field(default_factory=set)
    """Inputs whose replies may be replaced later."""
    silent: bool = False
    revision: str = "p1"

    async def start(self) -> None:
        await self.link.serve(
            "stepwell",
            "1.0.0",
            {request_subject("enqueue", "*"): self._take, request_subject("result", "*"): self._tell},
        )
        await self.link.subscribe(cancel_subject("*.*"), self._cancel)

    async def _take(self, incoming: Incoming) -> None:
        if self.silent:
            return
        request = Request.model_validate_json(incoming.body).model_copy(
            update={"tenant": incoming.subject.rpartition(".")[2]}
        )
        self.taken.append(request)
        assert incoming.reply_to is not None
        await self.link.publish(incoming.reply_to, orjson.dumps({"accepted": request.id}))
        status = self.answer(request)
        if status is not None:
            await self.end(request, status)

    async def _tell(self, incoming: Incoming) -> None:
        assert incoming.reply_to is not None
        tenant = incoming.subject.rpartition(".")[2]
        reply = await StreamResults(self.link.streams).get(tenant, orjson.loads(incoming.body)["id"])
        if reply is None:
            error = orjson.dumps({"error": {"code": "not_found", "message": "there is none"}})
            await self.link.publish(incoming.reply_to, error)
            return
        body = reply.model_dump_json(exclude_none=True).encode()
        await self.link.publish(incoming.reply_to, body, {PART_HEADER: "1/1"})
        await self.link.publish(incoming.reply_to, b"")

    async def _cancel(self, incoming: Incoming) -> None:
        request_id = incoming.subject.rpartition(".")[2]
        self.cancelled.append(request_id)
        request = next((request for request in self.taken if request.id == request_id), None)
        if request is not None:
            await self.end(request, "failed", "cancelled")

    async def end(self, request: Request, status: Status, code: str = "target_rejected") -> None:
        failed = status != "answered"
        reply = Reply(
            id=str(request.id),
            tenant=request.tenant,
            status=status,
            content=None if failed else f"to {request.input}",
            cost_usd=0.01,
            policy_revision=self.revision,
            fingerprint="f",
            provisional=str(request.input) in self.provisional,
            error=ErrorBody(code=code, message="it went wrong") if failed else None,
        )
        await StreamResults(self.link.streams).put(reply)

    @property
    def ids(self) -> list[str]:
        return [str(request.id) for request in self.taken]


async def bytes_of(*lines: object) -> AsyncIterator[bytes]:
    for line in lines:
        yield (line if isinstance(line, bytes) else orjson.dumps(line)) + b"\n"


async def in_queues(link: Link, requests: list[Request]) -> None:
    """What a real cascade would hold of these requests: their envelopes in a queue."""
    for request in requests:
        envelope = Envelope.model_construct(
            id=str(request.id),
            request=request,
            fingerprint="f",
            lane="batch",
            received_at=0.0,
            deadline_at=9e9,
            reply_to=None,
            traceparent=None,
            policy_revision="p",
        )
        await link.streams.append("step.batch.draft", dump_envelope(envelope), once=f"{request.id}.test")


def questions(count: int, word: str = "question") -> list[dict[str, str]]:
    return [{"input": f"{word} {number}"} for number in range(1, count + 1)]


@dataclass
class Desk:
    """An engine and what it needs to be tried."""

    link: Link
    clock: Clock = field(default_factory=Clock)
    feeders: list[Feeder] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.engine = Engine(self.link, self.clock)
        self.cascade = Cascade(self.link)

    async def lead(self, **options: object) -> Feeder:
        """One more that may lead."""
        who = f"feeder-{len(self.feeders)}"
        feeder = Feeder(self.link, self.clock, translate, who, revision=lambda: self.cascade.revision, **options)  # type: ignore[arg-type]
        await feeder.start()
        self.feeders.append(feeder)
        return feeder

    async def submit(
        self, *lines: object, tenant: str = "default", wanted: str | None = None, **options: object
    ) -> Batch:
        info = await self.engine.put_file(tenant, bytes_of(*lines), name="requests.jsonl")
        return await self.engine.create(tenant, info.id, Options(**options), batch_id=wanted)  # type: ignore[arg-type]

    async def until(self, batch: Batch, *statuses: str) -> Batch:
        """The batch once it has one of these statuses, or has ended."""
        wanted = statuses or ("completed", "failed", "expired", "cancelled")
        async with asyncio.timeout(PATIENCE_S):
            while (found := await self.engine.get(batch.tenant, batch.id)).status not in wanted:
                await asyncio.sleep(0.02)
        return found

    async def counted(self, batch: Batch, answered: int) -> Batch:
        """The batch once it says that so many lines were answered."""
        async with asyncio.timeout(PATIENCE_S):
            while (found := await self.engine.get(batch.tenant, batch.id)).counts.answered < answered:
                await asyncio.sleep(0.02)
        return found

    async def met(self, batch: Batch, wanted: Callable[[Batch], bool]) -> Batch:
        """The batch once it is as wanted."""
        async with asyncio.timeout(PATIENCE_S):
            while not wanted(found := await self.engine.get(batch.tenant, batch.id)):
                await asyncio.sleep(0.02)
        return found

    async def rows(self, batch: Batch, **options: object) -> list[Row]:
        found = await self.engine.get(batch.tenant, batch.id)
        return [row async for row in self.engine.rows(found, **options)]  # type: ignore[arg-type]


@asynccontextmanager
async def desk_on(link: Link, *, lead: bool = True) -> AsyncIterator[Desk]:
    """A desk in front of a cascade, with one who leads. Whoever looks now and then looks more often than in earnest."""
    with (
        patch.multiple(feeder, PROGRESS_S=0.05, TICK_S=0.02, TRY_S=0.1, CANCEL_S=0.1),
        patch.object(results, "LOOK_S", 0.05),
    ):
        async with _desk_on(link, lead=lead) as desk:
            yield desk


@asynccontextmanager
async def _desk_on(link: Link, *, lead: bool) -> AsyncIterator[Desk]:
    desk = Desk(link)
    await desk.cascade.start()
    if lead:
        await desk.lead()
    try:
        yield desk
    finally:
        for feeder in desk.feeders:
            await feeder.stop()
