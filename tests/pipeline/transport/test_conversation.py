"""Whoever waits for answers at the inbox waits as long as it said, however often the time changes."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from pipeline.ports import Spoken
from pipeline.transport.nats.link import NatsConversation
from pipeline.transport.nats.mux import Mux


class _Inbox:
    """Takes the ear of a conversation, and speaks into it."""

    def __init__(self) -> None:
        self.say: Callable[[Spoken], None] = lambda _: None

    def open(self, _sink: object, ear: Callable[[Spoken], None]) -> str:
        self.say = ear
        return "inbox.1"

    def close(self, address: str) -> None:
        pass


def _opened() -> tuple[_Inbox, NatsConversation]:
    inbox = _Inbox()
    return inbox, NatsConversation(cast("Mux", inbox), "request.ask.default")


def _word(text: str) -> Spoken:
    return Spoken("inbox.1", text, text.encode)


async def _took(conversation: NatsConversation, timeout_s: float) -> tuple[Any, float]:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    answer = await conversation.next(timeout_s)
    return answer, loop.time() - begun


async def test_a_short_wait_after_a_long_one_is_short() -> None:
    inbox, conversation = _opened()
    asyncio.get_running_loop().call_later(0.01, inbox.say, _word("first"))
    first = await conversation.next(30)
    async with asyncio.timeout(5):
        assert await conversation.next(0.02) is None
    assert isinstance(first, Spoken)


async def test_a_long_wait_after_a_short_one_is_not_cut_by_the_timer_of_that() -> None:
    inbox, conversation = _opened()
    inbox.say(_word("first"))
    loop = asyncio.get_running_loop()
    loop.call_later(0.01, inbox.say, _word("second"))
    loop.call_later(0.12, inbox.say, _word("third"))
    assert await conversation.next(0.05) is not None
    assert await conversation.next(0.05) is not None
    assert await conversation.next(30) is not None


async def test_a_wait_that_began_later_ends_no_earlier_than_it_said() -> None:
    inbox, conversation = _opened()
    asyncio.get_running_loop().call_later(0.03, inbox.say, _word("first"))
    await conversation.next(0.06)
    answer, took_s = await _took(conversation, 0.06)
    assert answer is None
    assert took_s >= 0.055


async def test_a_closed_one_can_be_waited_at_no_longer_than_was_said() -> None:
    inbox, conversation = _opened()
    asyncio.get_running_loop().call_later(0.01, inbox.say, _word("first"))
    await conversation.next(30)
    conversation.close()
    async with asyncio.timeout(5):
        assert await conversation.next(0.02) is None


async def test_pieces_that_follow_each_other_share_one_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    inbox, conversation = _opened()
    loop, timers = asyncio.get_running_loop(), []
    at = loop.call_at

    def counted(when: float, *rest: Any, **more: Any) -> asyncio.TimerHandle:
        timers.append(when)
        return at(when, *rest, **more)

    monkeypatch.setattr(loop, "call_at", counted)
    for _ in range(20):
        loop.call_soon(inbox.say, _word("piece"))
        assert await conversation.next(30) is not None
    assert len(timers) == 1
