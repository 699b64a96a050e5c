"""The way in: service endpoints that take requests, make them durable, and say at once what is wrong with them.

They run in the workers of the first stage, so that a request finds either somebody who takes it or, without any delay,
that nobody is there.
"""

import asyncio
import hashlib
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import orjson
from pydantic import ValidationError

from pipeline.contracts import Envelope, ErrorBody, JsonObject, OutcomeEvent, Reply, Request, is_name
from pipeline.errors import (
    DeadlineExceeded,
    IdempotencyConflict,
    InvalidRequest,
    NotFound,
    RequestTooLarge,
    StepwellError,
)
from pipeline.policy.source import PolicySource
from pipeline.ports import Clock, Conflict, Incoming, Link, ResultStore
from pipeline.runner import dump_envelope, error_body
from pipeline.topology import FIRST, VERBS, outcome_subject, request_subject, result_subject

__all__ = ["ACCEPTED_HEADER", "FRESH_HEADER", "Admission", "fingerprint", "parse_request"]

_log = logging.getLogger("stepwell.admission")

ACCEPTED_HEADER: Final = "Stepwell-Accepted"
"""Set by a caller that wants `{"accepted": id}` as soon as its request is durable, before the reply."""
MAX_BODY: Final = 917_504
"""Bytes of a request at most: seven eighths of a message of NATS, so that what stages add to it has room as well."""
FRESH_HEADER: Final = "Stepwell-Fresh"
"""Set by a caller that has just made up the request id: there cannot be a result under it yet."""


def fingerprint(request: Request) -> str:
    """A digest of what is asked: equal for a true repetition only.

    Without the id, the form of delivery, what it may cost and which key pays. With whatever else may change the answer:
    the pin, the providers, and whether another target may answer.
    """
    body = request.model_dump_json(exclude={"id", "stream", "lane", "budget", "api_key"}, exclude_defaults=True)
    return hashlib.blake2b(body.encode(), digest_size=16).hexdigest()


def parse_request(body: bytes, tenant: str) -> Request:
    """Read a caller's request, and bring it into the one form that stages see: with messages and its tenant.

    Raises:
        InvalidRequest: it breaks its contract, and the message names the first field that does; or it wants a call of
            a tool that it does not offer.
    """
    try:
        request = Request.model_validate_json(body)
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in problem["loc"]) or "request"
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise InvalidRequest(f"{place}: {problem['msg']}{more}", param=place) from None
    if "tenant" in request.model_fields_set and request.tenant != tenant:
        raise InvalidRequest(f"tenant: the request says {request.tenant}, its subject {tenant}", param="tenant")
    _check_choice(request)
    update: dict[str, object] = {"tenant": tenant}
    if request.input is not None:
        update |= {"messages": request.conversation(), "input": None}
    return request.model_copy(update=update)


def _check_choice(request: Request) -> None:
    """No model can call a tool that it is not offered."""
    choice = request.tool_choice
    if not (choice == "required" or isinstance(choice, dict)):
        return
    if not request.tools:
        raise InvalidRequest("tool_choice: it asks for a call and there are no tools: give tools", param="tool_choice")
    offered = {_named(tool) for tool in request.tools}
    if isinstance(choice, dict) and (asked := _named(choice)) is not None and asked not in offered:
        raise InvalidRequest("tool_choice: it names a tool that is not among tools: add it there", param="tool_choice")


