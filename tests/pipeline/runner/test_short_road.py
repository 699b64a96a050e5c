"""The short road, on a real nats-server: what ends without a paid call was in no queue, and all else was in one."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cascade import StageBody
from servers import NatsServer, nats_server, provisioned, until
from small_cascade import SmallCascade

from pipeline.adapters.results import StreamResults
from pipeline.admission import ACCEPTED_HEADER, FRESH_HEADER
from pipeline.client import Client
from pipeline.contracts import Budget, DeadLetter, Envelope, Request, StageName, parse_envelope
from pipeline.errors import PolicyInvalid, ResidencyRefused, TransportUnavailable
from pipeline.policy.models.limits import AdmissionLimits
from pipeline.ports import NotDurable, Outcome, Run
from pipeline.runner import Carried
from pipeline.transport.nats import NatsLink, NatsTransport, connect
from pipeline.worker import Slots

SUPPORT = Path(__file__).parents[2] / "support"


class House(SmallCascade):
    """It knows how many messages were written to the queues since it began."""

    before = 0

    async def written(self) -> int:
        return await _ever_written(self.link) - self.before

    async def wrote(self, number: int) -> None:
        """Wait until there were so many, and see that there are no more."""
        async with asyncio.timeout(5):
            while await self.written() < number:
                await asyncio.sleep(0.01)
        assert await self.written() == number


async def _ever_written(link: NatsLink) -> int:
    return int((await link.jetstream.stream_info("STEPS")).state.last_seq)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    with nats_server(tmp_path_factory.mktemp("nats")) as made:
        yield made


@pytest.fixture
async def nats(server: NatsServer) -> NatsServer:
    """A server on which everything exists, with nothing in the queues."""
    link = await provisioned(server)
    for pattern in ("step.>", "result.>", "dead.>"):
        await link.streams.purge(pattern)
    await link.close()
    return server


@asynccontextmanager
async def house(nats: NatsServer, *, slots: int = 256, **bodies: StageBody) -> AsyncIterator[House]:
    """All stages in this process; who asks over the connection they share asks within it."""
    small = House(nats, await connect(nats.settings(), name="house"), **bodies)
    small.slots = Slots(interactive=slots)
    async with small:
        small.before = await _ever_written(small.link)
        yield small


async def hit(envelope: Envelope, run: Run) -> Outcome:
    return Outcome("hit")


async def queued(link: NatsLink) -> list[tuple[str, Envelope]]:
    """What is in the queues: stage, envelope."""
    found = [stored async for stored in link.streams.scan("STEPS")]
    return [(stored.subject.split(".")[2], parse_envelope(stored.body)) for stored in found]


class Once:
    """A stage that does something the first time, and then goes on as `kind`."""

    def __init__(self, kind: str, first: Exception | str) -> None:
        self.kind, self.first = kind, first
        self.runs: list[Run] = []

    async def __call__(self, envelope: Envelope, run: Run) -> Outcome:
        self.runs.append(run)
        if len(self.runs) > 1:
            return Outcome(self.kind)
        if isinstance(self.first, Exception):
            raise self.first
        return Outcome(self.first)


# ---------------------------------------------------------------- what takes it


async def test_what_is_remembered_is_answered_and_kept_and_was_in_no_queue(nats: NatsServer) -> None:
    async with house(nats, recall=hit) as small:
        reply = await Client(small.link).ask(Request(input="hello"))
        stored = await small.results.get("default", reply.id)
        assert (reply.status, reply.content) == ("answered", "hello")
        assert stored == reply
        assert await small.written() == 0
        assert small.drafted == []


async def test_a_refusal_is_told_and_was_in_no_queue(nats: NatsServer) -> None:
    async def refuse(envelope: Envelope, run: Run) -> Outcome:
        raise ResidencyRefused("no target may see this", rule="residency.rules.1")

    async with house(nats, plan=refuse) as small:
        reply = await Client(small.link).ask(Request(input="hello"))
        assert reply.status == "refused"
        assert reply.error is not None
        assert reply.error.rule == "residency.rules.1"
        assert await small.written() == 0


async def test_a_request_that_needs_a_call_is_in_a_queue_in_front_of_the_stage_that_makes_it(nats: NatsServer) -> None:
    seen: list[tuple[str, Envelope]] = []
    runs: list[Run] = []

    async def draft(envelope: Envelope, run: Run) -> Outcome:
        seen.extend(await queued(small.link))
        runs.append(run)
        return Outcome("drafted")

    async with house(nats, draft=draft) as small:
        reply = await Client(small.link).ask(Request(input="hello"))
        [(stage, envelope)] = seen
        assert (stage, envelope.id) == ("draft", reply.id)
        assert [step.outcome for step in envelope.trail] == ["classified", "planned", "miss"]
        assert [len(stage.seen) for stage in small.chosen[:4]] == [1, 1, 1, 1]
        assert [(run.durable, run.delivered) for run in runs] == [(True, 1)]
        await until(lambda: small.worker.runner.held == 0)
        assert await small.written() == 1


async def test_a_stage_that_wants_to_make_a_call_itself_is_run_again_once_a_queue_has_the_request(
    nats: NatsServer,
) -> None:
    runs: list[bool] = []

    async def recall(envelope: Envelope, run: Run) -> Outcome:
        runs.append(run.durable)
        if not run.durable:
            raise NotDurable
        assert [stage for stage, _ in await queued(small.link)] == ["recall"]
        return Outcome("hit")

    async with house(nats, recall=recall) as small:
        reply = await Client(small.link).ask(Request(input="hello"))
        assert reply.path == ("classify:classified", "plan:planned", "recall:hit")
        assert runs == [False, True]
        assert await small.written() == 1


# ---------------------------------------------------------------- what does not


@pytest.mark.parametrize("request_id", ["mine", None])
async def test_an_id_of_the_callers_own_takes_the_long_road_and_is_answered_once(
    nats: NatsServer, request_id: str | None
) -> None:
    async with house(nats, recall=hit) as small:
        client = Client(small.link)
        replies = [await client.ask(Request(id=request_id, input="hello")) for _ in range(2)]
        assert await small.written() == (1 if request_id else 0)
        assert len(small.chosen[0].seen) == (1 if request_id else 2)
        assert (replies[0] == replies[1]) == bool(request_id)


async def test_who_asks_from_another_process_takes_the_long_road(nats: NatsServer) -> None:
    async with house(nats, recall=hit) as small:
        other = await connect(nats.settings(), name="other")
        assert (await Client(other).ask(Request(input="hello"))).status == "answered"
        assert await small.written() == 1
        await other.close()


@pytest.mark.parametrize(("headers", "longs"), [({}, 0), ({ACCEPTED_HEADER: "1"}, 1)])
async def test_who_wants_the_word_that_it_is_durable_gets_it_when_it_is(
    nats: NatsServer, headers: Mapping[str, str], longs: int
) -> None:
    async with house(nats, recall=hit) as small:
        conversation = await small.link.converse(
            "request.ask.default", b'{"input": "hi"}', headers={FRESH_HEADER: "1", **headers}
        )
        first = await conversation.next(5)
        assert first is not None
        assert first.body.startswith(b'{"accepted"') == bool(longs)
        assert await small.written() == longs


async def test_lines_of_batches_take_the_long_road(nats: NatsServer) -> None:
    async with house(nats, recall=hit) as small:
        assert (await Client(small.link).ask(Request(input="hello", lane="batch"))).status == "answered"
        assert await small.written() == 1


# ---------------------------------------------------------------- trouble


@pytest.mark.parametrize("first", [TransportUnavailable("away"), ValueError("a defect"), "nonsense"], ids=repr)
@pytest.mark.parametrize(("stage", "kind"), [("classify", "classified"), ("plan", "planned"), ("audit", "recorded")])
async def test_a_stage_that_fails_is_tried_again_from_the_queue(
    nats: NatsServer, stage: StageName, kind: str, first: Exception | str
) -> None:
    once = Once(kind, first)
    places: list[str] = []

    async def watched(envelope: Envelope, run: Run) -> Outcome:
        places.extend(name for name, _ in await queued(small.link))
        outcome = await once(envelope, run)
        return await small._end(envelope, run) if stage == "audit" and len(once.runs) > 1 else outcome

    async with house(nats, **{"recall": hit, stage: watched}) as small:
        reply = await asyncio.wait_for(Client(small.link).ask(Request(input="hello")), 10)
        assert reply.status == "answered"
        assert places[0] == stage
        assert [(run.durable, run.delivered) for run in once.runs] == [(False, 1), (True, 1)]


async def test_what_cannot_be_tried_again_leaves_its_letter_where_it_failed_and_is_answered(nats: NatsServer) -> None:
    async def broken(envelope: Envelope, run: Run) -> Outcome:
        raise PolicyInvalid("no such route")

    async with house(nats, plan=broken) as small:
        reply = await Client(small.link).ask(Request(input="hello"))
        letters = [DeadLetter.model_validate_json(one.body) async for one in small.link.streams.scan("DEAD")]
        assert (reply.status, reply.provisional) == ("failed", True)
        assert [(letter.stage, letter.request_id, letter.attempts) for letter in letters] == [("plan", reply.id, 1)]
        assert await small.written() == 0


async def test_where_no_queue_takes_it_the_caller_is_told_and_its_slot_is_free(
    nats: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> bool:
        raise TransportUnavailable("NATS is not connected")

    async with house(nats, slots=1) as small:
        with monkeypatch.context() as patch:
            patch.setattr(NatsTransport, "hand_over", away)
            for _ in range(3):
                reply = await asyncio.wait_for(Client(small.link).ask(Request(input="hello")), 5)
                assert reply.error is not None
                assert reply.error.code == "transport_unavailable"
        assert (await Client(small.link).ask(Request(input="hello"))).status == "answered"
        assert small.drafted[-1].request.conversation()[0].content == "hello"


async def test_who_takes_the_question_back_or_runs_out_of_time_is_recorded_as_on_the_long_road(
    nats: NatsServer,
) -> None:
    begun = asyncio.Event()

    async def waits(envelope: Envelope, run: Run) -> Outcome:
        begun.set()
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

    async with house(nats, recall=waits) as small:
        client, ended = Client(small.link), small.chosen[6].seen
        late = await client.ask(Request(input="hello", budget=Budget(deadline_ms=100)))
        assert late.error is not None
        assert late.error.code == "deadline_exceeded"
        begun.clear()
        asking = asyncio.create_task(client.ask(Request(input="hello")))
        await begun.wait()
        asking.cancel()
        await until(lambda: len(ended) == 2)
        assert [envelope.trail[-1].outcome for envelope in ended] == ["expired", "cancelled"]
        assert await small.written() == 0


async def test_what_is_in_hand_when_the_grace_is_over_is_in_a_queue_for_another_worker(nats: NatsServer) -> None:
    begun = asyncio.Event()

    async def waits(envelope: Envelope, run: Run) -> Outcome:
        begun.set()
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

    small = SmallCascade(nats, await connect(nats.settings(), name="house"), recall=waits)
    await small.__aenter__()
    asking = asyncio.create_task(Client(small.link).ask(Request(input="hello")))
    await begun.wait()
    await small.worker.stop(0.1)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    watching = await connect(nats.settings(), name="another")
    [(stage, envelope)] = await queued(watching)
    assert (stage, [step.stage for step in envelope.trail]) == ("recall", ["classify", "plan"])
    await watching.close()


# ---------------------------------------------------------------- fairness


async def test_a_burst_takes_the_slots_there_are_and_then_stands_in_its_rows_up_to_the_limit(nats: NatsServer) -> None:
    """Limit 20, slots 4: four are in hand, the queue has the others, and who comes later is told so."""
    opened = asyncio.Event()

    async def recall(envelope: Envelope, run: Run) -> Outcome:
        await opened.wait()
        return Outcome("hit")

    async with house(nats, slots=4, recall=recall) as small:
        small.policies.policy.limits.admission = AdmissionLimits(interactive=20)
        client = Client(small.link, "loud")
        asking = [asyncio.create_task(client.ask(Request(input="hello"))) for _ in range(30)]
        await until(lambda: sum(task.done() for task in asking) == 10)
        await small.wrote(16)
        assert len(small.chosen[2].seen) == 4
        quiet = asyncio.create_task(Client(small.link, "quiet").ask(Request(input="hello")))
        await small.wrote(17)
        opened.set()
        replies = await asyncio.gather(*asking, quiet)
        told = [reply.error.code for reply in replies if reply.error is not None]
        assert told == ["overloaded"] * 10
        assert replies[-1].status == "answered"
        served = [envelope.tenant for envelope in small.chosen[6].seen]
        assert served.index("quiet") < 15
        assert (await client.ask(Request(input="hello"))).status == "answered"


async def test_nobody_on_the_short_road_overtakes_who_waits_in_front_of_it(nats: NatsServer) -> None:
    opened = asyncio.Event()

    async def recall(envelope: Envelope, run: Run) -> Outcome:
        await opened.wait()
        return Outcome("hit")

    async with house(nats, slots=1, recall=recall) as small:
        client, asking = Client(small.link), []
        for number in range(4):
            asking.append(asyncio.create_task(client.ask(Request(input=f"{number}"))))
            await asyncio.sleep(0.05)
        opened.set()
        await asyncio.gather(*asking)
        served = [envelope.request.conversation()[0].content for envelope in small.chosen[6].seen]
        assert served == ["0", "1", "2", "3"]


# ---------------------------------------------------------------- a process that is killed

VICTIM = """
import asyncio, os, signal, sys
sys.path[:0] = [sys.argv[1]]
from pipeline.client import Client
from pipeline.contracts import Request
from pipeline.ports import Outcome
from pipeline.settings import Settings
from pipeline.transport.nats import connect
from small_cascade import SmallCascade

