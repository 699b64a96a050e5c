"""Speaking to the cascade over NATS: ask and await, stream, hand in and fetch later, say how good the answer was."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Final

import orjson
from pydantic_core import PydanticSerializationError

from pipeline.admission import ACCEPTED_HEADER, FRESH_HEADER
from pipeline.begun import Begun, lost
from pipeline.contracts import Chunk, OutcomeEvent, Reply, Request, is_name
from pipeline.errors import DeadlineExceeded, InvalidRequest, NotFound, StepwellError, TransportUnavailable, kind_of
from pipeline.ports import Conversation, Incoming, Link, Spoken
from pipeline.topology import cancel_subject, request_subject
from pipeline.transport.answers import PART_HEADER, PARTS_HEADER
from pipeline.transport.claims import BUCKET, INLINE, MARK, Claim, upload_name

__all__ = ["Client", "raise_for"]

ACCEPT_WAIT_S: Final = 1.0
"""How long to wait for the word that the request is durable before it is sent again under the same id."""
LOOK_AFTER_S: Final = 3.0
"""How long to wait for the reply before looking among the results: an inbox can miss it, a stored result cannot."""
DEFAULT_TIMEOUT_S: Final = 120.0
GRACE_S: Final = 2.0
"""The cascade itself answers at the deadline; a caller waits this much longer for that answer."""


def raise_for(body: dict[str, object]) -> None:
    """Raise the error of ours that `{"error": {"code": …}}` stands for; return when there is none."""
    trouble = body.get("error")
    if isinstance(trouble, dict):
        kind = kind_of(str(trouble.get("code")))
        pause = trouble.get("retry_after_s")
        raise kind(
            str(trouble.get("message")),
            rule=trouble.get("rule"),
            param=trouble.get("param"),
            retry_after_s=float(pause) if isinstance(pause, int | float) else None,
        )


class Client:
    """One caller of one tenant. Safe to share between tasks."""

    def __init__(self, link: Link, tenant: str = "default") -> None:
        if not is_name(tenant):
            raise InvalidRequest("tenant: 1 to 64 letters, digits, - or _", param="tenant")
        self._link = link
        self.tenant = tenant

    async def ask(
        self,
        request: Request,
        timeout_s: float | None = None,
        *,
        traceparent: str | None = None,
        fresh: bool = False,
    ) -> Reply:
        """Ask and await the reply. Cancelling this call cancels the request, down to the model server.

        Args:
            request: the question. Without an id it gets one.
            timeout_s: how long to wait; by default until a little after the request's own deadline.
            traceparent: the caller's W3C trace context.
            fresh: the id of the request was made up just now, so that nothing can be stored under it yet.

        Raises:
            NoWorker: no worker is there to take it; raised at once.
            DeadlineExceeded: no reply came, nor a stored result.
        """
        asking = self._asking(request, timeout_s, _headers(traceparent, fresh), streaming=False)
        try:
            while True:
                item = await asking.next()
                if isinstance(item, Reply):
                    return item
        except asyncio.CancelledError:
            await asking.take_back()
            raise
        finally:
            asking.close()

    async def stream(
        self,
        request: Request,
        timeout_s: float | None = None,
        *,
        traceparent: str | None = None,
        fresh: bool = False,
    ) -> AsyncIterator[Chunk | Reply]:
        """Ask and yield chunks as they come, in order and without gaps, and last the reply. Arguments as for `ask`.

        The chunks add up to the answer of the reply. Where they cannot, since a worker was lost in the middle of its
        answer and another one counts, the last item is a failure with the code `answer_lost`.
        """
        begun = Begun()
        async for item in self._converse(request, timeout_s, _headers(traceparent, fresh), streaming=True):
            if isinstance(item, Chunk):
                if begun.takes(item):
                    yield item
                continue
            answered = item.status == "answered"
            rest = begun.rest(item.content or "", item.reasoning or "") if answered else ()
            for piece in rest or ():
                yield piece
            yield item if rest is not None else lost(item)
            return

    async def enqueue(self, request: Request) -> str:
        """Hand in for later; return the request id once it is durable."""
        ready, headers = _prepared(request, self.tenant, stream=False)
        body = await self._call("enqueue", await self.carried(ready), headers)
        return str(body["accepted"])

    async def result(self, request_id: str) -> Reply | None:
        """The stored reply, or None while there is none."""
        for _ in range(3):
            conversation = await self._link.converse(
                request_subject("result", self.tenant), orjson.dumps({"id": request_id}), headers={PARTS_HEADER: "1"}
            )
            try:
                whole = await _together(conversation)
            except NotFound:
                return None
            finally:
                conversation.close()
            if whole is not None:
                return Reply.model_validate_json(whole)
        raise TransportUnavailable("no answer to result: NATS or the workers are overloaded or restarting")

    async def outcome(self, event: OutcomeEvent) -> bool:
        """Report an outcome. False: this event was known already."""
        body = await self._call("outcome", event.model_dump_json(exclude_defaults=True).encode(), {})
        return bool(body["new"])

    async def cancel(self, request_id: str) -> None:
        """Take a request back. Work on it stops, also at the model server."""
        await self._link.publish(cancel_subject(f"{self.tenant}.{request_id}"), b"")

    # ------------------------------------------------------------ how

    async def carried(self, request: Request) -> bytes:
        """The bytes that carry `request`: itself, or where it is too large, a reference to where it lies."""
        body = _body(request)
        if len(body) <= INLINE:
            return body
        claim = Claim(upload_name(self.tenant, str(request.id)), len(body), sha256(body).hexdigest())
        await self._link.objects(BUCKET).put(claim.name, body)
        return claim.dump()

    async def _call(self, verb: str, body: bytes, headers: dict[str, str]) -> dict[str, object]:
        """A request with one answer, sent again when none comes: every verb is idempotent."""
        for _ in range(3):
            conversation = await self._link.converse(request_subject(verb, self.tenant), body, headers=headers)
            try:
                answer = await conversation.next(2 * ACCEPT_WAIT_S)
            finally:
                conversation.close()
            if answer is not None:
                parsed: dict[str, object] = orjson.loads(answer.body)
                raise_for(parsed)
                return parsed
            headers.pop(FRESH_HEADER, None)
        raise TransportUnavailable(f"no answer to {verb}: NATS or the workers are overloaded or restarting")

    async def _converse(
        self, request: Request, timeout_s: float | None, tags: dict[str, str], *, streaming: bool
    ) -> AsyncIterator[Chunk | Reply]:
        asking = self._asking(request, timeout_s, tags, streaming=streaming)
        try:
            while not asking.ended:
                yield await asking.next()
        except (asyncio.CancelledError, GeneratorExit):
            await asking.take_back()
            raise
        finally:
            asking.close()

    def _asking(self, request: Request, timeout_s: float | None, tags: dict[str, str], *, streaming: bool) -> "_Asking":
        ready, headers = _prepared(request, self.tenant, stream=streaming)
        headers |= tags
        return _Asking(self, self._link, ready, headers, _patience(request, timeout_s))


class _Asking:
    """One request until its reply: sent again until accepted, looked for among the results when the inbox is silent."""

    def __init__(self, client: Client, link: Link, request: Request, headers: dict[str, str], patience: float) -> None:
        self._client = client
        self._link = link
        self._request = request
        self._headers = headers
        self._time = asyncio.get_running_loop().time
        self._until = self._time() + patience
        self._patience = patience
        self._body: bytes | None = None
        self._conversation: Conversation | None = None
        self._accepted = False
        self.ended = False

    async def next(self) -> Chunk | Reply:
        """The next piece of the answer, or the reply, after which there is nothing more."""
        while True:
            conversation = self._conversation
            if conversation is None:
                conversation = self._conversation = await self._opened()
            item = await self._heard(conversation)
            if item is not None:
                return item
            self.close()
            self._headers.pop(FRESH_HEADER, None)

    async def _opened(self) -> Conversation:
        """Send the request."""
        if self._body is None:
            self._body = await self._client.carried(self._request)
        subject = request_subject("ask", self._client.tenant)
        self._accepted = self._link.serves(subject)
        if not self._accepted:
            self._headers[ACCEPTED_HEADER] = "1"
        return await self._link.converse(subject, self._body, headers=self._headers)

    async def _heard(self, conversation: Conversation) -> Chunk | Reply | None:
        """What comes next; None: the request has to be sent again."""
        while True:
            answer = await conversation.next(self._wait())
            if answer is None:
                if not self._accepted:
                    return None
                stored = await self._look()
                if stored is not None:
                    return self._end(stored)
                continue
            item = answer.made if isinstance(answer, Spoken) else await self._read(answer)
            if isinstance(item, Reply):
                return self._end(item)
            if isinstance(item, Chunk):
                return item
            self._accepted = True

    def _wait(self) -> float:
        left = self._until - self._time()
        if left <= 0:
            raise DeadlineExceeded(
                f"no reply within {self._patience:g} s; ask for the result of {self._request.id} later"
            )
        return min(left, LOOK_AFTER_S if self._accepted else ACCEPT_WAIT_S)

    async def _look(self) -> Reply | None:
        try:
            return await self._client.result(str(self._request.id))
        except (TransportUnavailable, StepwellError):
            return None

    async def _read(self, answer: Incoming) -> Chunk | Reply | None:
        """What an answer from the wire says; None: the request is durable."""
        return await self._whole(answer) if answer.body.startswith(MARK) else _read(answer)

    async def _whole(self, answer: Incoming) -> Reply | None:
        """The reply that was too large for one message."""
        claim = Claim.read(answer.body)
        return None if claim is None else await self._client.result(claim.name)

    def _end(self, reply: Reply) -> Reply:
        self.ended = True
        return reply

    async def take_back(self) -> None:
        """Nobody waits any more: stop the work, unless it has ended."""
        if not self.ended:
            await self._client.cancel(str(self._request.id))

    def close(self) -> None:
        """No more answers are wanted."""
        if self._conversation is not None:
            self._conversation.close()
            self._conversation = None


def _prepared(request: Request, tenant: str, *, stream: bool) -> tuple[Request, dict[str, str]]:
    """The request with an id, the tenant and the form of delivery, and the headers that say whether the id is new."""
    update: dict[str, object] = {"tenant": tenant, "stream": stream}
    if request.id is None:
        return request.model_copy(update={**update, "id": uuid.uuid4().hex}), {FRESH_HEADER: "1"}
    if request.tenant == tenant and request.stream == stream:
        return request, {}
    return request.model_copy(update=update), {}


def _body(request: Request) -> bytes:
    """The bytes of a request.

    Raises:
        InvalidRequest: some text in it is none that UTF-8 can hold: half a surrogate pair, or bytes of a terminal.
    """
    try:
        return request.model_dump_json(exclude_defaults=True).encode()
    except PydanticSerializationError:
        raise InvalidRequest("some text of the request is no UTF-8: mend its encoding") from None


def _headers(traceparent: str | None, fresh: bool) -> dict[str, str]:
    headers = {FRESH_HEADER: "1"} if fresh else {}
    return headers if traceparent is None else {**headers, "traceparent": traceparent}


def _patience(request: Request, timeout_s: float | None) -> float:
    if timeout_s is not None:
        return timeout_s
    if request.budget.deadline_ms is not None:
        return request.budget.deadline_ms / 1000 + GRACE_S
    return DEFAULT_TIMEOUT_S + GRACE_S


def _read(answer: Incoming) -> Chunk | Reply | None:
    """A chunk, the reply, or None for the word that the request is durable."""
    body = answer.body
    if body.startswith(b'{"accepted"') or not body:
        return None
    if body.startswith(b'{"seq"'):
        return Chunk.model_validate_json(body)
    return Reply.model_validate_json(body)


async def _together(conversation: Conversation) -> bytes | None:
    """A body that came in parts; None: one is missing."""
    pieces: list[bytes] = []
    while (answer := await conversation.next(2 * ACCEPT_WAIT_S)) is not None:
        if not answer.body:
            return b"".join(pieces)
        if not pieces and answer.body.startswith(b'{"error"'):
            raise_for(orjson.loads(answer.body))
        if answer.headers.get(PART_HEADER, "").partition("/")[0] != str(len(pieces) + 1):
            return None
        pieces.append(answer.body)
    return None
