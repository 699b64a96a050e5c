"""What a program sees of the client: over a real nats-server and a cascade of small stages."""

import asyncio
import threading
from collections.abc import Callable

import pytest
from servers import NatsServer, free_port, until
from small_cascade import SmallCascade

from pipeline.errors import BudgetRefused, TargetRejected
from pipeline.policy.models.limits import AdmissionLimits
from stepwell import (
    AnswerLost,
    AsyncClient,
    Chunk,
    Client,
    Failed,
    NoWorker,
    Overloaded,
    Refused,
    Reply,
    TimedOut,
    Unreachable,
)


def client_of(cascade: SmallCascade, **options: object) -> AsyncClient:
    return AsyncClient(cascade.server.url, **options)  # type: ignore[arg-type]


async def test_a_question_is_answered(cascade: SmallCascade) -> None:
    async with client_of(cascade, tenant="shop") as client:
        reply = await client.ask("hello", metadata={"page": "1"})
    assert (reply.status, reply.content, reply.tenant) == ("answered", "hello", "shop")
    assert cascade.drafted[0].request.metadata == {"page": "1"}


async def test_messages_are_asked_as_they_are(cascade: SmallCascade) -> None:
    messages = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}]
    async with client_of(cascade) as client:
        assert (await client.ask(messages)).content == "hi"
    assert [message.role for message in cascade.drafted[0].request.messages] == ["system", "user"]


async def test_it_connects_when_first_used(cascade: SmallCascade) -> None:
    client = client_of(cascade)
    replies = await asyncio.gather(*[client.ask(f"q{number}") for number in range(20)])
    assert [reply.content for reply in replies] == [f"q{number}" for number in range(20)]
    await client.close()


async def test_a_stream_yields_pieces_in_order_and_then_the_reply(cascade: SmallCascade) -> None:
    cascade.pieces, cascade.answer = ["one", " two"], "one two three"
    async with client_of(cascade) as client:
        *pieces, reply = [item async for item in client.stream("count")]
    assert [piece.text for piece in pieces if isinstance(piece, Chunk)] == ["one", " two", " three"]
    assert isinstance(reply, Reply)
    assert reply.content == "one two three"


async def test_another_answer_than_was_begun_is_lost_and_not_mixed(cascade: SmallCascade) -> None:
    cascade.pieces, cascade.answer = ["one", " two"], "something else"
    async with client_of(cascade) as client:
        with pytest.raises(AnswerLost) as raised:
            _ = [item async for item in client.stream("count")]
    assert raised.value.reply is not None
    assert raised.value.reply.content == "something else"


async def test_what_policy_denied_is_refused_and_what_could_not_be_done_failed(cascade: SmallCascade) -> None:
    async with client_of(cascade) as client:
        cascade.raises = BudgetRefused("the day is used up", rule="day", retry_after_s=30.0)
        with pytest.raises(Refused, match="used up") as refused:
            await client.ask("hello")
        cascade.raises = TargetRejected("it said no")
        with pytest.raises(Failed) as failed:
            await client.ask("hello")
        with pytest.raises(Failed) as invalid:
            await client.ask("hello", parameters={"temperature": 9.0})
    assert (refused.value.code, refused.value.rule, refused.value.retry_after_s) == ("budget_refused", "day", 30.0)
    assert refused.value.reply is not None
    assert not isinstance(failed.value, Refused)
    assert failed.value.code == "target_rejected"
    assert (invalid.value.code, invalid.value.param) == ("invalid_request", "parameters.temperature")


async def test_the_same_id_is_worked_on_once(cascade: SmallCascade) -> None:
    async with client_of(cascade) as client:
        first, second = await asyncio.gather(client.ask("hello", id="order-7"), client.ask("hello", id="order-7"))
        assert first == second
        assert await client.ask("hello", id="order-7") == first
        with pytest.raises(Failed) as raised:
            await client.ask("something else", id="order-7")
    assert raised.value.code == "idempotency_conflict"
    assert len(cascade.drafted) == 1


async def test_what_is_submitted_is_awaited_later(cascade: SmallCascade) -> None:
    cascade.gate.clear()
    async with client_of(cascade) as client:
        request_id = await client.submit("hello", lane="batch")
        assert await client.result(request_id) is None
        with pytest.raises(TimedOut):
            await client.wait(request_id, timeout_s=0.2)
        cascade.gate.set()
        reply = await client.wait(request_id, timeout_s=10)
        assert await client.result(request_id) == reply
    assert (reply.id, reply.content) == (request_id, "hello")


async def test_an_outcome_counts_once(cascade: SmallCascade) -> None:
    async with client_of(cascade, tenant="outcomes") as client:
        assert await client.outcome("r1", 1.0)
        assert not await client.outcome("r1", 0.5)
        assert await client.outcome("r1", 0.5, id="second", kind="thumbs", at=5.0)
        with pytest.raises(Failed) as raised:
            await client.outcome("r1", 7.0, id="third")
    assert raised.value.code == "invalid_request"


