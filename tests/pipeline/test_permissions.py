"""Least privilege on NATS: derived, committed, and tried on a real nats-server."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import nats
import pytest
from batches import Cascade, Desk
from cascade import Middle, Notes, Scripted, StageBody
from nats.aio.client import Client as NatsClient
from servers import NatsServer, nats_server, until

from pipeline import permissions as module
from pipeline.adapters.clock import SystemClock
from pipeline.adapters.journal import StreamJournal
from pipeline.adapters.results import StreamResults
from pipeline.adapters.weights import BucketWeights, dump_weights
from pipeline.admission import Admission
from pipeline.audit.check import check
from pipeline.audit.writer import ChainedAuditLog, producer_name
from pipeline.client import Client
from pipeline.contracts import Attempt, Chunk, Envelope, OutcomeEvent, Reply, Request, StageName, Verdict
from pipeline.errors import Postponed, TransportUnavailable
from pipeline.gateway.readiness import WorkerPing
from pipeline.layout import consumers
from pipeline.permissions import FILE, USERS, Permissions, password_variable, permissions, render_nats_conf
from pipeline.policy.load import load_folder
from pipeline.policy.source import FixedPolicy
from pipeline.ports import Outcome, Run
from pipeline.runner import Runner
from pipeline.topology import LAST, POSTPONED, STAGES, TRANSITIONS, WAITING
from pipeline.transport.nats import NatsLink, connect
from pipeline.transport.nats.provision import apply, compare
from pipeline.worker import Worker
from stages.audit import Audit

ROOT = Path(__file__).resolve().parents[2]
POLICIES = FixedPolicy(load_folder(ROOT / "policies", {}))


# ---------------------------------------------------------------- on paper


def covers(pattern: str, subject: str) -> bool:
    """Whether `subject` (itself perhaps a pattern) lies within `pattern`."""
    ours, theirs = pattern.split("."), subject.split(".")
    for index, token in enumerate(ours):
        if token == ">":
            return len(theirs) > index
        if index >= len(theirs) or theirs[index] == ">" or (token not in ("*", theirs[index])):
            return False
    return len(ours) == len(theirs)


def may_publish(user: str, subject: str) -> bool:
    return any(covers(pattern, subject) for pattern in USERS[user].publish)


def may_subscribe(user: str, subject: str) -> bool:
    return any(covers(pattern, subject) for pattern in USERS[user].subscribe)


def test_the_committed_file_is_the_rendered_one() -> None:
    """`make schemas` would change nothing in deploy/nats/users.conf."""
    assert (ROOT / FILE).read_text() == render_nats_conf()


def test_a_stage_hands_over_only_to_those_that_may_follow() -> None:
    """Work for any other stage cannot be forged, save that admission makes work for the first stage."""
    for stage in STAGES:
        following = {target for (source, _), target in TRANSITIONS.items() if source == stage}
        allowed = {other for other in STAGES if may_publish(stage, f"step.interactive.{other}")}
        assert allowed == following | ({"classify"} if stage == "classify" else set())


def test_a_stage_fetches_and_acknowledges_only_its_own_work() -> None:
    """Nobody takes, extends or ends what another stage holds."""
    for stage in STAGES:
        for other in STAGES:
            assert may_publish(stage, f"$JS.API.CONSUMER.MSG.NEXT.STEPS.batch-{other}") is (stage == other)
            assert may_publish(stage, f"$JS.ACK.STEPS.batch-{other}.1.2.3.4.5") is (stage == other)


def test_only_audit_writes_records_and_results() -> None:
    """No other worker can make up a decision or an answer that is kept."""
    for subject in ("audit.default.decision", "result.default.r1"):
        assert {user for user in USERS if may_publish(user, subject)} == {"audit", "fused"}


def test_a_request_waits_only_in_front_of_stages_that_spend_and_each_keeps_its_own() -> None:
    """Nobody else can put work aside for later, nor these in front of another stage.

    But for the lane of batches: who gathers calls for a provider wakes the requests of both.
    """
    for stage in STAGES:
        keepers = {user for user in USERS if may_publish(user, f"step.later.interactive.{stage}.default.r1.4.1")}
        assert keepers == ({stage, "fused"} if stage in WAITING else set())
        wakers = {user for user in USERS if may_publish(user, f"step.later.batch.{stage}.default.r1.4.1")}
        assert wakers == ({*WAITING, "fused"} if stage in WAITING else set())


def test_only_who_calls_models_sees_the_shelf_of_calls_for_providers() -> None:
    """What lies there is what targets were permitted to see, and what they answered."""
    for subject in ("shelf.line.small.n", "$JS.API.STREAM.PURGE.SHELF"):
        assert {user for user in USERS if may_publish(user, subject)} == {*WAITING, "fused"}
    assert {user for user in USERS if may_publish(user, "$JS.API.DIRECT.GET.SHELF")} == {*WAITING, "fused", "cli"}


def test_only_who_spends_or_settles_writes_the_ledger_and_only_an_operator_changes_policies() -> None:
    """A worker that never pays can make up no charge, and no worker the policy that it runs under."""
    charging = {"recall", "draft", "escalate", "audit", "fused"}
    assert {user for user in USERS if may_publish(user, "ledger.default.r1.draft-1.settle")} == charging
    assert {user for user in USERS if may_publish(user, "$JS.API.DIRECT.GET.LEDGER")} == charging | {"cli", "classify"}
    assert {user for user in USERS if may_publish(user, "$KV.budgets.day")} == charging
    assert {user for user in USERS if may_publish(user, "$KV.policy.current")} == {"cli"}


def test_only_who_feeds_batches_puts_the_ledger_into_pages_and_nobody_deletes_from_it_otherwise() -> None:
    feeding = {"classify", "fused"}
    assert {user for user in USERS if may_publish(user, "ledger-page.batch-1.1.9")} == feeding
    assert {user for user in USERS if may_publish(user, "$JS.API.STREAM.PURGE.LEDGER")} == feeding
    assert not {user for user in USERS if may_publish(user, "$JS.API.STREAM.MSG.DELETE.LEDGER")}
    assert not {user for user in USERS if may_publish(user, "$JS.API.STREAM.PURGE.AUDIT")}


def test_only_the_provisioner_makes_streams_and_nobody_destroys_one() -> None:
    """Streams are made by one user; deletion and purge are nobody's."""
    makers = {user for user in USERS if may_publish(user, "$JS.API.STREAM.CREATE.STEPS")}
    assert makers == {"provisioner"}
    for act in ("STREAM.DELETE.AUDIT", "STREAM.PURGE.AUDIT", "STREAM.MSG.DELETE.AUDIT", "STREAM.PURGE.STEPS"):
        assert not [user for user in USERS if may_publish(user, f"$JS.API.{act}")]


