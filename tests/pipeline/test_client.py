"""A caller's view of admission and client: over small stages, in memory and on a real nats-server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from hashlib import sha256

import orjson
import pytest
from cascade import Middle, Notes, Scripted, reply_of, stages
from servers import until

from pipeline.adapters.clock import SystemClock
from pipeline.adapters.results import StreamResults
from pipeline.admission import Admission
from pipeline.client import Client
from pipeline.contracts import Budget, Chunk, Envelope, ImagePart, Message, OutcomeEvent, Reply, Request, TextPart
from pipeline.errors import DeadlineExceeded, InvalidRequest, NoWorker, Overloaded, RateLimited, RequestTooLarge
from pipeline.policy.models.limits import AdmissionLimits, Lanes
from pipeline.ports import Incoming, Link, Outcome, Run
from pipeline.runner import Runner
from pipeline.topology import DONE
from pipeline.transport.claims import INLINE, MAX_BODY
from pipeline.worker import Worker


class Limits:
    lanes = Lanes(interactive_deadline_ms=5_000)
    admission = AdmissionLimits()


class NoPolicy:
    """As much of a policy as admission looks at."""

    revision_name = "p1"

    def current(self):  # type: ignore[no-untyped-def]
        class Policy:
            revision = "p1"
            limits = Limits

        return Policy

    def revision(self, digest: str) -> None:
        return None


def keeping(link: Link):  # type: ignore[no-untyped-def]
    """A last stage that stores the reply and sends it, as the real one does."""
    results = StreamResults(link.streams)

    async def end(envelope: Envelope, run: Run) -> Outcome:
        kept = await results.put(reply_of(envelope))
        if run.caller is not None:
            await run.caller.reply(kept)
        return Outcome(DONE)

    return end


@contextlib.asynccontextmanager
async def working(link: Link, *chosen: Scripted, max_body: int = MAX_BODY) -> AsyncIterator[Worker]:
    clock = SystemClock()
    runner = Runner(chosen, link.transport(), link.streams, clock=clock, random=Middle(), observer=Notes(), worker="w")
    admission = Admission(link, StreamResults(link.streams), NoPolicy(), clock, max_body=max_body)
    worker = Worker(chosen, runner, link, admission, ack_wait_s=1.0)
    await worker.start()
    yield worker


async def test_ask_awaits_the_reply(link: Link) -> None:
    async with working(link, *stages(audit=keeping(link))):
        reply = await Client(link).ask(Request(input="hello"))
    assert reply.status == "answered"
    assert reply.path == ("classify:classified", "plan:planned", "recall:miss", "draft:drafted", "check:accepted")


async def test_a_message_of_parts_arrives_as_it_was_sent(link: Link) -> None:
    """What stands at its default is left out on the way, and must not be what tells the parts apart."""
    parts = (TextPart(type="text", text="hi"), ImagePart(type="image_url", image_url={"url": "data:,x"}))
    async with working(link, *stages(audit=keeping(link))):
        reply = await Client(link).ask(Request(messages=(Message(role="user", content=parts),)))
    assert reply.status == "answered"


async def test_without_a_worker_the_caller_knows_at_once(link: Link) -> None:
    began = asyncio.get_running_loop().time()
    with pytest.raises(NoWorker, match="stepwell"):
        await Client(link).ask(Request(input="hello"))
    assert asyncio.get_running_loop().time() - began < 1


async def test_a_stream_yields_chunks_in_order_and_then_the_reply(link: Link) -> None:
    async def end(envelope: Envelope, run: Run) -> Outcome:
        assert run.caller is not None
        for number in range(30):
            await run.caller.chunk(Chunk(seq=number, text=str(number)))
        await run.caller.reply(reply_of(envelope, content="".join(map(str, range(30)))))
        return Outcome(DONE)

    async with working(link, *stages(audit=end)):
        items = [item async for item in Client(link).stream(Request(input="hello"))]
    assert [item.text for item in items[:-1] if isinstance(item, Chunk)] == [str(number) for number in range(30)]
    assert isinstance(items[-1], Reply)


@pytest.mark.parametrize(
    ("pieces", "content", "told"),
    [
        ((), "one two", ["one two"]),
        ((Chunk(seq=0, text="one"),), "one two", ["one", " two"]),
        ((Chunk(seq=0, text="one"), Chunk(seq=2, text="three")), "one two three", ["one", " two three"]),
        ((Chunk(seq=0, text="one"), Chunk(seq=0, text="one")), "one two", ["one", " two"]),
    ],
)
async def test_what_was_not_streamed_comes_before_the_reply(
    link: Link, pieces: tuple[Chunk, ...], content: str, told: list[str]
) -> None:
    *texts, reply = await _streamed(link, pieces, content)
    assert [item.text for item in texts if isinstance(item, Chunk)] == told
    assert isinstance(reply, Reply)
    assert reply.content == content


@pytest.mark.parametrize("begun", [Chunk(seq=0, text="two"), Chunk(seq=0, text="", reasoning="so")])
async def test_of_another_answer_than_was_begun_the_caller_is_told_that_it_was_lost(link: Link, begun: Chunk) -> None:
    first, reply = await _streamed(link, (begun,), "one two")
    assert first == begun
    assert isinstance(reply, Reply)
    assert (reply.status, reply.content) == ("failed", None)
    assert reply.error is not None
    assert reply.error.code == "answer_lost"
    assert reply.id in reply.error.message


@pytest.mark.parametrize(("again", "status"), [("w0 w1 w2", "answered"), ("v0 v1 v2", "failed")])
async def test_a_worker_that_is_lost_in_the_middle_of_its_answer_never_makes_half_of_it_a_whole_one(
    link: Link, again: str, status: str
) -> None:
    """The redelivery asks again and does not stream; the model may answer otherwise."""
    deliveries = []

    async def draft(envelope: Envelope, run: Run) -> Outcome:
        deliveries.append(run.delivered)
        assert run.caller is not None
        if run.delivered == 1:
            for seq, text in enumerate(("w0", " w1")):
                await run.caller.chunk(Chunk(seq=seq, text=text))
            raise OSError("the worker is lost")
        return Outcome("drafted")

    async def end(envelope: Envelope, run: Run) -> Outcome:
        assert run.caller is not None
        for seq, text in enumerate(again.split(" ")):  # as the last stage streams what nobody has streamed
            await run.caller.chunk(Chunk(seq=seq, text=text if seq == 0 else f" {text}"))
        await run.caller.reply(reply_of(envelope, content=again))
        return Outcome(DONE)

    async with working(link, *stages(draft=draft, audit=end)):
        items = [item async for item in Client(link).stream(Request(input="hello"))]
    text = "".join(item.text for item in items if isinstance(item, Chunk))
    assert deliveries == [1, 2]
    assert isinstance(items[-1], Reply)
    assert items[-1].status == status
    assert text == ("w0 w1 w2" if status == "answered" else "w0 w1")


async def _streamed(link: Link, pieces: tuple[Chunk, ...], content: str) -> list[Chunk | Reply]:
    """What a caller gets of these pieces and then a reply with this content."""

    async def end(envelope: Envelope, run: Run) -> Outcome:
        assert run.caller is not None
        for piece in pieces:
            await run.caller.chunk(piece)
        await run.caller.reply(reply_of(envelope, content=content))
        return Outcome(DONE)

    async with working(link, *stages(audit=end)):
        return [item async for item in Client(link).stream(Request(input="hello"))]


async def test_what_is_enqueued_is_fetched_later_by_its_id(link: Link) -> None:
    async with working(link, *stages(audit=keeping(link))):
        client = Client(link)
        request_id = await client.enqueue(Request(input="hello", lane="batch"))
        async with asyncio.timeout(5):
            while (reply := await client.result(request_id)) is None:
                await asyncio.sleep(0.01)
    assert (reply.id, reply.status) == (request_id, "answered")


async def test_a_tenant_that_cannot_stand_in_a_subject_is_refused_before_anything_is_sent(link: Link) -> None:
    with pytest.raises(InvalidRequest, match="tenant"):
        Client(link, "a.b")


async def test_a_result_that_is_not_there_is_none(link: Link) -> None:
    async with working(link, *stages()):
        assert await Client(link).result("unknown") is None


async def test_the_same_id_is_worked_on_once_and_answered_twice(link: Link) -> None:
    last = keeping(link)
    chosen = stages(audit=last)
    async with working(link, *chosen):
        client = Client(link)
        first = await client.ask(Request(id="order-7", input="hello"))
        second = await client.ask(Request(id="order-7", input="hello"))
    assert first == second
    assert len(chosen[3].seen) == 1


async def test_two_callers_with_the_same_id_at_the_same_time_both_get_the_one_reply(link: Link) -> None:
    gate = asyncio.Event()

    async def draft(envelope: Envelope, run: Run) -> Outcome:
        await gate.wait()
        return Outcome("drafted")

    chosen = stages(draft=draft, audit=keeping(link))
    async with working(link, *chosen):
        client = Client(link)
        asking = [asyncio.create_task(client.ask(Request(id="order-7", input="hello"))) for _ in range(2)]
        await until(lambda: chosen[3].seen)
        await asyncio.sleep(0.1)
        gate.set()
        first, second = await asyncio.gather(*asking)
    assert first == second
    assert len(chosen[3].seen) == 1


async def test_the_same_id_with_another_question_is_a_conflict(link: Link) -> None:
    async with working(link, *stages(audit=keeping(link))):
        client = Client(link)
        await client.ask(Request(id="order-7", input="hello"))
        reply = await client.ask(Request(id="order-7", input="something else"))
    assert reply.error is not None
    assert reply.error.code == "idempotency_conflict"


async def test_the_same_id_of_another_tenant_is_another_request(link: Link) -> None:
    chosen = stages(audit=keeping(link))
    async with working(link, *chosen):
        await Client(link, "one").ask(Request(id="order-7", input="hello"))
        reply = await Client(link, "two").ask(Request(id="order-7", input="something else"))
    assert (reply.status, reply.tenant) == ("answered", "two")


async def test_cancelling_the_call_cancels_the_work(link: Link) -> None:
    stopped = asyncio.Event()

    async def draft(envelope: Envelope, run: Run) -> Outcome:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return Outcome("drafted")

    chosen = stages(draft=draft, audit=keeping(link))
    async with working(link, *chosen):
        asking = asyncio.create_task(Client(link).ask(Request(input="hello")))
        await until(lambda: chosen[3].seen)
        asking.cancel()
        async with asyncio.timeout(2):
            await stopped.wait()
        await until(lambda: chosen[6].seen)
    assert chosen[6].seen[0].error is not None
    assert chosen[6].seen[0].error.code == "cancelled"


async def test_the_deadline_of_the_request_ends_it_with_a_reply_not_with_silence(link: Link) -> None:
    async def draft(envelope: Envelope, run: Run) -> Outcome:
        await asyncio.Event().wait()
        return Outcome("drafted")

    async with working(link, *stages(draft=draft, audit=keeping(link))):
        reply = await Client(link).ask(Request(input="hello", budget=Budget(deadline_ms=200)))
    assert reply.error is not None
    assert reply.error.code == "deadline_exceeded"


async def test_a_caller_waits_no_longer_than_it_says(link: Link) -> None:
    async def draft(envelope: Envelope, run: Run) -> Outcome:
        await asyncio.Event().wait()
        return Outcome("drafted")

    async with working(link, *stages(draft=draft, audit=keeping(link))):
        with pytest.raises(DeadlineExceeded):
            await Client(link).ask(Request(input="hello"), timeout_s=0.2)


async def test_a_reply_that_missed_the_inbox_is_found_among_the_results(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = StreamResults(link.streams)

    async def silent(envelope: Envelope, run: Run) -> Outcome:
        await results.put(reply_of(envelope))
        return Outcome(DONE)

    monkeypatch.setattr("pipeline.client.LOOK_AFTER_S", 0.1)
    async with working(link, *stages(audit=silent)):
        assert (await Client(link).ask(Request(input="hello"))).status == "answered"


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b"{}", "request"),
        (b'{"input": "a", "messages": [{"role": "user", "content": "b"}]}', "request"),
        (b'{"input": 7}', "input"),
        (b'{"input": "a", "unknown": 1}', "unknown"),
        (b'{"messages": [{"role": "nobody", "content": "b"}]}', "messages.0.role"),
        (b'{"input": "a", "id": "no spaces"}', "id"),
        (b"not json", "request"),
        (b'{"input": "a", "tenant": "other"}', "tenant"),
    ],
)
async def test_a_request_that_breaks_its_contract_is_answered_with_the_field(
    link: Link, body: bytes, where: str
) -> None:
    async with working(link, *stages()):
        conversation = await link.converse("request.ask.default", body)
        answer = await conversation.next(2)
        conversation.close()
    assert answer is not None
    reply = Reply.model_validate_json(answer.body)
    assert reply.error is not None
    assert (reply.status, reply.error.code, reply.error.param) == ("failed", "invalid_request", where)
    assert answer.headers["Nats-Service-Error-Code"] == "400"


@pytest.mark.parametrize("characters", [5_000, INLINE, 2_000_000])
async def test_a_request_that_is_too_large_is_said_to_be_so(link: Link, characters: int) -> None:
    """Also one that NATS itself would not carry."""
    async with working(link, *stages(), max_body=5_000):
        assert await _code_of(Client(link), Request(input="x" * characters)) == "request_too_large"


@pytest.mark.parametrize("characters", [10, INLINE - 200, INLINE, 3_000_000])
async def test_requests_and_replies_of_any_size_are_carried(link: Link, characters: int) -> None:
    """What is too large for a message lies in a bucket on the way; neither the caller nor a stage notices."""
    text = "ü" * (characters // 2)

    async def end(envelope: Envelope, run: Run) -> Outcome:
        assert run.caller is not None
        kept = await StreamResults(link.streams).put(reply_of(envelope, content=envelope.request.messages[0].content))
        await run.caller.reply(kept)
        return Outcome(DONE)

    async with working(link, *stages(audit=end)):
        client = Client(link)
        reply = await client.ask(Request(id="r1", input=text))
        assert reply.content == text
        assert await client.ask(Request(id="r1", input=text)) == reply
        assert await client.result("r1") == reply
        streamed = [item async for item in client.stream(Request(input=text))]
        assert isinstance(streamed[-1], Reply)
        assert streamed[-1].content == text


async def test_a_reply_that_is_too_large_for_the_inbox_is_told_by_its_id_and_fetched_in_parts(link: Link) -> None:
    async def end(envelope: Envelope, run: Run) -> Outcome:
        assert run.caller is not None
        await run.caller.reply(await StreamResults(link.streams).put(reply_of(envelope, content="x" * 2_000_000)))
        return Outcome(DONE)

    async with working(link, *stages(audit=end)):
        (told,) = await _heard(link, "request.ask.default", b'{"id": "r1", "input": "hello"}', {}, 1)
        claim = orjson.loads(told.body)["claim"]
        assert claim["name"] == "r1"
        *pieces, last = await _heard(link, "request.result.default", b'{"id": "r1"}', {"Stepwell-Parts": "1"}, 5)
        body = b"".join(piece.body for piece in pieces)
        assert last.body == b""
        assert [piece.headers["Stepwell-Part"] for piece in pieces] == ["1/4", "2/4", "3/4", "4/4"]
        assert {piece.headers["Stepwell-Sha256"] for piece in pieces} == {sha256(body).hexdigest()}
        assert (len(body), sha256(body).hexdigest()) == (claim["size"], claim["sha256"])
        (short,) = await _heard(link, "request.result.default", b'{"id": "r1"}', {}, 1)
        assert orjson.loads(short.body) == {"claim": claim}


async def test_a_failing_reply_says_so_in_the_headers_as_well(link: Link) -> None:
    async def draft(envelope: Envelope, run: Run) -> Outcome:
        raise RateLimited("enough\nfor now", retry_after_s=2.5)

    async with working(link, *stages(draft=draft, audit=keeping(link))):
        (heard,) = await _heard(link, "request.ask.default", b'{"input": "hello"}', {}, 1)
    assert orjson.loads(heard.body)["error"]["retry_after_s"] == 2.5
    assert heard.headers["Nats-Service-Error"] == "enough for now"
    assert (heard.headers["Nats-Service-Error-Code"], heard.headers["Retry-After"]) == ("429", "3")


async def test_beyond_the_limit_the_caller_is_told_at_once_when_to_come_again(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Limits, "admission", AdmissionLimits(interactive=3))
    gate = asyncio.Event()

    async def draft(envelope: Envelope, run: Run) -> Outcome:
        await gate.wait()
        return Outcome("drafted")

    chosen = stages(draft=draft, audit=keeping(link))
    async with working(link, *chosen):
        flood, quiet = Client(link, "flood"), Client(link, "quiet")
        asking = [asyncio.create_task(flood.ask(Request(input="hello"))) for _ in range(3)]
        await until(lambda: len(chosen[3].seen) == 3)
        await flood.enqueue(Request(input="later", lane="batch"))
        refused = await flood.ask(Request(input="one more"))
        taken = asyncio.create_task(quiet.ask(Request(input="hello")))
        await until(lambda: any(each.tenant == "quiet" for each in chosen[3].seen))
        with pytest.raises(Overloaded) as raised:
            await flood.enqueue(Request(input="one more"))
        gate.set()
        answers = await asyncio.gather(*asking, taken)
    assert refused.error is not None
    assert (refused.status, refused.error.code) == ("failed", "overloaded")
    assert refused.error.retry_after_s is not None
    assert raised.value.retry_after_s is not None
    assert [answer.status for answer in answers] == ["answered"] * 4


async def _heard(link: Link, subject: str, body: bytes, headers: dict[str, str], count: int) -> list[Incoming]:
    conversation = await link.converse(subject, body, headers=headers)
    heard = [await conversation.next(5) for _ in range(count)]
    assert await conversation.next(0.05) is None
    conversation.close()
    return [each for each in heard if each is not None]


async def test_a_bare_nats_client_gets_one_message_the_reply(link: Link) -> None:
    async with working(link, *stages(audit=keeping(link))):
        conversation = await link.converse("request.ask.default", b'{"input": "hello"}')
        answer = await conversation.next(2)
        conversation.close()
    assert answer is not None
    assert orjson.loads(answer.body)["status"] == "answered"


async def test_an_outcome_is_taken_once(link: Link) -> None:
    async with working(link, *stages()):
        client = Client(link)
        event = OutcomeEvent(id="e1", request_id="r1", reward=1.0)
        assert await client.outcome(event)
        assert not await client.outcome(event)
        with pytest.raises(InvalidRequest, match="reward"):
            await client.outcome(event.model_copy(update={"id": "e2", "reward": 3.0}))


async def _code_of(client: Client, request: Request) -> str | None:
    """The error code, whether it came as a reply or was raised before anything was sent."""
    try:
        reply = await client.ask(request)
    except RequestTooLarge as error:
        return error.code
    return reply.error.code if reply.error else None