@pytest.mark.parametrize("characters", [917_504, 3_000_000])
async def test_requests_and_replies_of_any_size_are_carried(cascade: SmallCascade, characters: int) -> None:
    text = "x" * characters
    async with client_of(cascade) as client:
        reply = await client.ask(text)
        assert reply.content == text
        assert await client.result(reply.id) == reply
        *_, streamed = [item async for item in client.stream(text)]
        assert isinstance(streamed, Reply)
        assert streamed.content == text


async def test_cancelling_a_call_and_leaving_a_stream_cancels_the_work(cascade: SmallCascade) -> None:
    cascade.gate.clear()
    ended = cascade.chosen[6].seen
    async with client_of(cascade) as client:
        asking = asyncio.create_task(client.ask("hello"))
        await until(lambda: cascade.drafted)
        asking.cancel()
        await until(lambda: ended)
        request_id = await client.submit("hello")
        await client.cancel(request_id)
        with pytest.raises(Failed) as raised:
            await client.wait(request_id, timeout_s=10)
    assert ended[0].error is not None
    assert ended[0].error.code == raised.value.code == "cancelled"


async def test_a_call_waits_no_longer_than_it_says(cascade: SmallCascade) -> None:
    cascade.gate.clear()
    async with client_of(cascade) as client:
        with pytest.raises(TimedOut, match="later"):
            await client.ask("hello", timeout_s=0.3)
        with pytest.raises(TimedOut):
            await client.ask("hello", budget={"deadline_ms": 200})


async def test_while_the_cascade_is_overloaded_it_asks_again_after_the_pause(
    cascade: SmallCascade, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cascade.policies.policy.limits, "admission", AdmissionLimits(interactive=1))
    cascade.gate.clear()
    async with client_of(cascade, tenant="flood") as client, client_of(cascade, tenant="flood", retries=0) as hasty:
        first = asyncio.create_task(client.ask("one"))
        await until(lambda: cascade.drafted)
        with pytest.raises(Overloaded) as raised:
            await hasty.ask("two")
        with pytest.raises(Overloaded):
            await hasty.submit("two")
        again = asyncio.create_task(client.ask("two"))
        await asyncio.sleep(0.2)
        cascade.gate.set()
        assert [(await first).content, (await again).content] == ["one", "two"]
    assert raised.value.retry_after_s is not None


async def test_without_a_worker_it_says_so_at_once_or_asks_again_until_one_is_there(nats: NatsServer) -> None:
    async with AsyncClient(nats.url, retries=0) as hasty, AsyncClient(nats.url, retries=5) as patient:
        with pytest.raises(NoWorker):
            await hasty.ask("hello")
        with pytest.raises(NoWorker):
            await hasty.result("r1")
        asking = asyncio.create_task(patient.ask("hello"))
        await asyncio.sleep(0.2)
        async with SmallCascade(nats):
            assert (await asking).content == "hello"


async def test_without_a_server_it_says_so() -> None:
    with pytest.raises(Unreachable):
        async with AsyncClient(f"nats://127.0.0.1:{free_port()}", connect_timeout_s=0.3):
            pass


@pytest.mark.parametrize("tenant", ["", "a.b", "a b", "x" * 65, ">"])
def test_a_tenant_that_cannot_stand_in_a_subject_is_no_tenant(tenant: str) -> None:
    with pytest.raises(ValueError, match="tenant"):
        Client(tenant=tenant)


# ---------------------------------------------------------------- without an event loop


async def in_thread(work: Callable[[], object]) -> object:
    return await asyncio.get_running_loop().run_in_executor(None, work)


async def test_a_program_without_an_event_loop_has_the_same(cascade: SmallCascade) -> None:
    def program() -> list[object]:
        with Client(cascade.server.url, tenant="sync") as client:
            reply = client.ask("hello")
            texts = [getattr(item, "text", "") for item in client.stream("one two")]
            later = client.wait(client.submit("later"))
            return [reply.content, "".join(texts), later.content, client.outcome(reply.id, 1.0), client.result("none")]

    assert await in_thread(program) == ["hello", "one two", "later", True, None]


async def test_leaving_a_loop_over_a_stream_cancels_the_request(cascade: SmallCascade) -> None:
    cascade.pieces, cascade.answer = ["a", "b"], "ab"

    def program() -> str:
        with Client(cascade.server.url) as client:
            for item in client.stream("hello"):
                return str(getattr(item, "text", ""))
        return ""

    assert await in_thread(program) == "a"


async def test_errors_come_out_of_the_thread_as_they_are(cascade: SmallCascade) -> None:
    cascade.raises = BudgetRefused("used up")

    def program() -> str:
        with Client(cascade.server.url) as client:
            try:
                client.ask("hello")
            except Refused as error:
                return error.code
        return ""

    assert await in_thread(program) == "budget_refused"


def test_a_client_that_cannot_connect_leaves_no_thread() -> None:
    before = threading.active_count()
    with pytest.raises(Unreachable), Client(f"nats://127.0.0.1:{free_port()}", connect_timeout_s=0.3):
        pass
    assert threading.active_count() == before
