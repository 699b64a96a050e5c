"""The application: the families of endpoints, the probes, and what happens around every request."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import orjson
from aiohttp import web

from pipeline.adapters.clock import SystemClock
from pipeline.batch.engine import Engine
from pipeline.errors import StepwellError
from pipeline.gateway.access import Access, OpenAccess
from pipeline.gateway.asker import Asker
from pipeline.gateway.catalogue import Catalogue, OfferSource
from pipeline.gateway.desk import DONE, Desk
from pipeline.gateway.draining import DRAINING, Draining
from pipeline.gateway.families import FAMILIES
from pipeline.gateway.family import Family, as_openai
from pipeline.gateway.ids import Ids
from pipeline.gateway.keys import KeyId, key_ids
from pipeline.gateway.limits import Limits
from pipeline.gateway.meter import Meter
from pipeline.gateway.problems import Problem, problem_of_error, problem_of_status
from pipeline.gateway.readiness import Readiness
from pipeline.gateway.responses import echo, json_response, of_problem, problem_of_http, report, route_of
from pipeline.gateway.streaming import CallerGone
from pipeline.ports import Clock
from pipeline.telemetry.exposition import exposition

__all__ = ["build_door"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Write = Callable[[Problem, web.Request], Problem]
SETTLE_S: Final = 10.0
"""Seconds that a closing door waits for requests whose callers are gone and may come back."""
DEEPEST: Final = 8
"""Parts of a path that are looked at to say whose errors it has."""
_DEFECT: Final = "a defect in Stepwell; see the log of the door"


async def _always() -> None:
    """The readiness of a door that has nothing to ask."""


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
    access: Access | None = None,
    batches: Engine | None = None,
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
        key_id: public ids of callers' keys where nobody checks them; None names none.
        access: who may call; None lets everybody in.
        batches: what runs files of requests; None serves none.
    """
    clock = clock or SystemClock()
    limits = limits or Limits()
    desk = Desk(
        asker_of=asker_of,
        catalogue=Catalogue(policies, int(clock.now())),
        access=access or OpenAccess(key_id or key_ids(b"")),
        limits=limits,
        clock=clock,
        new_id=new_id or Ids(),
        batches=batches,
    )
    families = [family(desk) for family in FAMILIES]
    draining = Draining()
    around = _Around(meter or Meter(), clock, _writers(families), draining)
    app = web.Application(middlewares=[around.request], client_max_size=limits.body_bytes)
    app[DRAINING] = draining
    for family in families:
        app.router.add_routes(family.routes())
    app.router.add_routes(_Probes(Readiness(ready, clock), around.meter, draining).routes())

    async def settle(_app: web.Application) -> None:
        await desk.tasks.settle(SETTLE_S)

    app.on_cleanup.append(settle)
    return app


def _writers(families: list[Family]) -> Mapping[str, Write]:
    """Path -> how its errors are written."""
    return {route.path: family.problem for family in families for route in family.routes()}


class _Around:
    """Around every request: errors in the shape of its API, and a count of everything."""

    def __init__(self, meter: Meter, clock: Clock, writers: Mapping[str, Write], draining: Draining) -> None:
        self.meter = meter
        self._draining = draining
        self._clock = clock
        self._writers = writers

    @web.middleware
    async def request(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Guard and count."""
        begun = self._clock.monotonic()
        try:
            response = await self._guarded(request, handler)
        finally:
            done = request.get(DONE)
            if done is not None:
                done()
        self.meter.request(route_of(request), response.status, self._clock.monotonic() - begun)
        if self._draining.on and not response.prepared:
            response.force_close()
        return response

    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except StepwellError as error:
            return self._problem(request, problem_of_error(error))
        except web.HTTPException as error:
            return self._problem(request, problem_of_http(error))
        except CallerGone:
            raise
        except Exception as error:  # noqa: BLE001 - report() logs where, never what
            report(error)
            return self._problem(request, problem_of_status(500, _DEFECT))

    def _problem(self, request: web.Request, problem: Problem) -> web.Response:
        # A path that matched no route, since it is not there or knows other methods, is still its family's.
        write = self._writers.get(route_of(request)) or self._above(request.path)
        return of_problem(write(problem, request), echo(request))

    def _above(self, path: str) -> Write:
        """How errors are written at the longest known path that this one begins with."""
        parts = path.split("/", DEEPEST)[:DEEPEST]
        for length in range(len(parts), 1, -1):
            write = self._writers.get("/".join(parts[:length]))
            if write is not None:
                return write
        return as_openai


class _Probes:
    """`/livez`, `/readyz` and `/metrics`."""

    def __init__(self, readiness: Readiness, meter: Meter, draining: Draining) -> None:
        self._draining = draining
        self._readiness = readiness
        self._meter = meter

    def routes(self) -> tuple[web.RouteDef, ...]:
        """Paths and handlers."""
        return (
            web.get("/livez", self.livez),
            web.get("/readyz", self.readyz),
            web.get("/metrics", self.metrics),
        )

    async def livez(self, _request: web.Request) -> web.Response:
        """`GET /livez`: this process answers."""
        return json_response(b'{"status":"alive"}')

    async def readyz(self, _request: web.Request) -> web.Response:
        """`GET /readyz`: requests would be served."""
        if self._draining.on:
            return json_response(b'{"status":"not_ready","code":"draining","reason":"this door closes"}', status=503)
        trouble = await self._readiness.trouble()
        if trouble is None:
            return json_response(b'{"status":"ready"}')
        reason = {"status": "not_ready", "code": trouble.code, "reason": trouble.message}
        return json_response(orjson.dumps(reason), status=503)

    async def metrics(self, _request: web.Request) -> web.Response:
        """`GET /metrics`, in Prometheus' text format."""
        body, kind = exposition(self._meter.registry)
        return web.Response(body=body, headers={"content-type": kind})
