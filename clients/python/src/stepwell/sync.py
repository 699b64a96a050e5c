"""The client for programs without an event loop: it has one of its own, in a thread."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import AsyncGenerator, Coroutine, Generator
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

from stepwell.aio import CONNECT_S, TIMEOUT_S, AsyncClient, Question
from stepwell.models import AuditRecord, Chunk, Reply
from stepwell.wishes import Wishes

__all__ = ["Client"]

T = TypeVar("T")


class Client:
    """One caller of one tenant. Safe to share between threads. Arguments and errors are those of `AsyncClient`."""

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
        self._client = AsyncClient(
            servers,
            tenant=tenant,
            user=user,
            password=password,
            token=token,
            credentials=credentials,
            tls=tls,
            inbox_prefix=inbox_prefix,
            timeout_s=timeout_s,
            connect_timeout_s=connect_timeout_s,
            retries=retries,
        )
        self.tenant = tenant
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="stepwell-client", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        try:
            self._run(self._client.connect())
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Send what is left, close, and end the thread."""
        if self._loop.is_closed():
            return
        try:
            self._run(self._client.close())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        """Await `work` in the thread. An interruption here, as by Ctrl-C, cancels it there, and so the request."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def _each(self, items: AsyncGenerator[T, None]) -> Generator[T, None, None]:
        """Yield from a generator in the thread; leaving the loop early closes it, and so cancels the request."""
        try:
            while True:
                try:
                    item = self._run(_next(items))
                except StopAsyncIteration:
                    return
                yield item
        finally:
            self._run(items.aclose())

    def ask(
        self,
        question: Question = None,
        *,
        timeout_s: float | None = None,
        traceparent: str | None = None,
        **wishes: Unpack[Wishes],
    ) -> Reply:
        """Ask and await the answer."""
        return self._run(self._client.ask(question, timeout_s=timeout_s, traceparent=traceparent, **wishes))

    def stream(
        self,
        question: Question = None,
        *,
        timeout_s: float | None = None,
        traceparent: str | None = None,
        **wishes: Unpack[Wishes],
    ) -> Generator[Chunk | Reply, None, None]:
        """Ask and yield pieces as they come, and last the reply."""
        return self._each(self._client.stream(question, timeout_s=timeout_s, traceparent=traceparent, **wishes))

    def submit(self, question: Question = None, **wishes: Unpack[Wishes]) -> str:
        """Hand in for later; return the id."""
        return self._run(self._client.submit(question, **wishes))

    def result(self, request_id: str) -> Reply | None:
        """The stored reply; None while there is none."""
        return self._run(self._client.result(request_id))

    def wait(self, request_id: str, timeout_s: float | None = None) -> Reply:
        """Await the reply to what was submitted."""
        return self._run(self._client.wait(request_id, timeout_s))

    def cancel(self, request_id: str) -> None:
        """Take a request back."""
        self._run(self._client.cancel(request_id))

    def outcome(
        self, request_id: str, reward: float, *, kind: str | None = None, id: str | None = None, at: float | None = None
    ) -> bool:
        """Say how good an answer was. False: this event was known already."""
        return self._run(self._client.outcome(request_id, reward, kind=kind, id=id, at=at))

    def audit(self, *, after: int = 0, kind: str = "decision") -> Generator[AuditRecord, None, None]:
        """The tenant's own records, oldest first."""
        return self._each(self._client.audit(after=after, kind=kind))


async def _next(items: AsyncGenerator[T, None]) -> T:
    return await items.__anext__()
