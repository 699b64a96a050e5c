"""Load from outside: as fast as it goes with so many callers, or at a given rate with every latency taken."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import aiohttp
import orjson

from pipeline.client import Client
from pipeline.contracts import Chunk, Request
from pipeline.ports import Link

__all__ = ["Ask", "Latencies", "ask_cascade", "ask_door", "ask_relay", "at_rate", "flat_out"]

Ask = Callable[[int], Awaitable[float]]
"""Sends request number n and returns the seconds until what is measured: the reply, or the first chunk."""


@dataclass(frozen=True, slots=True)
class Latencies:
    """Seconds, sorted."""

    values: tuple[float, ...]

    def quantile(self, share: float) -> float:
        """The latency that `share` of the requests stay below, in milliseconds."""
        return 1000 * self.values[min(int(share * len(self.values)), len(self.values) - 1)]


async def flat_out(ask: Ask, requests: int, callers: int) -> float:
    """Requests per second with `callers` callers that ask again as soon as they are answered."""
    numbers = iter(range(requests))

    async def caller() -> None:
        for number in numbers:
            await ask(number)

    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    return requests / (time.perf_counter() - began)


async def at_rate(ask: Ask, rate: float, seconds: float) -> Latencies:
    """Latencies of requests sent every 1/rate seconds, whether or not earlier ones were answered."""
    loop = asyncio.get_running_loop()
    start = loop.time() + 0.1
    tasks = []
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, start + number / rate - loop.time()))
        tasks.append(asyncio.ensure_future(ask(number)))
    return Latencies(tuple(sorted(await asyncio.gather(*tasks))))


def text_of(run: str, number: int) -> str:
    """A question that nobody asked before: plain words, as most prompts are."""
    words = (
        "please tell me in one short sentence why the sky over the harbour looks different on a clear winter evening"
    )
    return f"{words}, for the letter {run} {_letters(number)}?"


def _letters(number: int) -> str:
    return "".join(chr(97 + int(digit)) for digit in str(number))


def ask_cascade(link: Link, run: str, *, pin: str | None = None, same: bool = False) -> Ask:
    """Over NATS through our client."""
    client = Client(link)

    async def ask(number: int) -> float:
        began = time.perf_counter()
        reply = await client.ask(Request(input=text_of(run, 0 if same else number), pin=pin))
        if reply.status != "answered":
            raise RuntimeError(f"{reply.status}: {reply.error}")
        return time.perf_counter() - began

    return ask


def first_chunk_of_cascade(link: Link, run: str) -> Ask:
    """Seconds to the first chunk of a stream that passes through live."""
    client = Client(link)

    async def ask(number: int) -> float:
        began = time.perf_counter()
        first = 0.0
        async for item in client.stream(Request(input=text_of(run, number), pin="large")):
            if isinstance(item, Chunk) and not first:
                first = time.perf_counter() - began
        return first

    return ask


def ask_relay(link: Link, run: str, *, stream: bool = False) -> Ask:
    """Over NATS through the bare relay; with `stream`, until the first chunk."""

    async def ask(number: int) -> float:
        began = time.perf_counter()
        body = orjson.dumps({"input": text_of(run, number), "stream": stream})
        conversation = await link.converse("relay.ask", body)
        await conversation.next(30)
        took = time.perf_counter() - began
        while stream and (piece := await conversation.next(30)) is not None and piece.body:
            pass
        conversation.close()
        return took

    return ask


def ask_door(session: aiohttp.ClientSession, url: str, run: str, *, model: str = "auto", stream: bool = False) -> Ask:
    """Over HTTP, through our door or the bare one; with `stream`, until the first chunk."""

    async def ask(number: int) -> float:
        messages = [{"role": "user", "content": text_of(run, number)}]
        body = orjson.dumps({"model": model, "messages": messages, "stream": stream})
        began = time.perf_counter()
        async with session.post(url, data=body, headers={"content-type": "application/json"}) as response:
            if response.status != 200:
                raise RuntimeError(f"{response.status}: {await response.text()}")
            return await _first(_pieces(response), began)

    return ask


async def _pieces(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    async for piece in response.content.iter_any():
        yield piece


async def _first(pieces: AsyncIterator[bytes], began: float) -> float:
    """Read all; the seconds until the first piece with content, which for a whole answer is the only one."""
    first = 0.0
    async for piece in pieces:
        if not first and b'"content"' in piece:
            first = time.perf_counter() - began
    return first or time.perf_counter() - began