def _named(tool: JsonObject) -> str | None:
    """The name of a tool, or of the one that is chosen."""
    inner = tool.get("function")
    name = (inner if isinstance(inner, dict) else tool).get("name")
    return name if isinstance(name, str) else None


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
    ) -> None:
        self._link = link
        self._transport = link.transport()
        self._results = results
        self._policies = policies
        self._clock = clock
        self._new_id = new_id

    async def start(self, version: str) -> None:
        """Offer the endpoints."""
        handlers = {verb: getattr(self, verb) for verb in VERBS}
        endpoints = {request_subject(verb, "*"): self._guarded(handlers[verb]) for verb in VERBS}
        await self._link.serve("stepwell", version, endpoints)

    def _guarded(self, handler: Callable[[Incoming, str], Awaitable[None]]) -> Callable[[Incoming], Awaitable[None]]:
        async def endpoint(incoming: Incoming) -> None:
            try:
                tenant = incoming.subject.rsplit(".", 1)[-1]
                if not is_name(tenant):
                    raise InvalidRequest("tenant: 1 to 64 letters, digits, - or _", param="tenant")
                await handler(incoming, tenant)
            except Exception as error:
                await self._fail(incoming, error)

        return endpoint

    # ------------------------------------------------------------ verbs

    async def ask(self, incoming: Incoming, tenant: str) -> None:
        """Take a request whose caller waits at its inbox."""
        await self._admit(incoming, tenant, incoming.reply_to)

    async def enqueue(self, incoming: Incoming, tenant: str) -> None:
        """Take a request whose caller comes back for the result."""
        await self._admit(incoming, tenant, None)

    async def result(self, incoming: Incoming, tenant: str) -> None:
        """Give the stored reply of `{"id": …}`."""
        request_id = _field(incoming.body, "id")
        reply = await self._results.get(tenant, request_id)
        if reply is None:
            raise NotFound(f"no result under {request_id}: it is still on its way, has expired, or was never asked")
        await self._respond(incoming, reply.model_dump_json(exclude_none=True).encode())

    async def outcome(self, incoming: Incoming, tenant: str) -> None:
        """Store an outcome event, once for each event id."""
        try:
            event = OutcomeEvent.model_validate_json(incoming.body)
        except ValidationError as error:
            problem = error.errors(include_input=False, include_url=False, include_context=False)[0]
            place = ".".join(str(part) for part in problem["loc"]) or "event"
            raise InvalidRequest(f"{place}: {problem['msg']}", param=place) from None
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
        if len(incoming.body) > MAX_BODY:
            raise RequestTooLarge(f"the request has {len(incoming.body)} bytes; {MAX_BODY} are the most that is taken")
        request = parse_request(incoming.body, tenant)
        envelope = self._envelope(request, reply_to, _traceparent(incoming.headers))
        if request.id is not None and FRESH_HEADER not in incoming.headers and await self._known(incoming, envelope):
            return
        body = dump_envelope(envelope)
        new = await self._transport.hand_over(envelope.lane, FIRST, body, f"{envelope.key}.0")
        if reply_to is None or ACCEPTED_HEADER in incoming.headers:
            await self._respond(incoming, orjson.dumps({"accepted": envelope.id}))
        if not new and reply_to is not None:
            await self._await_other(incoming, envelope)

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

    async def _fail(self, incoming: Incoming, error: Exception) -> None:
        """Tell the caller, in the body and in the headers that NATS services use."""
        if not isinstance(error, StepwellError):
            _log.error("admission raised %s", type(error).__name__, exc_info=error)
        body = error_body(error)
        status = error.http_status if isinstance(error, StepwellError) else 500
        headers = {"Nats-Service-Error": body.message, "Nats-Service-Error-Code": str(status)}
        if incoming.subject.split(".")[1] != "ask":
            await self._respond(incoming, orjson.dumps({"error": body.model_dump(exclude_none=True)}), headers)
            return
        reply = _failed(incoming, body, self._policies.current().revision, self._clock.now())
        await self._respond(incoming, reply.model_dump_json(exclude_none=True).encode(), headers)
        await self._respond(incoming, b"")


def _field(body: bytes, name: str) -> str:
    try:
        value = orjson.loads(body).get(name)
    except (orjson.JSONDecodeError, AttributeError):
        value = None
    if not isinstance(value, str) or not is_name(value):
        raise InvalidRequest(f"{name}: give {{{name!r}: …}} with 1 to 64 letters, digits, - or _", param=name)
    return value


def _failed(incoming: Incoming, body: ErrorBody, revision: str, now: float) -> Reply:
    """The reply to a request that was never let in. It has no record: there was nothing to decide."""
    try:
        request_id = _field(incoming.body, "id")
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