def test_only_dead_letters_can_be_deleted_and_only_by_an_operator() -> None:
    """`stepwell dead drop` is the one deletion there is."""
    deleters = {user for user in USERS if may_publish(user, "$JS.API.STREAM.MSG.DELETE.DEAD")}
    assert deleters == {"cli"}


def test_the_auditor_only_reads() -> None:
    """It may ask for records and results, those of batches among them, and for nothing else."""
    asks = USERS["auditor"].publish
    reads = ("$JS.API.DIRECT.GET.", "$JS.API.STREAM.INFO.", "$JS.API.CONSUMER.", "$JS.FC.KV_")
    assert all(subject.startswith(reads) for subject in asks)
    named = {part for subject in asks for part in subject.split(".") if part.isupper() or "_" in part}
    known = {"AUDIT", "RESULTS", "OBJ_bodies", "OBJ_files", "KV_batches"}
    assert {name for name in named if name.startswith(("KV_", "OBJ_")) or name in ("AUDIT", "RESULTS")} == known


def test_only_who_feeds_batches_removes_replies_and_what_was_paid() -> None:
    """Both are kept elsewhere by then; the ledger and the log are nobody's to remove."""
    for stream in ("RESULTS", "JOURNAL"):
        purgers = {user for user in USERS if may_publish(user, f"$JS.API.STREAM.PURGE.{stream}")}
        assert purgers == {"classify", "fused"}


