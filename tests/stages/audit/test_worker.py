"""The order of the last stage: record, keep, reply, remember; and what it does the second time."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from clocks import FakeClock
from decisions import Unsteady, attempt, collect, envelope, reply

from pipeline.adapters.results import StreamResults
from pipeline.audit import ChainedAuditLog
from pipeline.audit.check import check
from pipeline.contracts import Chunk, Envelope, Reply, Step, Verdict
from pipeline.errors import StoreUnavailable, TransportUnavailable
from pipeline.policy.models import CachePolicy, ResidencyFile, Route, SemanticCache, TenantSpec, TierSpec
from pipeline.ports import AuditReference, Run, Stage
from pipeline.transport.memory import MemoryLink
from stages.audit import Audit


@dataclass
class FakeCaller:
    """Notes what it is told, into the common list of events."""

    events: list[str]
    stays: int = 1_000
    chunks: list[Chunk] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    fails: int = 0

    async def chunk(self, chunk: Chunk) -> bool:
        self.events.append("chunk")
        self.chunks.append(chunk)
        return len(self.chunks) < self.stays

    async def reply(self, reply: Reply) -> None:
        if self.fails:
            self.fails -= 1
            raise ConnectionResetError
        self.events.append("reply")
        self.replies.append(reply)


class NotingLog:
    def __init__(self, log: ChainedAuditLog, events: list[str]) -> None:
        self._log = log
        self._events = events

    async def append(self, fields: Mapping[str, object]) -> AuditReference:
        reference = await self._log.append(fields)
        self._events.append("record")
        return reference


class NotingResults(StreamResults):
    def __init__(self, link: MemoryLink, events: list[str]) -> None:
        super().__init__(link.streams)
        self._events = events

    async def put(self, reply: Reply) -> Reply:
        counting = await super().put(reply)
        self._events.append("result")
        return counting


@dataclass
class FakeAnswers:
    events: list[str]
    error: Exception | None = None
    slow_s: float = 0.0
    keeps: bool = True
    kept: list[tuple[str, float]] = field(default_factory=list)

    async def remember(self, envelope: Envelope, ttl_s: float) -> bool:
        await asyncio.sleep(self.slow_s)
        if self.error is not None:
            raise self.error
        self.events.append("remember")
        self.kept.append((envelope.id, ttl_s))
        return self.keeps

    async def landed(self, envelope: Envelope) -> None:
        self.events.append("landed")


@dataclass
class FakeQuestions:
    noted: list[tuple[str, str, float]] = field(default_factory=list)

    def note(self, envelope: Envelope, spec: SemanticCache, ttl_s: float) -> None:
        self.noted.append((envelope.id, spec.within, ttl_s))


@dataclass(frozen=True)
class FakeRoute:
    spec: Route


class FakePolicies:
    """One revision, p1, with the route chat, that lets answers be kept up to a class."""

    def __init__(
        self, *, cached: bool = True, up_to: str = "restricted", semantic: SemanticCache | None = None
    ) -> None:
        visibility = {"sinks": {"cache": {"up_to": up_to}}}
        residency = {"apiVersion": "stepwell/v1", "kind": "Residency", "classes": {}, "visibility": visibility}
        self.residency = ResidencyFile.model_validate(residency)
        tiers = (TierSpec(variants={"small": 1.0}), TierSpec(variants={"large": 1.0}))
        cache = CachePolicy(enabled=cached, ttl=60.0, batch_ttl=7.0, semantic=semantic)
        self.route_of = {"chat": FakeRoute(Route(name="chat", tiers=tiers, cache=cache))}

    def revision(self, digest: str) -> "FakePolicies | None":
        return self if digest == "p1" else None

    def current(self) -> "FakePolicies":
        return self

    def class_of(self, entity: str) -> str:
        return "confidential" if entity else "public"

    def route(self, name: str) -> FakeRoute | None:
        return self.route_of.get(name)

    def tenant(self, name: str) -> TenantSpec:
        return TenantSpec()

    variants: dict[str, object] = {}  # noqa: RUF012 - nothing is priced here
    targets: dict[str, object] = {}  # noqa: RUF012


@dataclass
class Stairs:
    """An audit stage over memory, with everything it touches noted in one list."""

    cached: bool = True
    up_to: str = "restricted"
    semantic: SemanticCache | None = None
    link: MemoryLink = field(default_factory=MemoryLink)
    events: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.caller = FakeCaller(self.events)
        self.answers = FakeAnswers(self.events)
        self.results = NotingResults(self.link, self.events)
        self.log = NotingLog(ChainedAuditLog(self.link.streams, "p", FakeClock()), self.events)
        policies = FakePolicies(cached=self.cached, up_to=self.up_to, semantic=self.semantic)
        self.questions = FakeQuestions()
        self.stage = Audit(
            self.log,
            self.results,
            FakeClock(),
            policies,
            self.answers,
            questions=self.questions,  # type: ignore[arg-type]  # fakes
        )

    async def end(self, decided: Envelope, delivered: int = 1) -> None:
        outcome = await self.stage.handle(decided, Run(delivered, self.caller))
        assert outcome.kind == "recorded"

    async def records(self) -> int:
        return len(await collect(self.link.streams.scan("AUDIT")))


async def test_it_is_a_stage() -> None:
    stage: Stage = Stairs().stage
    assert stage.name == "audit"


async def test_the_reply_goes_out_only_after_the_record_is_durable() -> None:
    stairs = Stairs()
    await stairs.end(envelope())
    assert stairs.events == ["record", "result", "reply", "remember"]
    sent = stairs.caller.replies[0]
    assert (sent.audit_id, sent.audit_sequence) == ("p.0", 1)
    assert await stairs.results.get("acme", "r1") == sent
    assert (await check(stairs.link.streams)).ok


async def test_without_a_durable_record_nothing_is_stored_or_sent() -> None:
    stairs = Stairs()
    clock = FakeClock(tick=10.0)
    log = ChainedAuditLog(Unsteady(stairs.link.streams, *["lost"] * 9), "p", clock, pause_s=0.0)
    stage = Audit(log, stairs.results, clock)
    with pytest.raises(TransportUnavailable):
        await stage.handle(envelope(), Run(1, stairs.caller))
    assert stairs.events == []
    assert await stairs.results.get("acme", "r1") is None


async def test_a_redelivery_after_the_reply_was_stored_repeats_the_reply_and_writes_no_second_record() -> None:
    """The worker died between storing the reply and acknowledging: the caller gets it again, the log does not grow."""
    stairs = Stairs()
    await stairs.end(envelope())
    await stairs.end(envelope(attempts=(attempt(1, text="another text"),)), delivered=2)
    assert await stairs.records() == 1
    assert stairs.caller.replies[0] == stairs.caller.replies[1]


async def test_a_redelivery_before_the_reply_was_stored_does_all_of_it() -> None:
    stairs = Stairs()
    await stairs.end(envelope(), delivered=3)
    assert stairs.events == ["record", "result", "reply", "remember"]


async def test_a_retried_dead_letter_replaces_the_provisional_reply() -> None:
    stairs = Stairs()
    await stairs.end(envelope(status="failed", provisional=True))
    assert stairs.caller.replies[0].provisional
    await stairs.end(envelope(), delivered=2)
    assert stairs.caller.replies[1].status == "answered"
    assert await stairs.results.get("acme", "r1") == stairs.caller.replies[1]
    assert await stairs.records() == 2


async def test_when_another_reply_counts_that_one_is_sent() -> None:
    stairs = Stairs()
    first = await stairs.results.put(reply(content="first"))
    await stairs.end(envelope())
    assert stairs.caller.replies == [first]


async def test_the_reply_of_another_request_under_the_same_id_is_not_shown() -> None:
    stairs = Stairs()
    await stairs.results.put(reply(content="a secret of others", fingerprint="f2"))
    for delivered in (1, 2):
        await stairs.end(envelope(), delivered)
        sent = stairs.caller.replies[-1]
        assert (sent.status, sent.content) == ("failed", None)
        assert sent.error is not None
        assert sent.error.code == "idempotency_conflict"


async def test_a_reply_that_cannot_be_sent_is_worth_another_try() -> None:
    stairs = Stairs()
    stairs.caller.fails = 1
    with pytest.raises(TransportUnavailable):
        await stairs.end(envelope())
    await stairs.end(envelope(), delivered=2)
    assert await stairs.records() == 1
    assert len(stairs.caller.replies) == 1


async def test_without_a_caller_the_reply_waits_in_the_store() -> None:
    stairs = Stairs()
    await stairs.stage.handle(envelope(), Run())
    stored = await stairs.results.get("acme", "r1")
    assert stored is not None
    assert stored.status == "answered"


# ---------------------------------------------------------------- remembering


async def test_an_answer_is_remembered_for_as_long_as_its_route_says() -> None:
    stairs = Stairs()
    await stairs.end(envelope())
    assert stairs.answers.kept == [("r1", 60.0)]


async def test_the_answer_to_a_line_of_a_batch_is_remembered_as_briefly_as_its_route_says_of_batches() -> None:
    stairs = Stairs()
    await stairs.end(envelope(lane="batch"))
    assert stairs.answers.kept == [("r1", 7.0)]


@pytest.mark.parametrize("changes", [{"degraded": "low_confidence"}, {"policy_revision": "unknown"}])
async def test_an_answer_that_may_not_be_kept_is_not_remembered(changes: dict[str, object]) -> None:
    stairs = Stairs()
    await stairs.end(envelope(**changes))
    assert stairs.answers.kept == []


async def test_a_route_without_cache_remembers_nothing() -> None:
    stairs = Stairs(cached=False)
    await stairs.end(envelope())
    assert stairs.answers.kept == []


async def test_a_question_is_kept_with_its_answer_where_the_route_compares_questions() -> None:
    stairs = Stairs(semantic=SemanticCache(within="session"))
    await stairs.end(envelope())
    assert stairs.questions.noted == [("r1", "session", 60.0)]


async def test_without_likeness_or_without_the_answer_no_question_is_kept() -> None:
    plain, refused = Stairs(), Stairs(semantic=SemanticCache())
    refused.answers.keeps = False
    await plain.end(envelope())
    await refused.end(envelope())
    assert plain.questions.noted == refused.questions.noted == []


LEADS = Step(stage="recall", outcome="miss", facts={"flight": "leads"}, at=1.0, duration_ms=1.0, worker="w")


@pytest.mark.parametrize(
    "changes", [{"degraded": "low_confidence"}, {"status": "failed"}, {"policy_revision": "unknown"}], ids=str
)
async def test_those_who_wait_are_told_where_there_is_no_answer_for_them(changes: dict[str, object]) -> None:
    stairs = Stairs()
    await stairs.end(envelope(trail=(LEADS,), **changes))
    assert stairs.events[-2:] == ["reply", "landed"]


async def test_who_waits_for_an_answer_that_was_kept_finds_it_and_is_told_nothing() -> None:
    stairs = Stairs()
    await stairs.end(envelope(trail=(LEADS,)))
    assert "landed" not in stairs.events


async def test_nobody_is_told_where_nobody_waits() -> None:
    stairs = Stairs()
    await stairs.end(envelope(degraded="low_confidence"))
    assert "landed" not in stairs.events


async def test_a_cache_that_is_away_is_no_trouble() -> None:
    stairs = Stairs()
    stairs.answers.error = StoreUnavailable("away")
    await stairs.end(envelope())
    assert stairs.events == ["record", "result", "reply"]


async def test_a_cache_that_hangs_holds_the_stage_for_a_bounded_time_and_the_caller_not_at_all() -> None:
    stairs = Stairs()
    stairs.answers.slow_s = 60.0
    async with asyncio.timeout(2.0):
        await stairs.end(envelope())
    assert stairs.events == ["record", "result", "reply"]


# ---------------------------------------------------------------- streaming


def _long(**changes: object) -> Envelope:
    text = "0123456789" * 45
    verdict = Verdict(accepted=True, attempt=1, content=text)
    return envelope(stream=True, verdict=verdict).model_copy(update=changes)


async def test_an_answer_that_was_not_streamed_while_it_grew_is_sent_in_chunks_before_the_reply() -> None:
    stairs = Stairs()
    await stairs.end(_long())
    assert stairs.events[-5:] == ["chunk", "chunk", "chunk", "reply", "remember"]
    assert [len(chunk.text) for chunk in stairs.caller.chunks] == [200, 200, 50]
    assert "".join(chunk.text for chunk in stairs.caller.chunks) == stairs.caller.replies[0].content


async def test_what_was_reasoned_is_sent_before_the_text() -> None:
    stairs = Stairs()
    made = envelope().attempts[0].model_copy(update={"reasoning": "so " * 200})
    await stairs.end(_long(attempts=(made,)))
    first, *others = stairs.caller.chunks
    assert (first.seq, first.text, first.reasoning) == (0, "", "so " * 200)
    assert [chunk.seq for chunk in others] == [1, 2, 3]
    assert [chunk.reasoning for chunk in others] == [None] * 3


@pytest.mark.parametrize("changes", [{"streamed": True}, {"status": "failed"}, {"request": envelope().request}])
async def test_no_chunks_for_what_was_streamed_or_failed_or_not_asked_as_a_stream(changes: dict[str, object]) -> None:
    stairs = Stairs()
    await stairs.end(_long(**changes))
    assert stairs.caller.chunks == []
    assert len(stairs.caller.replies) == 1


async def test_a_caller_who_left_is_sent_no_more_chunks() -> None:
    stairs = Stairs()
    stairs.caller.stays = 2
    await stairs.end(_long())
    assert len(stairs.caller.chunks) == 2


@pytest.mark.parametrize(("up_to", "kept"), [("confidential", True), ("internal", False)])
async def test_an_answer_about_data_above_the_ceiling_is_not_remembered(up_to: str, kept: bool) -> None:
    stairs = Stairs(up_to=up_to)
    await stairs.end(envelope())
    assert bool(stairs.answers.kept) is kept


async def test_an_answer_to_what_nobody_classified_counts_as_restricted() -> None:
    stairs = Stairs(up_to="confidential")
    await stairs.end(envelope(classification=None))
    assert stairs.answers.kept == []
