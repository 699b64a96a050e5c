"""One request over the wire and its answer, whole or streamed, within the limits of time.

Nothing else posts to a target, and what is posted is the view of a permit.
"""

import asyncio
from typing import Final

import aiohttp

from pipeline.adapters.models.answer import Collected, MalformedAnswer, whole
from pipeline.adapters.models.body import call_body
from pipeline.adapters.models.endpoint import Endpoint
from pipeline.adapters.models.limits import Limits
from pipeline.adapters.models.posting import Posted, Posting
from pipeline.adapters.models.relay import Relay
from pipeline.adapters.models.retries import retry_after_s
from pipeline.adapters.models.sse import EventReader
from pipeline.adapters.models.vectors import LARGEST_VECTORS, Vectors, embed_body, vectors
from pipeline.disclosure.view import View
from pipeline.errors import StepwellError, TargetOverloaded, TargetRejected, TargetTimeout, TargetUnavailable
from pipeline.ports import Clock, Piece

__all__ = ["LARGEST_ANSWER", "Exchange"]

LARGEST_ANSWER: Final = 16 * 1024 * 1024
"""Bytes of one answer; more is broken off."""

_DONE: Final = b"[DONE]"
_SMALL: Final = 65_536
_FAREWELL_S: Final = 0.1
_BUSY: Final = 429
_LATER: Final = frozenset({408, 409, 425})
_OF_THE_REQUEST: Final = frozenset({400, 413, 414, 415, 422})
"""Refusals that are about what was asked: another target would refuse it as well."""