def test_everybody_hears_only_its_own_inbox() -> None:
    """Answers to one user are not for the ears of another; nobody listens to everything."""
    for user in USERS:
        assert not may_subscribe(user, ">")
        for other in USERS:
            assert may_subscribe(user, f"_INBOX_{other}.x.1") is (user == other)


def test_fused_may_what_its_stages_may() -> None:
    """One process with all stages needs no more than they do one by one."""
    together = Permissions()
    for stage in STAGES:
        together |= permissions(stage)
    assert set(USERS["fused"].publish) == set(together.publish)
    assert set(USERS["fused"].subscribe) == {*together.subscribe, "_INBOX_fused.>"}


def test_every_user_has_its_own_password() -> None:
    """One variable for each, named after the user."""
    variables = [password_variable(user) for user in USERS]
    assert len(set(variables)) == len(USERS)
    assert all(f"${variable}\n" in render_nats_conf() for variable in variables)


def test_check_mode_names_a_stale_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--check` writes nothing and fails; without it the file is written, and the next check passes."""
    monkeypatch.setattr(module, "__file__", str(tmp_path / "pipeline" / "permissions.py"))
    (tmp_path / FILE).parent.mkdir(parents=True)
    monkeypatch.setattr("sys.argv", ["permissions", "--check"])
    assert module.main() == 1
    assert "make schemas" in capsys.readouterr().err
    monkeypatch.setattr("sys.argv", ["permissions"])
    assert module.main() == 0
    monkeypatch.setattr("sys.argv", ["permissions", "--check"])
    assert module.main() == 0


# ---------------------------------------------------------------- on a real server


def password(user: str) -> str:
    return f"p-{user}"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """A nats-server with the configuration of deploy/."""
    with pytest.MonkeyPatch.context() as patch:
        for user in USERS:
            patch.setenv(password_variable(user), password(user))
        with nats_server(tmp_path_factory.mktemp("nats"), ROOT / "deploy" / "nats" / "nats.conf") as server:
            yield server


async def as_user(server: NatsServer, user: str) -> NatsLink:
    settings = server.settings(STEPWELL_NATS_USER=user, STEPWELL_NATS_PASSWORD=password(user))
    return await connect(settings, name=user)


async def provision(server: NatsServer) -> None:
    link = await as_user(server, "provisioner")
    wanted = consumers(ack_wait_s=2.0)
    await apply(link, await compare(link, wanted), wanted)
    assert all(change.action == "keep" for change in await compare(link, wanted))
    await link.close()


async def denials(server: NatsServer, user: str, publish: list[str], subscribe: list[str]) -> list[str]:
    """What the server denies `user` of these subjects."""
    heard: list[str] = []

    async def on_error(error: Exception) -> None:
        heard.append(str(error))

    client: NatsClient = await nats.connect(
        server.url, user=user, password=password(user), error_cb=on_error, inbox_prefix=f"_INBOX_{user}".encode()
    )
    for subject in publish:
        await client.publish(subject, b"{}", reply=f"_INBOX_{user}.x" if subject.startswith("$JS") else "")
    for subject in subscribe:
        await client.subscribe(subject)
    await client.flush()
    await asyncio.sleep(0.02)
    await client.close()
    denied = " ".join(heard).lower()
    return [subject for subject in (*publish, *subscribe) if f'"{subject.lower()}"' in denied]


def forbidden_to(stage: StageName) -> tuple[list[str], list[str]]:
    """Acts that no worker of `stage` may commit: what to publish, what to subscribe to."""
    other = "draft" if stage != "draft" else "check"
    publish = [
        f"$JS.API.CONSUMER.MSG.NEXT.STEPS.interactive-{other}",
        f"$JS.ACK.STEPS.interactive-{other}.1.1.1.1.0",
        "$JS.API.STREAM.PURGE.AUDIT",
        "$JS.API.STREAM.MSG.DELETE.AUDIT",
        "$JS.API.STREAM.MSG.GET.AUDIT",
        "$JS.API.DIRECT.GET.AUDIT",
        "$JS.API.CONSUMER.CREATE.STEPS.spy",
        "$JS.API.CONSUMER.DURABLE.CREATE.AUDIT.spy",
        "$JS.API.STREAM.DELETE.STEPS",
        "$KV.weights.chat",
        "$KV.policy.routes",
        f"dead.{other}",
        "request.ask.default",
        "_INBOX_provisioner.x",
    ]
    if stage != "audit":
        publish += ["audit.default.decision", "result.default.r1"]
    if stage not in ("draft", "escalate"):
        publish += [f"step.later.batch.{stage}.r.1.1"]
    if stage not in ("recall", "draft", "escalate"):
        publish += ["journal.default.r1.draft-1", "$JS.API.DIRECT.GET.JOURNAL"]
        publish += [] if stage == "audit" else ["ledger.default.r1.draft-1.settle"]
        publish += [] if stage in ("audit", "classify") else ["$JS.API.DIRECT.GET.LEDGER", "ledger-page.batch-1.1.9"]
    if stage == "recall":
        publish += ["_INBOX_door.x", "_INBOX_cli.x"]
    if stage != "classify":
        publish += ["step.interactive.classify", "outcome.default.e1"]
        # The feeder of batches, which runs there, hands lines in, takes them back, and looks which are on their way.
        publish += ["request.enqueue.default", "cancel.default.r1", "$KV.batches.b"]
    if stage not in ("classify", *WAITING):  # who gathers calls for a provider reads which requests wait
        publish += ["$JS.API.DIRECT.GET.STEPS", "shelf.line.small.n", "$JS.API.DIRECT.GET.SHELF"]
    subscribe = [">", "step.>", "audit.>", f"_INBOX_{other}.>", "_INBOX.>"]
    if stage != "classify":
        subscribe += ["request.ask.*", "result.*.*"]
    return publish, subscribe


@pytest.mark.parametrize("stage", STAGES)
async def test_forbidden_acts_are_denied(guarded: NatsServer, stage: StageName) -> None:
    """Another's work, another's records, reading or destroying streams, listening to all: the server says no."""
    await provision(guarded)
    publish, subscribe = forbidden_to(stage)
    assert await denials(guarded, stage, publish, subscribe) == [*publish, *subscribe]


@pytest.mark.parametrize(
    ("user", "publish"),
    [
        ("door", ["step.interactive.classify", "audit.default.decision", "result.default.r1", "$KV.keys.k"]),
        ("door", ["$JS.API.DIRECT.GET.RESULTS", "$JS.API.STREAM.INFO.AUDIT", "outcome.default.e1"]),
        ("cli", ["audit.default.decision", "result.default.r1", "$JS.API.STREAM.PURGE.STEPS", "ledger.a.b.c.settle"]),
        ("cli", ["$JS.API.STREAM.MSG.DELETE.AUDIT", "$JS.API.STREAM.DELETE.DEAD", "journal.default.r1.draft-1"]),
        ("auditor", ["audit.default.decision", "$JS.API.DIRECT.GET.STEPS", "$JS.API.STREAM.MSG.DELETE.AUDIT"]),
        ("allocate", ["step.interactive.plan", "audit.default.decision", "$KV.policy.a", "$JS.API.DIRECT.GET.STEPS"]),
        ("provisioner", ["$JS.API.STREAM.DELETE.STEPS", "$JS.API.STREAM.PURGE.STEPS", "$JS.API.DIRECT.GET.AUDIT"]),
        (
            "provisioner",
            ["$JS.API.STREAM.MSG.GET.AUDIT", "audit.default.decision", "$JS.API.CONSUMER.CREATE.AUDIT.spy"],
        ),
    ],
)
async def test_who_is_no_stage_is_held_to_its_part(guarded: NatsServer, user: str, publish: list[str]) -> None:
    """Door, operator, auditor, allocator and provisioner: each is denied what belongs to others."""
    assert await denials(guarded, user, publish, [">"]) == [*publish, ">"]


async def test_a_denial_is_seen_only_where_something_is_denied(guarded: NatsServer) -> None:
    """The measure itself: an allowed act brings no denial, nor does a stranger get in."""
    await provision(guarded)
    assert await denials(guarded, "door", ["request.ask.default", "cancel.default.r1"], ["_INBOX_door.>"]) == []
    with pytest.raises(nats.errors.Error, match=r"(?i)authorization"):
        await nats.connect(guarded.url, allow_reconnect=False, max_reconnect_attempts=0)


async def test_a_denied_request_fails_at_once_and_says_why(guarded: NatsServer) -> None:
    """The server is silent to whoever asked; the text beside it is enough to fail the request without a time-out."""
    await provision(guarded)
    link = await as_user(guarded, "draft")
    began = asyncio.get_running_loop().time()
    with pytest.raises(TransportUnavailable, match="permissions"):
        await link.streams.last("audit.default.decision")
    assert asyncio.get_running_loop().time() - began < 1
    await link.close()


# ---------------------------------------------------------------- what each part must be able to do


def attempt() -> Attempt:
    return Attempt(number=1, stage="draft", tier=0, variant="small", target="small", model="m", text="five")


def comparing(link: NatsLink) -> StageBody:
    """Writes down a call about a remembered question, and charges it."""
    journal, sums = StreamJournal(link.streams), link.bucket("budgets")

    async def body(envelope: Envelope, run: Run) -> Outcome:
        line = f"ledger.{envelope.key}.recall-1-judge-0123abcd.settle"
        await link.streams.append(line, b"{}", expected=0)
        assert await link.streams.last(line) is not None
        await sums.put(envelope.id, b"{}")
        written = await journal.write(envelope.key, "recall-1-judge-0123abcd", attempt())
        assert await journal.recall(envelope.key, "recall-1-judge-0123abcd") == written
        return Outcome("miss")

    return body


def drafting(link: NatsLink) -> StageBody:
    """Lets one request wait, writes its call down, charges it, reads it again, and streams to the caller."""
    journal = StreamJournal(link.streams)
    sums = link.bucket("budgets")

    async def body(envelope: Envelope, run: Run) -> Outcome:
        if envelope.id == "waits" and envelope.trail[-1].outcome != POSTPONED:
            raise Postponed("the budget is used up", rule="team", retry_after_s=0.2)
        line = f"ledger.{envelope.key}.draft-1.settle"
        await link.streams.append(line, b"{}", expected=0)
        assert await link.streams.last(line) is not None
        await sums.put(envelope.id, b"{}")
        assert await sums.get(envelope.id) is not None
        written = await journal.write(envelope.key, "draft-1", attempt())
        assert await journal.recall(envelope.key, "draft-1") == written
        if run.caller is not None and envelope.request.stream:
            assert await run.caller.chunk(Chunk(seq=0, text="fi"))
        return Outcome("drafted", changes={"attempts": (written,), "streamed": envelope.request.stream})

    return body


async def rejecting(envelope: Envelope, run: Run) -> Outcome:
    """Rejects once, so that the request also takes the way through escalate."""
    if len(envelope.attempts) < 2:
        return Outcome("rejected")
    verdict = Verdict(accepted=True, attempt=2, content="five")
    return Outcome("accepted", changes={"verdict": verdict, "status": "answered"})


def escalating(link: NatsLink) -> StageBody:
    journal = StreamJournal(link.streams)

    async def body(envelope: Envelope, run: Run) -> Outcome:
        second = await journal.write(envelope.key, "escalate-2", attempt().model_copy(update={"number": 2}))
        return Outcome("escalated", changes={"attempts": (*envelope.attempts, second)})

    return body


def stage_of(name: StageName, link: NatsLink) -> Scripted | Audit:
    if name == LAST:
        log = ChainedAuditLog(link.streams, producer_name(), SystemClock())
        return Audit(log, StreamResults(link.streams), SystemClock())
    bodies: dict[str, StageBody] = {
        "recall": comparing(link),
        "draft": drafting(link),
        "check": rejecting,
        "escalate": escalating(link),
    }
    return Scripted(name, bodies.get(name))


@contextlib.asynccontextmanager
async def split(server: NatsServer) -> AsyncIterator[list[Worker]]:
    """One worker for each stage, each as its own user."""
    workers = [await worker_of(await as_user(server, name), [name]) for name in STAGES]
    try:
        yield workers
    finally:
        for worker in workers:
            await worker.stop(grace_s=1.0)


async def worker_of(link: NatsLink, names: list[StageName]) -> Worker:
    clock = SystemClock()
    chosen = [stage_of(name, link) for name in names]
    runner = Runner(chosen, link.transport(), link.streams, clock=clock, random=Middle(), observer=Notes(), worker="w")
    admission = Admission(link, StreamResults(link.streams), POLICIES, clock)
    weights = BucketWeights(link.bucket("weights"))
    starts, stops = ([weights.start], [weights.stop]) if "plan" in names else ([], [])
    worker = Worker(chosen, runner, link, admission, starts, stops, ack_wait_s=0.3)
    await worker.start()
    return worker


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "permissions violation" in record.getMessage().lower()]


async def converse(door: NatsLink) -> None:
    """Everything a caller may do, through the door's user."""
    client = Client(door)
    reply = await client.ask(Request(id="once", input="hello"), timeout_s=10)
    assert reply.status == "answered"
    assert reply.audit_id is not None
    assert (await client.ask(Request(id="once", input="hello"), timeout_s=10)).audit_id == reply.audit_id
    waited = await client.ask(Request(id="waits", input="hello"), timeout_s=10)
    assert "draft:postponed" in waited.path
    assert "draft:drafted" in waited.path
    streamed = [item async for item in client.stream(Request(input="hello"), timeout_s=10)]
    assert [type(item) for item in streamed] == [Chunk, Chunk, Reply], "what came live, the rest, and the end"
    later = await client.enqueue(Request(input="later", lane="batch"))
    async with asyncio.timeout(10):
        while await client.result(later) is None:
            await asyncio.sleep(0.05)
    assert await client.outcome(OutcomeEvent(id="o1", request_id="once", reward=1.0))
    await client.cancel("once")
    await WorkerPing(door)()


@pytest.mark.parametrize("fused", [False, True], ids=["one worker for each stage", "all stages in one"])
async def test_the_cascade_works_within_its_permissions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fused: bool
) -> None:
    """A whole request, streamed and not, now and later, escalated and recorded, and not one denial."""
    caplog.set_level(logging.WARNING, "stepwell.nats")
    for user in USERS:
        monkeypatch.setenv(password_variable(user), password(user))
    with nats_server(tmp_path, ROOT / "deploy" / "nats" / "nats.conf") as server:
        await provision(server)
        door = await as_user(server, "door")
        if fused:
            worker = await worker_of(await as_user(server, "fused"), list(STAGES))
            await converse(door)
            await worker.stop(grace_s=1.0)
        else:
            async with split(server):
                await converse(door)
        await door.close()
        await read_and_learn(server)
    assert complaints(caplog) == []


async def read_and_learn(server: NatsServer) -> None:
    """Allocator, auditor and operator do their part on what the cascade left."""
    allocator = await as_user(server, "allocate")
    assert [stored async for stored in allocator.streams.scan("OUTCOMES")]
    weights, experiments = allocator.bucket("weights"), allocator.bucket("experiments")
    await weights.put("chat", dump_weights(1, [{"small": 1.0}], at=0.0, samples=1), expected=0)
    assert await weights.get("chat") is not None
    await experiments.put("allocate", b"{}", expected=0)
    await allocator.close()
    auditor = await as_user(server, "auditor")
    report = await check(auditor.streams)
    assert report.ok
    assert (await StreamResults(auditor.streams).get("default", "once")) is not None
    await auditor.close()
    await operate(server)


async def operate(server: NatsServer) -> None:
    """An operator reads weights and batches, retries and drops a dead letter, asks, and reports an outcome."""
    worker, operator = await as_user(server, "draft"), await as_user(server, "cli")
    letter = await worker.streams.append("dead.draft", b"{}", once="d1")
    assert await operator.bucket("weights").keys() == ("chat",)
    await operator.bucket("batches").put("b1", b"{}", expected=0)
    assert await operator.bucket("batches").keys() == ("b1",)
    await operator.streams.append("step.interactive.draft", b"{}", once="retry.d1")
    assert await operator.streams.delete("DEAD", letter.sequence)
    await operator.streams.append("outcome.default.o2", b"{}", expected=0)
    assert [found async for found in operator.streams.scan("AUDIT")]
    for link in (worker, operator):
        await link.close()


@pytest.mark.parametrize("user", ["door", "cli"])
async def test_a_batch_runs_within_the_permissions_of_who_submits_and_of_the_first_stage(
    guarded: NatsServer, caplog: pytest.LogCaptureFixture, user: str
) -> None:
    """It is stored, read, run, cancelled, tried again and fetched, and not one denial."""
    caplog.set_level(logging.WARNING, "stepwell.nats")
    await provision(guarded)
    fused, first, caller = [await as_user(guarded, name) for name in ("fused", "classify", user)]
    feeding, desk = Desk(first), Desk(caller)
    desk.cascade = Cascade(fused, answer=lambda request: None if request.input == "slow" else "answered")
    await desk.cascade.start()
    await feeding.lead()
    batch = await desk.counted(await desk.submit({"input": "quick"}, {"input": "slow"}, dedup=False), 1)
    assert [row.line for row in await desk.rows(batch)] == [1]
    await desk.engine.cancel("default", batch.id)
    assert (await desk.until(batch)).status == "cancelled"
    desk.cascade.answer = lambda _: "answered"
    assert (await desk.until(await desk.engine.retry("default", batch.id))).counts.answered == 2
    assert await desk.engine.delete_file("default", batch.file_id)
    await feeding.feeders[0].stop()
    for link in (caller, first, fused):
        await link.close()
    assert complaints(caplog) == []


@pytest.mark.parametrize("user", [*STAGES, "fused", "door", "allocate"])
async def test_whoever_follows_the_policies_hears_of_a_change(
    guarded: NatsServer, caplog: pytest.LogCaptureFixture, user: str
) -> None:
    """An operator applies; workers, door and allocator read and watch."""
    await provision(guarded)
    operator, follower = await as_user(guarded, "cli"), await as_user(guarded, user)
    changes = follower.bucket("policy").watch()
    while await anext(changes) is not None:
        pass
    await operator.bucket("policy").put("current", user.encode())
    change = await anext(changes)
    assert change is not None
    assert change.value == user.encode()
    found = await follower.bucket("policy").get("current")
    assert found is not None
    assert found.value == user.encode()
    await changes.aclose()  # type: ignore[attr-defined]
    for link in (operator, follower):
        await link.close()
    assert complaints(caplog) == []


async def test_plan_hears_of_new_weights(guarded: NatsServer, caplog: pytest.LogCaptureFixture) -> None:
    """The watch on the bucket of weights works with the permissions of plan."""
    await provision(guarded)
    allocator, plan = await as_user(guarded, "allocate"), await as_user(guarded, "plan")
    weights = BucketWeights(plan.bucket("weights"))
    await weights.start()
    await allocator.bucket("weights").put("labels", dump_weights(3, [{"small": 1.0}], at=0.0, samples=1))
    await until(lambda: weights.current("labels") is not None)
    await weights.stop()
    for link in (allocator, plan):
        await link.close()
    assert complaints(caplog) == []
