"""The door with the real client: over small stages, in memory and on a real nats-server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import aiohttp
import orjson
import pytest
from cascade import Middle, Notes, Scripted, reply_of, stages
from fakes_door import Names
from servers import until

from pipeline.adapters.clock import SystemClock
from pipeline.adapters.results import StreamResults
from pipeline.admission import Admission
from pipeline.client import Client
from pipeline.contracts import Chunk, Envelope, Served
from pipeline.gateway import Limits, build_door
from pipeline.gateway.readiness import WorkerPing
from pipeline.gateway.server import listening
from pipeline.policy.models import Lanes
from pipeline.policy.models.limits import AdmissionLimits
from pipeline.ports import Link, Outcome, Run
from pipeline.runner import Runner
from pipeline.topology import DONE
from pipeline.transport.memory import MemoryLink
from pipeline.worker import Worker

PATH = "/v1/chat/completions"
ASK = {"model": "auto", "messages": [{"role": "user", "content": "hi"}]}
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SERVED = Served(route="chat", variant="small", target="small", model="qwen2.5", tier=0, tiers=1)


class Policies:
    """As much of a policy as admission looks at."""

    def current(self) -> Any:
        limits = SimpleNamespace(lanes=Lanes(interactive_deadline_ms=5_000), admission=AdmissionLimits())
        return SimpleNamespace(revision="p1", limits=limits)

    def revision(self, digest: str) -> Any:
        return None


class Cascade:
    """Small stages; the draft streams two pieces, and can be held."""

    def __init__(self, link: Link) -> None:
        self._results = StreamResults(link.streams)
        self.seen: list[Envelope] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.stopped = asyncio.Event()

    async def draft(self, envelope: Envelope, run: Run) -> Outcome:
        self.seen.append(envelope)
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.stopped.set()
            raise
        if run.caller is not None and envelope.request.stream:
            for seq, text in enumerate(("one", " two")):
                await run.caller.chunk(Chunk(seq=seq, text=text))
        return Outcome("drafted")

    async def end(self, envelope: Envelope, run: Run) -> Outcome:
        reply = reply_of(envelope).model_copy(update={"content": "one two", "served": SERVED})
        kept = await self._results.put(reply)
        if run.caller is not None:
            await run.caller.reply(kept)
        return Outcome(DONE)


@pytest.fixture
async def cascade(link: Link) -> AsyncIterator[Cascade]:
    small = Cascade(link)
    chosen: list[Scripted] = stages(draft=small.draft, audit=small.end)
    clock = SystemClock()
    runner = Runner(chosen, link.transport(), link.streams, clock=clock, random=Middle(), observer=Notes(), worker="w")
    admission = Admission(link, StreamResults(link.streams), Policies(), clock)
    worker = Worker(chosen, runner, link, admission)
    await worker.start()
    yield small
    small.gate.set()
    with contextlib.suppress(Exception):
        await worker.stop(1)


@pytest.fixture
async def caller(link: Link) -> AsyncIterator[aiohttp.ClientSession]:
    app = build_door(lambda tenant: Client(link, tenant), Names(), ready=WorkerPing(link, 0.5))
    runner = await listening(app, "127.0.0.1", 0, Limits(), grace_s=0.5)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as session:
        yield session
    await runner.cleanup()


async def test_an_answer_comes_back_through_the_whole_road(caller: aiohttp.ClientSession, cascade: Cascade) -> None:
    response = await caller.post(PATH, json=ASK, headers={"traceparent": TRACE, "x-stepwell-tenant": "acme"})
    assert (await response.json())["choices"][0]["message"]["content"] == "one two"
    (envelope,) = cascade.seen
    assert (envelope.id, envelope.tenant) == (response.headers["x-stepwell-request-id"], "acme")
    assert envelope.traceparent == TRACE


async def test_a_stream_comes_back_through_the_whole_road(caller: aiohttp.ClientSession, cascade: Cascade) -> None:
    response = await caller.post(PATH, json={**ASK, "stream": True})
    *parts, done, _ = (await response.read()).split(b"\n\n")
    texts = [orjson.loads(part[6:])["choices"][0]["delta"].get("content") for part in parts]
    assert (texts, done) == (["one", " two", None], b"data: [DONE]")


async def test_a_response_comes_back_through_the_whole_road_and_is_there_again_for_its_own_tenant(
    caller: aiohttp.ClientSession, cascade: Cascade
) -> None:
    ours = {"x-stepwell-tenant": "acme"}
    asked = await caller.post("/v1/responses", json={"model": "auto", "input": "hi"}, headers=ours)
    response = await asked.json()
    assert response["output"][0]["content"][0]["text"] == "one two"
    again = await caller.get(f"/v1/responses/{response['id']}", headers=ours)
    assert (again.status, (await again.json())["output"]) == (200, response["output"])
    theirs = await caller.get(f"/v1/responses/{response['id']}", headers={"x-stepwell-tenant": "other"})
    assert (theirs.status, (await theirs.json())["error"]["code"]) == (404, "not_found")


async def test_a_message_of_the_other_dialect_is_streamed_through_the_whole_road(
    caller: aiohttp.ClientSession, cascade: Cascade
) -> None:
    asked = {**ASK, "max_tokens": 9, "stream": True, "system": "be brief"}
    response = await caller.post("/v1/messages", json=asked)
    events = [orjson.loads(part.split(b"data: ")[1]) for part in (await response.read()).split(b"\n\n")[:-1]]
    texts = [event["delta"]["text"] for event in events if event["type"] == "content_block_delta"]
    assert (texts, events[-1]["type"]) == (["one", " two"], "message_stop")
    (envelope,) = cascade.seen
    assert [message.role for message in envelope.request.messages] == ["system", "user"]


async def test_a_repetition_under_its_key_is_answered_once_and_another_question_is_a_conflict(
    caller: aiohttp.ClientSession, cascade: Cascade
) -> None:
    key = {"Idempotency-Key": "order 7"}
    first = await caller.post(PATH, json=ASK, headers=key)
    again = await caller.post(PATH, json=ASK, headers=key)
    assert (first.status, again.status, len(cascade.seen)) == (200, 200, 1)
    other = await caller.post(PATH, json={**ASK, "messages": [{"role": "user", "content": "other"}]}, headers=key)
    assert (other.status, (await other.json())["error"]["code"]) == (409, "idempotency_conflict")


@pytest.mark.parametrize("stream", [False, True])
async def test_hanging_up_stops_the_stage_that_works_on_it(
    caller: aiohttp.ClientSession, cascade: Cascade, stream: bool
) -> None:
    cascade.gate.clear()
    asking = asyncio.ensure_future(caller.post(PATH, json={**ASK, "stream": stream}))
    await until(lambda: cascade.seen)
    asking.cancel()
    await asyncio.wait_for(cascade.stopped.wait(), 5)


async def test_hanging_up_with_a_key_leaves_the_answer_to_be_fetched(
    caller: aiohttp.ClientSession, cascade: Cascade, link: Link
) -> None:
    cascade.gate.clear()
    asking = asyncio.ensure_future(caller.post(PATH, json=ASK, headers={"Idempotency-Key": "k1"}))
    await until(lambda: cascade.seen)
    asking.cancel()
    await asyncio.sleep(0.1)  # time for the door to notice; nothing shows that it did
    cascade.gate.set()
    response = await caller.post(PATH, json=ASK, headers={"Idempotency-Key": "k1"})
    assert (response.status, len(cascade.seen)) == (200, 1)
    assert not cascade.stopped.is_set()
    assert (await Client(link).result("k1")) is not None


async def test_the_door_is_ready_while_a_worker_is_there(
    caller: aiohttp.ClientSession, cascade: Cascade, link: Link
) -> None:
    if isinstance(link, MemoryLink):
        pytest.skip("the link in memory has no service protocol")
    assert (await caller.get("/readyz")).status == 200


async def test_without_a_worker_a_request_is_refused_at_once_and_the_door_is_not_ready(
    caller: aiohttp.ClientSession,
) -> None:
    response = await caller.post(PATH, json=ASK)
    error = (await response.json())["error"]
    assert (response.status, error["code"]) == (503, "no_worker")
    assert "may be starting again" in error["message"]
    assert response.headers["retry-after"] == "1"
    assert "x-should-retry" not in response.headers
    ready = await caller.get("/readyz")
    assert (ready.status, (await ready.json())["code"]) == (503, "no_worker")
