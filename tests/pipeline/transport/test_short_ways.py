"""What stays in one process does not go through the server, and what the short ways cannot do goes the long one."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from nats.aio.client import Client as Nats
from nats.errors import BadSubjectError
from servers import NatsServer, provisioned

from pipeline.contracts import Chunk, Reply
from pipeline.errors import NoWorker
from pipeline.ports import Conversation, Incoming, Spoken
from pipeline.transport.nats import NatsLink, connect
from pipeline.transport.nats.straight import listen, post


async def echo(link: NatsLink) -> list[Incoming]:
    """Serve `request.echo.<tenant>`: two answers to each request."""
    seen: list[Incoming] = []

    async def answer(incoming: Incoming) -> None:
        seen.append(incoming)
        assert incoming.reply_to is not None
        await link.publish(incoming.reply_to, b"one", {"said": "by " + incoming.headers.get("who", "")})
        await link.publish(incoming.reply_to, incoming.body)

    await link.serve("echoes", "1.0.0", {"request.echo.*": answer})
    return seen


async def asked(link: NatsLink, subject: str = "request.echo.acme") -> list[Incoming | None]:
    conversation = await link.converse(subject, b"two", headers={"who": "me"})
    try:
        return [await conversation.next(5), await conversation.next(5)]
    finally:
        conversation.close()


async def test_what_a_process_serves_itself_it_answers_without_the_server(nats: NatsServer) -> None:
    link = await provisioned(nats)
    seen = await echo(link)
    sent, got = link.client.stats["out_msgs"], link.client.stats["in_msgs"]
    first, second = await asked(link)
    assert first is not None
    assert (first.body, first.headers["said"]) == (b"one", "by me")
    assert second is not None
    assert second.body == b"two"
    assert (seen[0].subject, seen[0].body) == ("request.echo.acme", b"two")
    assert (link.client.stats["out_msgs"], link.client.stats["in_msgs"]) == (sent, got)
    await link.close()


async def test_another_process_is_served_as_before_and_answers_at_the_same_inbox(nats: NatsServer) -> None:
    server, caller = await provisioned(nats), await connect(nats.settings(), name="caller")
    await echo(server)
    answers = await asked(caller)
    assert [answer.body for answer in answers if answer] == [b"one", b"two"]
    await caller.close()
    await server.close()


async def test_another_worker_may_answer_who_asked_in_its_own_process(nats: NatsServer) -> None:
    link, other = await provisioned(nats), await connect(nats.settings(), name="other")

    async def silent(incoming: Incoming) -> None:
        await other.publish(str(incoming.reply_to), b"from elsewhere")

    await link.serve("silent", "1.0.0", {"request.echo.*": silent})
    conversation = await link.converse("request.echo.acme", b"")
    answer = await conversation.next(5)
    assert answer is not None
    assert answer.body == b"from elsewhere"
    await other.close()
    await link.close()


async def test_an_inbox_that_nobody_reads_any_more_takes_nothing(nats: NatsServer) -> None:
    link = await provisioned(nats)
    await echo(link)
    conversation = await link.converse("request.echo.acme", b"two")
    conversation.close()
    await asyncio.sleep(0)
    answers = await asked(link)
    assert [answer.body for answer in answers if answer] == [b"one", b"two"]
    await link.close()


@pytest.mark.parametrize("subject", ["two words", "line\r\nPUB other 0", ""])
async def test_a_subject_that_would_end_itself_is_refused(nats: NatsServer, subject: str) -> None:
    link = await provisioned(nats)
    with pytest.raises(BadSubjectError):
        await post(link.client, subject, b"")
    await link.close()


async def test_a_header_with_a_line_in_it_becomes_no_second_header(nats: NatsServer) -> None:
    link = await provisioned(nats)
    heard: asyncio.Queue[dict[str, str] | None] = asyncio.Queue()
    await listen(link.client, "headers.here", lambda message: heard.put_nowait(message.headers))
    await post(link.client, "headers.here", b"", headers={"a": "1\r\nb: 2"})
    await post(link.client, "headers.here", b"", headers={"c": "3"})
    first, second = await asyncio.wait_for(heard.get(), 5), await asyncio.wait_for(heard.get(), 5)
    assert first is not None
    assert set(first) == {"a"}
    assert second == {"c": "3"}
    await link.close()


async def test_a_reader_that_raises_does_not_end_the_connection(nats: NatsServer) -> None:
    link = await provisioned(nats)
    client: Nats = link.client
    heard = asyncio.Event()

    def take(message: object) -> None:
        if not heard.is_set():
            heard.set()
            raise ValueError("a defect")

    await listen(client, "trouble.here", take)
    await post(client, "trouble.here", b"")
    await asyncio.wait_for(heard.wait(), 5)
    await echo(link)
    assert [answer.body for answer in await asked(link) if answer] == [b"one", b"two"]
    assert link.connected
    await link.close()


async def test_answers_within_a_process_are_handed_on_as_they_are_and_have_their_bytes_all_the_same(
    nats: NatsServer,
) -> None:
    here, elsewhere = await provisioned(nats), await connect(nats.settings(), name="elsewhere")
    chunk = Chunk(seq=0, text="half", reasoning="since")
    reply = Reply(
        id="r", tenant="acme", status="answered", content="half a word", completed_at=1.0, policy_revision="p",
        fingerprint="f",
    )  # fmt: skip
    told = []
    for link in (here, elsewhere):
        conversation = await here.converse("nobody.listens", b"")
        caller = link.transport().caller(conversation.address, True)
        assert await caller.chunk(chunk)
        await caller.reply(reply)
        told.append([answer async for answer in _all(conversation)])
    (piece, whole, end), (sent_piece, sent_whole, sent_end) = told
    assert isinstance(piece, Spoken)
    assert isinstance(whole, Spoken)
    assert (piece.made, whole.made) == (chunk, reply)
    assert (piece.body, whole.body, end.body) == (sent_piece.body, sent_whole.body, sent_end.body)
    await elsewhere.close()
    await here.close()


async def _all(conversation: Conversation) -> AsyncIterator[Incoming]:
    """What comes up to the empty message; that nobody took the question is no news here."""
    while True:
        try:
            answer = await conversation.next(5)
        except NoWorker:
            continue
        assert answer is not None
        yield answer
        if not answer.body:
            return
