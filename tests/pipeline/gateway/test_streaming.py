"""Pieces that are made in this process are written while they are said; whatever is not plain goes the usual way."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import aiohttp
import orjson
import pytest
from fakes_door import FakeAsker, Names, answered

from pipeline.contracts import Chunk, Reply, Request
from pipeline.gateway import Limits, build_door
from pipeline.gateway.server import listening
from pipeline.gateway.sse import Events

ASK: dict[str, Any] = {"model": "auto", "messages": [{"role": "user", "content": "2 + 2?"}], "stream": True}
CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
BODIES: dict[str, dict[str, Any]] = {
    CHAT: ASK,
    MESSAGES: {**ASK, "max_tokens": 100},
    RESPONSES: {"model": "auto", "input": "2 + 2?", "stream": True},
}
WORDS = ["f", "o", "u", "r"]


class Speaking(FakeAsker):
    """Says each piece to the ear that it is given, in a callback of the loop; what that does not take is yielded."""

    def __init__(self, pieces: Sequence[str], *, at_once: bool = False) -> None:
        super().__init__(lambda request: answered(request, "".join(pieces)))
        self._pieces = pieces
        self._at_once = at_once
        self.taken: list[bool] = []

    async def stream(
        self,
        request: Request,
        *,
        traceparent: str | None = None,
        fresh: bool = False,
        ear: Callable[[Chunk], bool] | None = None,
    ) -> AsyncIterator[Chunk | Reply]:
        try:
            for seq, text in enumerate(self._pieces):
                chunk = Chunk(seq=seq, text=text)
                if (seq or self._at_once) and await self._heard(ear, chunk):
                    continue
                yield chunk
            yield await self._answer(request, traceparent, fresh)
        except (GeneratorExit, asyncio.CancelledError):
            self.taken_back.set()
            raise

    async def _heard(self, ear: Callable[[Chunk], bool] | None, chunk: Chunk) -> bool:
        loop = asyncio.get_running_loop()
        heard = loop.create_future()
        loop.call_soon(lambda: heard.set_result(ear is not None and ear(chunk)))
        self.taken.append(await heard)
        return self.taken[-1]


Opener = Callable[..., Awaitable[aiohttp.ClientSession]]


@pytest.fixture
async def opened() -> AsyncIterator[Opener]:
    """Opens doors before a given client, and closes them."""
    closers: list[Callable[[], Awaitable[None]]] = []

    async def open_door(asker: FakeAsker, **options: Any) -> aiohttp.ClientSession:
        limits = options.pop("limits", Limits())
        app = build_door(lambda _tenant: asker, Names(), limits=limits, **options)
        runner = await listening(app, "127.0.0.1", 0, limits, grace_s=0.5)
        session = aiohttp.ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}")
        closers.extend((runner.cleanup, session.close))
        return session

    yield open_door
    for close in reversed(closers):
        await close()


def said(body: bytes) -> str:
    """The text of a streamed chat completion."""
    events = [orjson.loads(part[6:]) for part in body.split(b"\n\n") if part.startswith(b"data: {")]
    return "".join(event["choices"][0]["delta"].get("content") or "" for event in events if "choices" in event)


async def body_of(caller: aiohttp.ClientSession, path: str = CHAT, **headers: str) -> bytes:
    async with asyncio.timeout(10), caller.post(path, json=BODIES[path], headers=headers) as response:
        return await response.read()


@pytest.mark.parametrize("path", BODIES)
async def test_all_but_the_first_piece_are_written_while_they_are_said(opened: Opener, path: str) -> None:
    asker = Speaking(WORDS)
    body = await body_of(await opened(asker), path)
    assert asker.taken == [True] * 3
    places = [body.index(b'"%b"' % word.encode()) for word in WORDS]
    assert places == sorted(places)


async def test_a_stream_is_the_same_whichever_way_its_pieces_went(opened: Opener) -> None:
    class Deaf(Speaking):
        async def _heard(self, ear: Callable[[Chunk], bool] | None, chunk: Chunk) -> bool:
            return False

    heard, yielded = Speaking(WORDS), Deaf(WORDS)
    options = {"new_id": lambda: "one"}
    first = await body_of(await opened(heard, **options))
    second = await body_of(await opened(yielded, **options))
    strip = (b'"created":%d' % orjson.loads(body.split(b"\n\n")[0][6:])["created"] for body in (first, second))
    assert first.replace(next(strip), b"") == second.replace(next(strip), b"")
    assert said(first) == "four"


async def test_nothing_is_taken_before_the_answer_has_begun(opened: Opener) -> None:
    asker = Speaking(WORDS, at_once=True)
    body = await body_of(await opened(asker))
    assert asker.taken == [False, True, True, True]
    assert said(body) == "four"


async def test_a_request_that_may_be_fetched_again_is_not_written_past_who_reads_it(opened: Opener) -> None:
    asker = Speaking(WORDS)
    body = await body_of(await opened(asker), **{"Idempotency-Key": "k1"})
    assert asker.taken == [False] * 3
    assert said(body) == "four"


async def test_nothing_more_is_taken_for_a_caller_who_does_not_read_and_who_is_let_go(opened: Opener) -> None:
    asker = Speaking(["x" * 100_000] * 400)
    caller = await opened(asker, limits=Limits(write_s=0.2))
    response = await caller.post(CHAT, json=ASK)
    await asyncio.wait_for(asker.taken_back.wait(), 10)
    response.close()
    assert asker.taken[0]
    assert not asker.taken[-1]
    assert len(asker.taken) < 399


async def test_a_caller_who_pauses_gets_all_of_it(opened: Opener) -> None:
    pieces = [f"{number:07}" * 10_000 for number in range(300)]
    asker = Speaking(pieces)
    caller = await opened(asker)
    async with asyncio.timeout(10), caller.post(CHAT, json=ASK) as response:
        while all(asker.taken):
            await asyncio.sleep(0.01)
        body = await response.read()
    whole = said(body) == "".join(pieces)
    assert whole


async def test_a_caller_who_hangs_up_between_pieces_takes_the_request_back(opened: Opener) -> None:
    asker = Speaking(WORDS)
    asker.hold = True
    response = await (await opened(asker)).post(CHAT, json=ASK)
    await asyncio.wait_for(asker.started.wait(), 5)
    response.close()
    await asyncio.wait_for(asker.taken_back.wait(), 5)
    assert asker.taken == [True] * 3


async def test_a_piece_that_cannot_be_written_ends_the_stream_and_not_the_model_call(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, failures = Events.chunk, ["u"]

    def chunk(self: Events, piece: Chunk) -> bytes:
        if piece.text in failures:
            failures.clear()
            raise ZeroDivisionError("secret text")
        return plain(self, piece)

    monkeypatch.setattr(Events, "chunk", chunk)
    asker = Speaking(WORDS)
    body = await body_of(await opened(asker))
    assert asker.taken[:2] == [True, False]
    assert said(body) == "fo"
    assert orjson.loads(body.split(b"\n\n")[-2][6:])["error"]["code"] == "internal"
    assert b"secret text" not in body