class Exchange:
    """One try of one call.

    Attributes:
        streams: its answer comes piece by piece.
        silent: not a word of it came yet.
        word_by: when the first word must be there, in the time of the loop: at the deadline, or so much before it that
            another target may answer (`gives_way_at`), where this one seldom takes so long. A probe has all the time,
            for only so a target is found to have become slower.
    """

    def __init__(
        self,
        session: Posting,
        endpoint: Endpoint,
        view: View,
        relay: Relay,
        clock: Clock,
        ends_at: float,
        gives_way_at: float | None = None,
    ) -> None:
        self._session = session
        self._endpoint = endpoint
        self._view = view
        self._relay = relay
        self._clock = clock
        self.streams = view.embed is None and (
            relay.sink is not None or relay.reader is not None or endpoint.always_streams
        )
        self.silent = True
        self.word_by = ends_at
        self._limits = Limits(endpoint.spec.timeouts, ends_at)
        if gives_way_at is not None and endpoint.gives_way(gives_way_at - self._limits.now, streamed=self.streams):
            self.word_by = min(ends_at, gives_way_at)

    async def run(self) -> Collected | Vectors:
        """Send the call and read the answer.

        Raises:
            TargetUnavailable, TargetTimeout, TargetOverloaded, TargetRejected: as it ended.
            Cancelled: the sink wants no more.
        """
        self._relay.first_at = None
        self._relay.goes_out(unseen=not self.streams)
        try:
            with self._limits.scope:
                return await self._exchange()
        except aiohttp.ConnectionTimeoutError:
            self._relay.not_charged()
            limit = self._endpoint.spec.timeouts.connect
            raise TargetTimeout(f"target {self._name} took no connection within {limit:g} s") from None
        except TimeoutError:
            raise _charged(TargetTimeout(f"target {self._name} took longer than {self._limits.waits_for}")) from None
        except aiohttp.ClientConnectorError:
            self._relay.not_charged()
            raise TargetUnavailable(f"target {self._name} cannot be reached at its endpoint") from None
        except (aiohttp.ClientError, OSError) as error:
            message = f"target {self._name} broke off ({type(error).__name__})"
            raise _charged(TargetUnavailable(message)) from None
        except MalformedAnswer as error:
            raise _charged(TargetUnavailable(f"target {self._name} sent {error}")) from None

    @property
    def first_at(self) -> float | None:
        """Monotonic time of the first text; None where the answer came in one piece."""
        return self._relay.first_at if self.streams else None

    @property
    def _name(self) -> str:
        return self._endpoint.name

    async def _exchange(self) -> Collected | Vectors:
        self._limits.expect_word(
            "the first token" if self.streams else "its answer",
            self._endpoint.spec.timeouts.first_token if self.streams else None,
            self.word_by,
        )
        # Redirects are not followed: an address that the residency policy does not know is no target.
        address = self._endpoint.chat if self._view.embed is None else self._endpoint.embeddings
        headers = self._endpoint.headers(self._view)
        async with await self._session.post(address, headers, self._body()) as response:
            if response.status != 200:
                self._relay.not_charged()
                await _drain(response)
                raise self._refusal(response)
            if self.streams and response.content_type == "text/event-stream":
                return await self._stream(response)
            return await self._plain(response)

    def _body(self) -> bytes:
        if self._view.embed is not None:
            return embed_body(self._view, self._view.embed, self._endpoint.spec)
        return call_body(self._view, self._endpoint.template, stream=self.streams)

    # ------------------------------------------------------------ reading

    async def _plain(self, response: Posted) -> Collected | Vectors:
        if self._view.embed is not None:
            payload = await _read(response, LARGEST_VECTORS)
            return vectors(payload, self._endpoint.spec.model, self._endpoint.spec.price)
        payload = await _read(response)
        collected = whole(payload, self._endpoint.spec.model, self._endpoint.spec.price, **self._scores())
        if self._relay.sink is not None:
            self._relay.first_at = self._clock.monotonic()
            await self._relay.hand_on_reasoning(collected.reasoned())
            await self._relay.hand_on(collected.text)
        return collected

    def _scores(self) -> dict[str, int]:
        """Which alternatives to keep. What a caller asks for is none of those who judge: they see as many as ever."""
        wanted = self._view.logprobs
        return {} if wanted is None else {"alternatives": wanted, "top": max(1, self._endpoint.template.top)}

    async def _stream(self, response: Posted) -> Collected:
        idle = self._endpoint.spec.timeouts.idle
        spec = self._endpoint.spec
        collected, reader, size = Collected(spec.model, spec.price, **self._scores()), EventReader(), 0
        async for chunk in response.content.iter_any():
            size += len(chunk)
            if size > LARGEST_ANSWER:
                raise MalformedAnswer(f"more than {LARGEST_ANSWER} bytes")
            done = await self._take(collected, reader, chunk)
            if done:
                await self._relay.ends()
                await _farewell(response)
                return collected
            if collected.begun:
                self._limits.expect("the next token", idle)
        if not collected.ended:
            raise MalformedAnswer("a stream that broke off")
        await self._relay.ends()
        return collected

    async def _take(self, collected: Collected, reader: EventReader, chunk: bytes) -> bool:
        """Digest a chunk and hand its text on; True: that was the end."""
        texts, done, events = [], False, 0
        try:
            for data in reader.feed(chunk):
                if data == _DONE:
                    done = True
                    break
                texts.append(collected.feed(data))
                events += 1
        except ValueError:
            raise MalformedAnswer("an event that is too large") from None
        text, reasoning = "".join(texts), collected.reasoned()
        self._relay.came(reasoning + text, events)
        if collected.begun:
            self.silent = False
            self._endpoint.silence.words += 1
        if reasoning:
            self._limits.expect("the caller", None)
            await self._relay.hand_on_reasoning(reasoning)
        await self._hand_on(text, collected)
        return done

    async def _hand_on(self, text: str, collected: Collected) -> None:
        if not text:
            return
        if self._relay.first_at is None:
            self._relay.first_at = self._clock.monotonic()
        if self._relay.sink is not None:
            self._limits.expect("the caller", None)
            await self._relay.hand_on(text)
        elif self._relay.reader is not None:
            self._limits.expect("the caller", None)
            await self._relay.let_read(Piece(text, collected.scored, collected.calls_tools, collected.ended))

    # ------------------------------------------------------------ other endings

    def _refusal(self, response: Posted) -> StepwellError:
        """The error for a status other than 200. What the endpoint wrote about it may quote the prompt: never used."""
        status = response.status
        wait_s = retry_after_s(response.header("Retry-After"), self._clock.now())
        if status == _BUSY:
            return TargetOverloaded(f"target {self._name} is overloaded (HTTP 429)", retry_after_s=wait_s)
        if status >= 500 or status in _LATER:
            return TargetUnavailable(f"target {self._name} failed (HTTP {status})", retry_after_s=wait_s)
        error = TargetRejected(f"target {self._name} refused the call (HTTP {status}): {_hint(status)}")
        error.elsewhere_too = status in _OF_THE_REQUEST
        return error


def _hint(status: int) -> str:
    if status in (401, 403):
        return "check its api_key in the policy"
    if status == 404 or status < 400:
        return "check its endpoint and model in the policy"
    return "its input may be too long, or a parameter unknown to it"


def _charged(error: TargetTimeout | TargetUnavailable) -> TargetTimeout | TargetUnavailable:
    error.charged = True
    return error


async def _read(response: Posted, largest: int = LARGEST_ANSWER) -> bytes:
    if response.content_length is not None and response.content_length <= largest:
        return await response.read()
    parts, size = [], 0
    async for chunk in response.content.iter_any():
        parts.append(chunk)
        size += len(chunk)
        if size > largest:
            raise MalformedAnswer(f"more than {largest} bytes")
    return b"".join(parts)


async def _drain(response: Posted) -> None:
    """Read a small body to its end, so that the connection can be used again."""
    if response.content_length is not None and response.content_length <= _SMALL:
        await response.read()


async def _farewell(response: Posted) -> None:
    """Read the end of a stream that said it is done, so that the connection can be used again."""
    if response.content.at_eof():
        return
    try:
        async with asyncio.timeout(_FAREWELL_S):
            await response.content.readany()
    except TimeoutError:
        response.close()
