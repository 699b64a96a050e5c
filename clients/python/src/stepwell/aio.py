"""The client, as coroutines."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import Any, Self, Unpack

from stepwell.asking import Asking
from stepwell.begun import Begun
from stepwell.errors import Failed, NoWorker, Overloaded, StepwellError, TimedOut, Unreachable, raise_for_body
from stepwell.errors import raise_for_reply as _answered
from stepwell.models import AuditRecord, Chunk, Reply
from stepwell.wire import Wire
from stepwell.wishes import Wishes

__all__ = ["AsyncClient", "Question"]

Question = str | Sequence[dict[str, Any]] | None
"""One text, or messages as `{"role": …, "content": …}`; None where `embed` is given."""

TIMEOUT_S = 120.0
GRACE_S = 2.0
"""The cascade itself answers at the deadline; the client waits this much longer for that answer."""
CALL_WAIT_S = 2.0
CONNECT_S = 5.0
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class AsyncClient:
    """One caller of one tenant. Safe to share between tasks; connects when first used, or by `async with`.

    Args:
        servers: address of nats-server, or several.
        tenant: on whose behalf to ask.
        user: user name for NATS, with `password`.
        password: its password.
        token: a token instead.
        credentials: path of a credentials file (JWT and seed) instead.
        tls: a TLS context; None: as the address says.
        inbox_prefix: where answers go. The default is what the rendered permissions of a tenant allow.
        timeout_s: how long to wait for a reply when neither the call nor its deadline says.
        connect_timeout_s: how long to wait for the first connection. A lost one is made again without end.
        retries: how often to ask again while the cascade is overloaded or no worker is there, after the pause named.
    """

    def __init__(
        self,
        servers: str | list[str] = "nats://127.0.0.1:4222",
        *,
        tenant: str = "default",
        user: str | None = None,
        password: str | None = None,
        token: str | None = None,
        credentials: str | None = None,
        tls: ssl.SSLContext | None = None,
        inbox_prefix: str | None = None,
        timeout_s: float = TIMEOUT_S,
        connect_timeout_s: float = CONNECT_S,
        retries: int = 2,
    ) -> None:
        if not _NAME.fullmatch(tenant):
            raise ValueError("tenant: 1 to 64 letters, digits, - or _")
        given = {"user": user, "password": password, "token": token, "user_credentials": credentials, "tls": tls}
        self._servers = servers
        self._options = {name: value for name, value in given.items() if value is not None}
        self._inbox_prefix = inbox_prefix or f"_INBOX_tenant.{tenant}"
        self._timeout_s = timeout_s
        self._connect_timeout_s = connect_timeout_s
        self._retries = retries
        self._wire: Wire | None = None
        self._connecting = asyncio.Lock()
        self.tenant = tenant

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def connect(self) -> None:
        """Connect now rather than with the first question.

        Raises:
            Unreachable: no server answers, or it refuses the credentials.
        """
        await self._connected()

    async def close(self) -> None:
        """Send what is left, and close."""
        if self._wire is not None:
            await self._wire.close()
            self._wire = None

    async def _connected(self) -> Wire:
        async with self._connecting:
            if self._wire is None:
                options = {"name": "stepwell-client", **self._options}
                self._wire = await Wire.connect(
                    self._servers, inbox_prefix=self._inbox_prefix, patience_s=self._connect_timeout_s, **options
                )
            return self._wire

    # ------------------------------------------------------------ questions

    async def ask(
        self,
        question: Question = None,
        *,
        timeout_s: float | None = None,
        traceparent: str | None = None,
        **wishes: Unpack[Wishes],
    ) -> Reply:
        """Ask and await the answer. Cancelling this call cancels the request, down to the model.

        Raises:
            Refused: policy said no.
            Failed: it could not be done; `Overloaded`, `NoWorker`, `TimedOut` and `Unreachable` are kinds of it.
        """
        asking = self._converse(question, timeout_s, traceparent, wishes, streaming=False)
        async with aclosing(asking) as items:
            async for item in items:
                if isinstance(item, Reply):
                    return _answered(item)
        raise Failed("the conversation ended without a reply")

    async def stream(
        self,
        question: Question = None,
        *,
        timeout_s: float | None = None,
        traceparent: str | None = None,
        **wishes: Unpack[Wishes],
    ) -> AsyncGenerator[Chunk | Reply, None]:
        """Ask and yield pieces as they come, in order and without gaps, and last the reply. Raises as `ask`.

        The pieces add up to the answer of the reply; where they cannot, `AnswerLost` is raised.
        """
        begun = Begun()
        async with aclosing(self._converse(question, timeout_s, traceparent, wishes, streaming=True)) as items:
            async for item in items:
                if isinstance(item, Reply):
                    _answered(item)
                    for piece in begun.rest(item):
                        yield piece
                    yield item
                    return
                if begun.takes(item):
                    yield item

    async def submit(self, question: Question = None, **wishes: Unpack[Wishes]) -> str:
        """Hand in for later. Returns the id, once the request is durable; fetch the reply with `result` or `wait`."""
        wire = await self._connected()
        request = self._request(question, wishes, streaming=False)
        body = await wire.carried(self.tenant, str(request["id"]), json.dumps(request).encode())
        headers = {} if "id" in wishes else {"Stepwell-Fresh": "1"}
        for left in range(self._retries, -1, -1):
            try:
                return str((await self._call("enqueue", body, headers))["accepted"])
            except (NoWorker, Overloaded) as error:
                if not left:
                    raise
                await asyncio.sleep(1.0 if error.retry_after_s is None else error.retry_after_s)
        raise AssertionError("the last try returned or raised")

    async def result(self, request_id: str) -> Reply | None:
        """The stored reply, whatever its status; None while there is none."""
        wire = await self._connected()
        body = json.dumps({"id": request_id}).encode()
        for _ in range(3):
            try:
                whole = await wire.parts(f"request.result.{self.tenant}", body, CALL_WAIT_S)
            except StepwellError as error:
                if error.code == "not_found":
                    return None
                raise
            if whole is not None:
                return Reply.model_validate_json(whole)
        raise Unreachable("no answer to result: NATS or the workers are overloaded or restarting")

    async def wait(self, request_id: str, timeout_s: float | None = None) -> Reply:
        """Await the reply to what was submitted. Raises as `ask`, and `TimedOut` when there is none in time."""
        loop = asyncio.get_running_loop()
        until, pause = loop.time() + (self._timeout_s if timeout_s is None else timeout_s), 0.05
        while True:
            reply = await self.result(request_id)
            if reply is not None and not reply.provisional:
                return _answered(reply)
            if loop.time() + pause > until:
                raise TimedOut(f"no result under {request_id} yet: wait again later")
            await asyncio.sleep(pause)
            pause = min(1.0, pause * 1.5)

    async def cancel(self, request_id: str) -> None:
        """Take a request back. Work on it stops, also at the model."""
        await (await self._connected()).publish(f"cancel.{self.tenant}.{request_id}", b"")

    # ------------------------------------------------------------ afterwards

    async def outcome(
        self, request_id: str, reward: float, *, kind: str | None = None, id: str | None = None, at: float | None = None
    ) -> bool:
        """Say how good an answer was, from 0 to 1. False: this event was known already.

        Args:
            request_id: the request that was answered.
            reward: from 0, useless, to 1, all that was wanted.
            kind: what the reward measures; `task` where nothing is said.
            id: of the event; sending it again under the same id counts once. By default that of the request.
            at: when it was found out, as Unix time.
        """
        event = {"id": id or request_id, "request_id": request_id, "reward": reward, "kind": kind, "at": at}
        body = json.dumps({name: value for name, value in event.items() if value is not None}).encode()
        return bool((await self._call("outcome", body, {}))["new"])

    async def audit(self, *, after: int = 0, kind: str = "decision") -> AsyncGenerator[AuditRecord, None]:
        """The tenant's own records, oldest first, from behind sequence `after`.

        A NATS user that may only ask cannot read the log; connect as one that may, with its `inbox_prefix`.

        Raises:
            NotPermitted: this user may not.
        """
        wire = await self._connected()
        async with aclosing(wire.stored("AUDIT", f"audit.{self.tenant}.{kind}", after)) as stored:
            async for sequence, raw in stored:
                record = AuditRecord.model_validate_json(raw)
                yield record.model_copy(update={"sequence": sequence, "raw": raw})

    # ------------------------------------------------------------ how

    def _request(self, question: Question, wishes: Wishes, *, streaming: bool) -> dict[str, Any]:
        request: dict[str, Any] = {"tenant": self.tenant, "id": uuid.uuid4().hex, **wishes}
        if isinstance(question, str):
            request["input"] = question
        elif question is not None:
            request["messages"] = list(question)
        return {**request, "stream": True} if streaming else request

    async def _converse(
        self, question: Question, timeout_s: float | None, traceparent: str | None, wishes: Wishes, *, streaming: bool
    ) -> AsyncGenerator[Chunk | Reply, None]:
        request = self._request(question, wishes, streaming=streaming)
        headers = {"Stepwell-Accepted": "1"}
        if "id" not in wishes:
            headers["Stepwell-Fresh"] = "1"
        if traceparent is not None:
            headers["traceparent"] = traceparent
        wire = await self._connected()
        asking = Asking(
            wire,
            f"request.ask.{self.tenant}",
            request,
            headers,
            patience_s=self._patience(wishes, timeout_s),
            retries=self._retries,
            result=self.result,
        )
        try:
            async for item in asking.items():
                yield item
        except (asyncio.CancelledError, GeneratorExit):
            if not asking.ended:
                await self.cancel(str(request["id"]))
            raise
        finally:
            asking.close()

    def _patience(self, wishes: Wishes, timeout_s: float | None) -> float:
        if timeout_s is not None:
            return timeout_s
        deadline_ms = wishes.get("budget", {}).get("deadline_ms")
        return self._timeout_s if deadline_ms is None else deadline_ms / 1000 + GRACE_S

    async def _call(self, verb: str, body: bytes, headers: dict[str, str]) -> dict[str, Any]:
        """A request with one answer, sent again when none comes: every verb is idempotent."""
        wire = await self._connected()
        for _ in range(3):
            answer = await wire.one(f"request.{verb}.{self.tenant}", body, headers, CALL_WAIT_S)
            if answer is not None:
                parsed: dict[str, Any] = json.loads(answer.data)
                raise_for_body(parsed)
                return parsed
            headers.pop("Stepwell-Fresh", None)
        raise Unreachable(f"no answer to {verb}: NATS or the workers are overloaded or restarting")
