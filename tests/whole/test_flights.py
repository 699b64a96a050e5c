"""Identical requests under way, over two workers on a real NATS and Valkey: one call of a model, an answer for each."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from patience import have_patience
from servers import NatsServer
from valkey_server import ValkeyServer, valkey_server
from whole import Whole, whole

from pipeline.contracts import Chunk, Reply, Request
from pipeline.topology import STAGES

QUESTION = "How deep is the well?"


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    have_patience(monkeypatch)


@pytest.fixture
def valkey() -> Iterator[ValkeyServer]:
    with valkey_server() as server:
        yield server


async def streamed(home: Whole, number: int) -> tuple[str, Reply]:
    """The pieces of a stream, and its end."""
    text = ""
    async for item in home.client.stream(Request(id=f"s{number}", input=QUESTION, stream=True)):
        if isinstance(item, Chunk):
            text += item.text
        else:
            return text, item
    raise AssertionError("no reply")


def billed(home: Whole) -> int:
    return sum(home.calls()["billed"].values())  # type: ignore[attr-defined]  # a mapping of counts


@pytest.mark.parametrize("sets", [(STAGES, STAGES), (STAGES[:3], STAGES[3:])], ids=["two whole workers", "one split"])
async def test_many_who_ask_the_same_at_once_cost_one_call(
    tmp_path: Path, nats: NatsServer, valkey: ValkeyServer, sets: tuple[tuple[str, ...], ...]
) -> None:
    async with whole(tmp_path, nats, valkey.url, sets=sets, small="slow-large", large="large") as home:  # type: ignore[arg-type]
        plain = [home.client.ask(Request(id=f"p{number}", input=QUESTION)) for number in range(12)]
        replies = await asyncio.gather(*plain)
        streams = await asyncio.gather(*(streamed(home, number) for number in range(3)))
        calls = billed(home)
        other = await home.client.ask(Request(input="How deep is the lake?"))

    assert calls == 1
    assert {reply.status for reply in replies} == {"answered"}
    assert len({reply.content for reply in replies}) == 1
    kinds = [reply.remembered.kind if reply.remembered else "made" for reply in replies]
    assert kinds.count("made") == 1
    assert kinds.count("flight") >= 1
    assert {text for text, _ in streams} == {replies[0].content}
    assert other.cache == "miss"


async def test_where_the_one_who_asked_first_fails_the_others_are_answered_for_themselves(
    tmp_path: Path, nats: NatsServer, valkey: ValkeyServer
) -> None:
    async with whole(tmp_path, nats, valkey.url, small="slow-truncated", large="slow-truncated") as home:
        replies = await asyncio.gather(*(home.client.ask(Request(id=f"q{n}", input=QUESTION)) for n in range(4)))

    assert {reply.cache for reply in replies} <= {"miss", "off"}
