"""Several answers to one request: as many requests, asked at the same time, whose answers are the choices of one.

Each is an ordinary request of the cascade with an id of its own, that of the first being the request's, so that each is
recorded and paid for by itself. None is answered from memory, and where a seed is given each has another one: otherwise
they would be one answer several times. One that is refused or fails ends them all.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256
from typing import Any, Final, NamedTuple

import orjson

from pipeline.contracts import MAX_WHOLE, Chunk, Reply, Usage
from pipeline.errors import TransportUnavailable
from pipeline.gateway.calling import ask, streaming
from pipeline.gateway.completion import choice_object, completion_object
from pipeline.gateway.desk import Desk
from pipeline.gateway.openai import Call
from pipeline.gateway.problems import Problem, problem_of_reply
from pipeline.gateway.sse import DONE, Events

__all__ = ["ManyEvents", "Told", "ask_all", "completion_of", "merged", "split", "streaming_all"]

_LONGEST: Final = 60
"""Characters of an id that has room for the number of a choice."""
_WAITING: Final = 64
"""Pieces of one choice that may wait for their reader."""


class Told(NamedTuple):
    """A piece of one choice, or its reply; or what went wrong with it."""

    choice: int
    item: Chunk | Reply | Exception


def split(call: Call) -> list[Call]:
    """One call for each choice. The ids follow from that of the request, so that a repetition finds its answers."""
    return [_choice(call, index) for index in range(call.n)]


def _choice(call: Call, index: int) -> Call:
    request = call.request
    known = request.id or ""
    base = known if len(known) <= _LONGEST else f"k-{sha256(known.encode()).hexdigest()[:40]}"
    update: dict[str, Any] = {"id": f"{base}-c{index}" if index else known, "cache": "off"}
    seed = request.parameters.seed
    if seed is not None:
        own = seed + index if seed + index <= MAX_WHOLE else seed - index
        update["parameters"] = request.parameters.model_copy(update={"seed": own})
    return replace(call, request=request.model_copy(update=update), n=1)


def merged(replies: Sequence[Reply]) -> Reply:
    """What all of them came to, for headers and usage; the rest is that of the first."""
    first = replies[0]
    costs = [reply.cost_usd for reply in replies]
    known = [cost for cost in costs if cost is not None]
    sure = [reply.confidence for reply in replies if reply.confidence is not None]
    update: dict[str, Any] = {
        "usage": sum((reply.usage for reply in replies), Usage()),
        "cost_usd": sum(known) if len(known) == len(costs) else None,
        "attempts": sum(reply.attempts for reply in replies),
        "escalated": any(reply.escalated for reply in replies),
        "degraded": next((reply.degraded for reply in replies if reply.degraded is not None), None),
        "confidence": min(sure, default=None),
        "rates": replies[-1].rates,
    }
    return first.model_copy(update=update)


async def ask_all(desk: Desk, call: Call) -> list[Reply]:
    """Await all replies; where one is no answer, that one alone, and the others are taken back."""
    tasks = [asyncio.ensure_future(ask(desk, each)) for each in split(call)]
    try:
        for following in asyncio.as_completed(tasks):
            reply = await following
            if reply.status != "answered":
                return [reply]
        return [task.result() for task in tasks]
    finally:
        await _stopped(tasks)


async def _stopped(tasks: Sequence["asyncio.Task[Any]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def completion_of(replies: Sequence[Reply], created: int, *, functions: bool) -> bytes:
    """The bytes of a `chat.completion` with all choices."""
    choices = [choice_object(reply, index, functions=functions) for index, reply in enumerate(replies)]
    return orjson.dumps({**completion_object(merged(replies), created), "choices": choices})


# ---------------------------------------------------------------- streamed


@asynccontextmanager
async def streaming_all(desk: Desk, call: Call) -> AsyncIterator[AsyncIterator[Told]]:
    """Pieces of all answers as they come, each choice's reply last. What is not read to its end is taken back.

    Nothing comes before each choice has begun, so that one which is refused is refused before the first byte.
    """
    calls = split(call)
    told: asyncio.Queue[Told] = asyncio.Queue(_WAITING * len(calls))
    tasks = [asyncio.ensure_future(_pump(desk, each, index, told)) for index, each in enumerate(calls)]
    try:
        yield _in_turn(told, len(calls))
    finally:
        await _stopped(tasks)


async def _pump(desk: Desk, call: Call, index: int, told: "asyncio.Queue[Told]") -> None:
    item: Chunk | Reply | None = None
    try:
        async with streaming(desk, call) as items:
            async for item in items:
                await told.put(Told(index, item))
        if not isinstance(item, Reply):
            raise TransportUnavailable("the answer broke off; ask again")
    except Exception as error:  # noqa: BLE001 - handed on, and raised by the reader
        await told.put(Told(index, error))


async def _in_turn(told: "asyncio.Queue[Told]", choices: int) -> AsyncIterator[Told]:
    """What comes, from where every choice has begun. Raises what one of them raised."""
    early: list[Told] = []
    begun: set[int] = set()
    open_choices = choices
    while open_choices:
        piece = await told.get()
        if isinstance(piece.item, Exception):
            raise piece.item
        open_choices -= isinstance(piece.item, Reply)
        if isinstance(piece.item, Reply) and piece.item.status != "answered":
            yield piece
            return
        begun.add(piece.choice)
        early.append(piece)
        if len(begun) == choices:
            for each in early:
                yield each
            early.clear()


class ManyEvents:
    """The events of a stream of several choices: each with its own, then one usage and one end for all."""

    def __init__(self, events: Sequence[Events], *, include_usage: bool) -> None:
        self._events = events
        self._include_usage = include_usage
        self._replies: dict[int, Reply] = {}

    async def of(self, first: Told, rest: AsyncIterator[Told]) -> AsyncIterator[bytes]:
        """The events of all pieces, until one choice fails or all of them have ended."""
        yield self._take(first)
        async for piece in rest:
            yield self._take(piece)

    def _take(self, piece: Told) -> bytes:
        events, item = self._events[piece.choice], piece.item
        if isinstance(item, Chunk):
            return events.chunk(item)
        if isinstance(item, Exception):
            raise item
        told = events.answered(item)
        if told.status != "answered":
            return events.broke_off(problem_of_reply(told), told)
        self._replies[piece.choice] = told
        whole = len(self._replies) == len(self._events)
        return events.close(told) + (self._end() if whole else b"")

    def _end(self) -> bytes:
        all_of_them = merged([self._replies[index] for index in range(len(self._events))])
        return (self._events[0].usage(all_of_them) if self._include_usage else b"") + DONE

    def broke_off(self, problem: Problem) -> bytes:
        """The last event of a stream that did not come to its end."""
        return self._events[0].broke_off(problem)
