"""The endpoints of batches."""

from collections.abc import Iterable

import orjson
from aiohttp import web

from pipeline.batch.model import Batch
from pipeline.errors import NotFound
from pipeline.gateway.access import Caller
from pipeline.gateway.batches.question import read
from pipeline.gateway.batches.shapes import batch_object
from pipeline.gateway.desk import Desk
from pipeline.gateway.family import as_openai
from pipeline.gateway.files.names import id_from_key
from pipeline.gateway.lines import EMBEDDINGS
from pipeline.gateway.paging import listing, wanted
from pipeline.gateway.problems import Problem
from pipeline.gateway.responses import json_response

__all__ = ["Batches"]


class Batches:
    """Batches of a tenant. Another tenant's are not there."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> Iterable[web.RouteDef]:
        """Paths and handlers. `retry` is ours: it asks the lines again that have no answer."""
        return (
            web.post("/v1/batches", self.create),
            web.get("/v1/batches", self.list),
            web.get("/v1/batches/{batch}", self.retrieve),
            web.post("/v1/batches/{batch}/cancel", self.cancel),
            web.post("/v1/batches/{batch}/retry", self.retry),
        )

    def problem(self, problem: Problem, request: web.Request) -> Problem:
        """Errors as OpenAI writes them."""
        return as_openai(problem, request)

    async def create(self, request: web.Request) -> web.Response:
        """`POST /v1/batches`."""
        caller = await self._caller(request)
        caller.check_lane("batch")
        asked = read(await self._desk.object(request), caller.key_id, caller.routes)
        # Whoever may not ask something directly may not have a batch ask it.
        caller.check_scope("embeddings" if asked.options.endpoint == EMBEDDINGS else "chat")
        batch_id = id_from_key("batch", caller.tenant, request.headers.get("idempotency-key"))
        engine = self._desk.engine()
        try:
            batch = await engine.create(caller.tenant, asked.file, asked.options, batch_id=batch_id)
        except NotFound as error:
            if error.param != "file_id":
                raise
            raise NotFound(f"{error.message}: send it to /v1/files first", param="input_file_id") from None
        return _json(batch)

    async def list(self, request: web.Request) -> web.Response:
        """`GET /v1/batches`: the newest first."""
        caller = await self._caller(request)
        asked = wanted(request.query, ())
        page = await self._desk.engine().list(caller.tenant, after=asked.after, limit=asked.limit)
        body = listing([batch_object(batch) for batch in page.items], more=page.more)
        return json_response(orjson.dumps(body))

    async def retrieve(self, request: web.Request) -> web.Response:
        """`GET /v1/batches/{batch}`."""
        caller = await self._caller(request)
        return _json(await self._desk.engine().get(caller.tenant, request.match_info["batch"]))

    async def cancel(self, request: web.Request) -> web.Response:
        """`POST /v1/batches/{batch}/cancel`: what has not begun never runs; what has an answer keeps it."""
        caller = await self._caller(request)
        return _json(await self._desk.engine().cancel(caller.tenant, request.match_info["batch"]))

    async def retry(self, request: web.Request) -> web.Response:
        """`POST /v1/batches/{batch}/retry`: ask the lines again that ended without an answer."""
        caller = await self._caller(request)
        caller.check_lane("batch")
        return _json(await self._desk.engine().retry(caller.tenant, request.match_info["batch"]))

    async def _caller(self, request: web.Request) -> Caller:
        return await self._desk.caller(request, "batches")


def _json(batch: Batch) -> web.Response:
    return json_response(orjson.dumps(batch_object(batch)))