async def dies(envelope, run):
    os.kill(os.getpid(), signal.SIGKILL)

async def main():
    link = await connect(Settings.from_environment(), name="victim")
    async with SmallCascade(None, link, **{sys.argv[2]: dies}):
        await Client(link).ask(Request(input="hello"))

asyncio.run(main())
"""


async def _killed_in(nats: NatsServer, stage: StageName) -> NatsLink:
    """A process with all stages that asks itself, and is killed once `stage` has begun."""
    link = await provisioned(nats)
    victim = await asyncio.create_subprocess_exec(
        sys.executable, "-c", VICTIM, str(SUPPORT), stage, env={**os.environ, "STEPWELL_NATS": nats.url}
    )
    assert await asyncio.wait_for(victim.wait(), 30) == -signal.SIGKILL
    return link


async def test_who_is_killed_before_any_call_takes_the_question_along_and_leaves_nothing(nats: NatsServer) -> None:
    link = await _killed_in(nats, "recall")
    assert await queued(link) == []
    assert await link.streams.subjects("RESULTS", "result.>") == set()
    await link.close()


async def test_who_is_killed_in_the_middle_of_a_call_left_its_step_and_another_worker_ends_it(nats: NatsServer) -> None:
    link = await _killed_in(nats, "draft")
    [(stage, envelope)] = await queued(link)
    assert (stage, len(envelope.trail)) == ("draft", 3)
    results = StreamResults(link.streams)
    async with SmallCascade(nats, link) as small:
        async with asyncio.timeout(10):
            while (reply := await results.get("default", envelope.id)) is None:
                await asyncio.sleep(0.02)
        assert reply.status == "answered"
        assert [one.id for one in small.drafted] == [envelope.id]


def test_a_carried_request_is_a_delivery_that_no_queue_has() -> None:
    from cascade import envelope

    carried = Carried(envelope(), 2)
    assert (carried.stage, carried.lane, carried.row, carried.delivered, carried.durable) == (
        "classify", "interactive", 2, 1, False,
    )  # fmt: skip
    assert parse_envelope(carried.body) == envelope()
