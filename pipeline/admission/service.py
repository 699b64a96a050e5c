"""The service endpoints: they take requests, make them durable, and say at once what is wrong with them."""

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import orjson

from pipeline.admission.gate import Gate
from pipeline.admission.reading import fingerprint, named_id, parse_outcome, parse_request
from pipeline.contracts import Envelope, ErrorBody, Reply, Request, is_name
from pipeline.errors import (
    DeadlineExceeded,
    IdempotencyConflict,
    InvalidRequest,
    NotFound,
    RequestTooLarge,
    StepwellError,
    kind_of,
)
from pipeline.policy.source import PolicySource
from pipeline.ports import Clock, Conflict, Endpoint, Incoming, Link, ResultStore, Transport
from pipeline.runner import Carried, Runner, dump_admitted, error_body
from pipeline.topology import FIRST, VERBS, is_inbox, outcome_subject, request_subject, result_subject
from pipeline.transport.answers import PARTS_HEADER, error_headers, inbox_body, parts
from pipeline.transport.claims import BUCKET, MARK, MAX_BODY, Claims

__all__ = ["ACCEPTED_HEADER", "FRESH_HEADER", "Admission"]

_log = logging.getLogger("stepwell.admission")

ACCEPTED_HEADER: Final = "Stepwell-Accepted"
"""Set by a caller that wants `{"accepted": id}` as soon as its request is durable, before the reply."""
FETCHES: Final = 4
"""Large requests that are fetched at a time."""
FRESH_HEADER: Final = "Stepwell-Fresh"
"""Set by a caller that has just made up the request id: there cannot be a result under it yet."""


def _traceparent(headers: Mapping[str, str]) -> str | None:
    return headers.get("traceparent")


