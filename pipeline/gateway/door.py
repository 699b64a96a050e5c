"""The application: paths, bodies, answers, and what becomes of a request whose caller went away."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final
from uuid import uuid4

import orjson
from aiohttp import web

from pipeline.adapters.clock import SystemClock
from pipeline.contracts import Chunk, Reply
from pipeline.errors import InvalidRequest, StepwellError
from pipeline.gateway.asker import Asker
from pipeline.gateway.body import read_object
from pipeline.gateway.catalogue import Catalogue, OfferSource
from pipeline.gateway.headers import about
from pipeline.gateway.keys import KeyId, key_ids
from pipeline.gateway.lasting import Lasting, Tasks
from pipeline.gateway.limits import Limits
from pipeline.gateway.meter import Meter
from pipeline.gateway.openai import Call, tenant_of, to_call
from pipeline.gateway.readiness import Readiness
from pipeline.gateway.responses import JSON, answer, defect, echo, json_response, of_error, of_http, report, route_of
from pipeline.gateway.sse import Events
from pipeline.gateway.streaming import CallerGone, send
from pipeline.ports import Clock
from pipeline.telemetry.exposition import exposition

__all__ = ["build_door"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
SETTLE_S: Final = 10.0
"""Seconds that a closing door waits for requests whose callers are gone and may come back."""


async def _always() -> None:
    """The readiness of a door that has nothing to ask."""


class Door:
    """The handlers. One instance serves all tenants; `asker_of` gives the client of each."""

    def __init__(
        self,
        asker_of: Callable[[str], Asker],
        policies: OfferSource,
        readiness: Readiness,
        meter: Meter,
        limits: Limits,
        clock: Clock,
        new_id: Callable[[], str],
        key_id: KeyId,
    ) -> None:
        self._key_id = key_id
        self._asker_of = asker_of
        self._catalogue = Catalogue(policies, int(clock.now()))
        self._readiness = readiness
        self._meter = meter
        self._limits = limits
        self._clock = clock
        self._new_id = new_id
        self._tasks = Tasks()

    # ------------------------------------------------------------ chat

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/chat/completions`."""
        call = await self._read(request)
        asker = self._asker(call)
        own = call.request.id or ""
        headers = {"x-stepwell-request-id": own, "x-request-id": own, **echo(request)}
        try:
            if call.request.stream:
                return await self._stream(request, call, asker, headers)
            reply = await asker.ask(call.request, traceparent=call.traceparent, fresh=not call.resumable)
            return answer(reply, self._now(), headers)
        except StepwellError as error:
            return of_error(error, headers)

    def _asker(self, call: Call) -> Asker:
        """The tenant's client. A caller who goes away takes the request back, unless it may return with its key."""
        asker = self._asker_of(call.request.tenant)
        return Lasting(asker, self._tasks) if call.resumable else asker

    async def _read(self, request: web.Request) -> Call:
        call = to_call(read_object(await self._body(request)), request.headers)
        self._catalogue.check(call.request.route or call.model, call.request.tenant)
        own = {"id": call.request.id or self._new_id(), "api_key": self._key_id(request.headers)}
        return replace(call, request=call.request.model_copy(update=own))

    async def _body(self, request: web.Request) -> bytes:
        if request.content_type != JSON:
            raise InvalidRequest(f"send the body as {JSON}", param="content-type")
        try:
            async with asyncio.timeout(self._limits.body_s):
                return await request.read()
        except TimeoutError:
            late = f"the body did not arrive within {self._limits.body_s:g} s"
            raise web.HTTPRequestTimeout(text=late) from None
        except web.HTTPRequestEntityTooLarge:
            largest = self._limits.body_bytes
            raise web.HTTPRequestEntityTooLarge(
                largest, 0, text=f"the body is larger than the {largest} bytes that this door takes"
            ) from None
        except web.RequestPayloadError:
            raise InvalidRequest("the body broke off or its encoding is wrong") from None

    def _now(self) -> int:
        return int(self._clock.now())

    async def _stream(
        self, request: web.Request, call: Call, asker: Asker, headers: dict[str, str]
    ) -> web.StreamResponse:
        """Stream the answer. Until its first piece is there, a refusal or failure is still a clean status."""
        async with _closing(
            asker.stream(call.request, traceparent=call.traceparent, fresh=not call.resumable)
        ) as items:
            first = await anext(items)
            if isinstance(first, Reply):
                if first.status != "answered":
                    return answer(first, self._now(), headers)
                headers |= about(first)
            events = Events(call.request.id or "", self._now(), call.model, include_usage=call.include_usage)
            return await send(request, headers, events, first, items, self._limits.write_s)

    async def settle(self, _app: web.Application) -> None:
        """Before the door closes, let requests whose callers may come back end."""
        await self._tasks.settle(SETTLE_S)

    # ------------------------------------------------------------ the rest

    async def models(self, request: web.Request) -> web.Response:
        """`GET /v1/models`: what the tenant may name."""
        return json_response(self._catalogue.listing(tenant_of(request.headers)))

    async def model(self, request: web.Request) -> web.Response:
        """`GET /v1/models/{model}`."""
        return json_response(self._catalogue.entry(request.match_info["model"], tenant_of(request.headers)))

    async def livez(self, _request: web.Request) -> web.Response:
        """`GET /livez`: this process answers."""
        return json_response(b'{"status":"alive"}')

    async def readyz(self, _request: web.Request) -> web.Response:
        """`GET /readyz`: requests would be served."""
        trouble = await self._readiness.trouble()
        if trouble is None:
            return json_response(b'{"status":"ready"}')
        reason = {"status": "not_ready", "code": trouble.code, "reason": trouble.message}
        return json_response(orjson.dumps(reason), status=503)

    async def metrics(self, _request: web.Request) -> web.Response:
        """`GET /metrics`, in Prometheus' text format."""
        body, kind = exposition(self._meter.registry)
        return web.Response(body=body, headers={"content-type": kind})

    # ------------------------------------------------------------ around every request

    @web.middleware
    async def around(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Errors in the shape of the API, and a count of everything."""
        begun = self._clock.monotonic()
        response = await _guarded(request, handler)
        self._meter.request(route_of(request), response.status, self._clock.monotonic() - begun)
        return response


async def _guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except StepwellError as error:
        return of_error(error, echo(request))
    except web.HTTPException as error:
        return of_http(error, echo(request))
    except CallerGone:
        raise
    except Exception as error:  # noqa: BLE001 - report() logs where, never what
        report(error)
        return defect(echo(request))


def build_door(
    asker_of: Callable[[str], Asker],
    policies: OfferSource,
    *,
    ready: Callable[[], Awaitable[None]] = _always,
    meter: Meter | None = None,
    limits: Limits | None = None,
    clock: Clock | None = None,
    new_id: Callable[[], str] | None = None,
    key_id: KeyId | None = None,
) -> web.Application:
    """Build the application.

    Args:
        asker_of: the client of a tenant.
        policies: where routes and variants are read from.
        ready: returns when requests would be served, raises an error of ours when not.
        meter: counts requests; None makes a meter with a registry of its own.
        limits: what the door bears.
        clock: the time.
        new_id: ids for requests whose caller gave none.
        key_id: public ids of callers' keys; None names none.
    """
    clock = clock or SystemClock()
    limits = limits or Limits()
    ids = new_id or (lambda: uuid4().hex)
    ready_now = Readiness(ready, clock)
    door = Door(asker_of, policies, ready_now, meter or Meter(), limits, clock, ids, key_id or key_ids(b""))
    app = web.Application(middlewares=[door.around], client_max_size=limits.body_bytes)
    app.router.add_post("/v1/chat/completions", door.chat)
    app.router.add_get("/v1/models", door.models)
    app.router.add_get("/v1/models/{model}", door.model)
    app.router.add_get("/livez", door.livez)
    app.router.add_get("/readyz", door.readyz)
    app.router.add_get("/metrics", door.metrics)
    app.on_cleanup.append(door.settle)
    return app


@asynccontextmanager
async def _closing(items: AsyncIterator[Chunk | Reply]) -> AsyncIterator[AsyncIterator[Chunk | Reply]]:
    """End a stream that is not read to its end, so that its producer learns of it now."""
    try:
        yield items
    finally:
        if isinstance(items, AsyncGenerator):
            await items.aclose()