class Admission:
    """Takes requests from callers. Every answer goes to the caller's inbox; nothing is raised."""

    def __init__(
        self,
        link: Link,
        results: ResultStore,
        policies: PolicySource,
        clock: Clock,
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
        max_body: int = MAX_BODY,
        told: ResultStore | None = None,
    ) -> None:
        self._link = link
        self._transport = link.transport()
        self._results = results
        self._told = results if told is None else told  # where a reply is looked for that somebody asks for by its id
        self._policies = policies
        self._clock = clock
        self._new_id = new_id
        self._max_body = max_body
        self._claims = Claims(link.objects(BUCKET))
        self._gate = Gate(self._transport.on_the_way, clock)
        self._fetches = asyncio.Semaphore(FETCHES)
        self._short: tuple[Runner, Transport] | None = None

    def open(self, runner: Runner, transport: Transport) -> None:
        """Open the short road: what is asked in this process begins at once where `transport` has a slot for it.

        So it can end before anything was written to a queue, where no stage makes a call. Who asks dies with who works,
        so that nobody could miss it.
        """
        self._short = runner, transport

    async def start(self, version: str, name: str = "stepwell", *, alone: bool = False) -> None:
        """Offer the endpoints; with `alone`, to who asks in this process."""
        handlers = {verb: getattr(self, verb) for verb in VERBS}
        endpoints = {request_subject(verb, "*"): self._guarded(handlers[verb]) for verb in VERBS}
        await self._link.serve(name, version, endpoints, alone=alone)

    def _guarded(self, handler: Callable[[Incoming, str], Awaitable[None]]) -> Endpoint:
        async def endpoint(incoming: Incoming) -> str | None:
            tenant = incoming.subject.rsplit(".", 1)[-1]
            if incoming.reply_to is not None and not is_inbox(incoming.reply_to, tenant):
                _log.warning("a request wanted its answer where no inbox of its caller is: dropped, nobody can be told")
                return None
            try:
                if not is_name(tenant):
                    raise InvalidRequest("tenant: 1 to 64 letters, digits, - or _", param="tenant")
                self._gate.enter(tenant)
                try:
                    await handler(incoming, tenant)
                finally:
                    self._gate.leave(tenant)
            except Exception as error:
                return await self._fail(incoming, error)
            return None

        return endpoint

    # ------------------------------------------------------------ verbs

    async def ask(self, incoming: Incoming, tenant: str) -> None:
        """Take a request whose caller waits at its inbox."""
        await self._admit(incoming, tenant, incoming.reply_to)

    async def enqueue(self, incoming: Incoming, tenant: str) -> None:
        """Take a request whose caller comes back for the result."""
        await self._admit(incoming, tenant, None)

    async def result(self, incoming: Incoming, tenant: str) -> None:
        """Give the stored reply of `{"id": …}`: in one message, or in parts to a caller that takes them."""
        request_id = named_id(incoming.body)
        reply = await self._told.get(tenant, request_id)
        if reply is None:
            raise NotFound(f"no result under {request_id}: it is still on its way, has expired, or was never asked")
        body = reply.model_dump_json(exclude_none=True).encode()
        if PARTS_HEADER not in incoming.headers:
            await self._respond(incoming, inbox_body(reply, body))
            return
        for part, headers in parts(body):
            await self._respond(incoming, part, headers)
        await self._respond(incoming, b"")

    async def outcome(self, incoming: Incoming, tenant: str) -> None:
        """Store an outcome event, once for each event id."""
        event = parse_outcome(incoming.body)
        stamped = event.model_copy(update={"tenant": tenant, "at": event.at or self._clock.now()})
        try:
            await self._link.streams.append(
                outcome_subject(tenant, event.id), stamped.model_dump_json().encode(), expected=0
            )
            new = True
        except Conflict:
            new = False
        await self._respond(incoming, orjson.dumps({"id": event.id, "new": new}))

    # ------------------------------------------------------------ admission

    async def _admit(self, incoming: Incoming, tenant: str, reply_to: str | None) -> None:
        body = incoming.body
        if body.startswith(MARK):
            body = await self._fetched(body, tenant)
        elif len(body) > self._max_body:
            raise RequestTooLarge(f"the request has {len(body)} bytes; {self._max_body} are the most that is taken")
        request = parse_request(body, tenant)
        envelope = self._envelope(request, reply_to, _traceparent(incoming.headers))
        if request.id is not None and FRESH_HEADER not in incoming.headers and await self._known(incoming, envelope):
            return
        if incoming.near and self._may_be_carried(incoming, envelope) and await self._carried(envelope):
            return
        new = await self._queued(envelope)
        if reply_to is None or ACCEPTED_HEADER in incoming.headers:
            await self._respond(incoming, orjson.dumps({"accepted": envelope.id}))
        if not new and reply_to is not None:
            await self._await_other(incoming, envelope)

    def _may_be_carried(self, incoming: Incoming, envelope: Envelope) -> bool:
        """Whether nobody could tell the short road from the long one.

        Nothing can be known under the id, and who asks waits here, and for nothing but the reply.
        """
        headers = incoming.headers
        return (
            envelope.lane == "interactive"
            and envelope.reply_to is not None
            and FRESH_HEADER in headers
            and ACCEPTED_HEADER not in headers
            and not incoming.body.startswith(MARK)
        )

    async def _carried(self, envelope: Envelope) -> bool:
        """Take the short road, where a slot is free and nobody waits for it. False: it has to go the long one.

        It counts as on its way until it ends, or until a queue has it.
        """
        runner, transport = self._short or (None, None)
        leave = transport.seize(FIRST, envelope.lane) if transport is not None else None
        if leave is None or runner is None:
            return False
        try:
            row = self._gate.admit(envelope.tenant, envelope.lane, self._policies.current().limits.admission)
            carried, stored = Carried(envelope, row), False
            try:
                await runner.carry(carried)
                stored = carried.left
            finally:
                self._gate.confirmed(envelope.tenant, envelope.lane, stored)
        finally:
            leave()
        return True

    async def _queued(self, envelope: Envelope) -> bool:
        """Make it durable, in the row where it stands. False: it was there already."""
        lane, stored = envelope.lane, False
        row = self._gate.admit(envelope.tenant, lane, self._policies.current().limits.admission)
        try:
            new = await self._transport.hand_over(lane, FIRST, dump_admitted(envelope), f"{envelope.key}.0", row)
            stored = True
        finally:
            self._gate.confirmed(envelope.tenant, lane, stored)
        return new

    async def _fetched(self, body: bytes, tenant: str) -> bytes:
        """The request that lies in the bucket. Few are fetched at a time: what they hold is memory."""
        async with self._fetches:
            return await self._claims.uploaded(body, tenant, self._max_body)

    def _envelope(self, request: Request, reply_to: str | None, traceparent: str | None) -> Envelope:
        policy = self._policies.current()
        lanes = policy.limits.lanes
        default = lanes.batch_deadline_ms if request.lane == "batch" else lanes.interactive_deadline_ms
        now = self._clock.now()
        return Envelope.model_construct(
            id=request.id or self._new_id(),
            request=request,
            fingerprint=fingerprint(request),
            lane=request.lane,
            received_at=now,
            deadline_at=now + (request.budget.deadline_ms or default) / 1000,
            reply_to=reply_to,
            traceparent=traceparent,
            policy_revision=policy.revision,
        )

    async def _known(self, incoming: Incoming, envelope: Envelope) -> bool:
        """Whether the id was answered before; then that is the answer, or a conflict if something else was asked."""
        reply = await self._results.get(envelope.tenant, envelope.id)
        if reply is None or reply.provisional:
            return False
        if reply.fingerprint != envelope.fingerprint:
            raise IdempotencyConflict(f"the id {envelope.id} was used before for another request", param="id")
        if envelope.reply_to is None:
            await self._respond(incoming, orjson.dumps({"accepted": envelope.id}))
        else:
            await self._transport.caller(envelope.reply_to, envelope.request.stream).reply(reply)
        return True

    async def _await_other(self, incoming: Incoming, envelope: Envelope) -> None:
        """The same request is already on its way for another inbox: answer this one too when the result is there."""
        with self._gate.waiting(envelope.tenant):
            await self._await_result(incoming, envelope)

    async def _await_result(self, incoming: Incoming, envelope: Envelope) -> None:
        arrived = asyncio.Event()

        async def wake(_: Incoming) -> None:
            arrived.set()

        subscription = await self._link.subscribe(result_subject(envelope.tenant, envelope.id), wake)
        try:
            while envelope.deadline_at > self._clock.now():
                if await self._known(incoming, envelope):
                    return
                arrived.clear()
                try:
                    async with asyncio.timeout(1.0):
                        await arrived.wait()
                except TimeoutError:
                    continue
            raise DeadlineExceeded("the deadline passed before the answer to the first request with this id was there")
        finally:
            await subscription.stop()

    # ------------------------------------------------------------ answers

    async def _respond(self, incoming: Incoming, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        if incoming.reply_to is not None:
            await self._link.publish(incoming.reply_to, body, headers)

    async def _fail(self, incoming: Incoming, error: Exception) -> str:
        """Tell the caller, in the body and in the headers that NATS services use; and what `$SRV.STATS` says of it."""
        if not isinstance(error, StepwellError):
            _log.error("admission raised %s", type(error).__name__, exc_info=error)
        body = error_body(error)
        headers = error_headers(body)
        told = f"{kind_of(body.code).http_status}:{body.code}"
        if incoming.subject.split(".")[1] != "ask":
            await self._respond(incoming, orjson.dumps({"error": body.model_dump(exclude_none=True)}), headers)
            return told
        reply = _failed(incoming, body, self._policies.current().revision, self._clock.now())
        await self._respond(incoming, reply.model_dump_json(exclude_none=True).encode(), headers)
        await self._respond(incoming, b"")
        return told


def _failed(incoming: Incoming, body: ErrorBody, revision: str, now: float) -> Reply:
    """The reply to a request that was never let in. It has no record: there was nothing to decide."""
    try:
        request_id = named_id(incoming.body)
    except InvalidRequest:
        request_id = "none"
    tenant = incoming.subject.rsplit(".", 1)[-1]
    return Reply(
        id=request_id,
        tenant=tenant if is_name(tenant) else "default",
        status="failed",
        completed_at=now,
        policy_revision=revision,
        fingerprint="",
        error=body,
    )
