"""The endpoints of files."""

from collections.abc import Iterable
from typing import Any

import orjson
from aiohttp import web

from pipeline.errors import InvalidRequest, NotFound
from pipeline.gateway.access import Caller
from pipeline.gateway.desk import Desk
from pipeline.gateway.family import as_openai
from pipeline.gateway.files.content import rendered, rows_of, send_file
from pipeline.gateway.files.names import brought_by, id_from_key
from pipeline.gateway.files.shapes import brought_object, deleted_object, file_object
from pipeline.gateway.files.upload import receive
from pipeline.gateway.paging import listing, wanted
from pipeline.gateway.problems import Problem
from pipeline.gateway.responses import json_response

__all__ = ["Files"]


class Files:
    """Files of a tenant. Another tenant's are not there."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> Iterable[web.RouteDef]:
        """Paths and handlers."""
        return (
            web.post("/v1/files", self.create),
            web.get("/v1/files", self.list),
            web.get("/v1/files/{file}", self.retrieve),
            web.delete("/v1/files/{file}", self.delete),
            web.get("/v1/files/{file}/content", self.content),
        )

    def problem(self, problem: Problem, request: web.Request) -> Problem:
        """Errors as OpenAI writes them."""
        return as_openai(problem, request)

    async def create(self, request: web.Request) -> web.Response:
        """`POST /v1/files`."""
        caller = await self._caller(request)
        limits = self._desk.limits
        info = await receive(
            request,
            self._desk.engine(),
            caller.tenant,
            file_id=id_from_key("file", caller.tenant, request.headers.get("idempotency-key")),
            piece_s=limits.body_s,
            largest=limits.file_bytes,
        )
        return _json(file_object(info))

    async def list(self, request: web.Request) -> web.Response:
        """`GET /v1/files`: what was sent, the newest first."""
        caller = await self._caller(request)
        asked = wanted(request.query, ("purpose", "order"))
        if asked.words.get("order", "desc") != "desc":
            raise InvalidRequest("order: only desc, the newest first", param="order")
        page = await self._desk.engine().files(
            caller.tenant, after=asked.after, limit=asked.limit, purpose=asked.words.get("purpose")
        )
        return _json(listing([file_object(info) for info in page.items], more=page.more))

    async def retrieve(self, request: web.Request) -> web.Response:
        """`GET /v1/files/{file}`."""
        caller, file, engine = await self._caller(request), request.match_info["file"], self._desk.engine()
        brought = brought_by(file)
        if brought is None:
            return _json(file_object(await engine.file(caller.tenant, file)))
        batch = await engine.get(caller.tenant, brought.batch)
        if not batch.ended:
            raise NotFound(f"there is no file {file} before its batch has ended; its content is there as it comes")
        sizes = await engine.sizes(batch, rendered(batch))
        return _json(brought_object(batch, errors=brought.errors, size=sizes[brought.errors]))

    async def delete(self, request: web.Request) -> web.Response:
        """`DELETE /v1/files/{file}`."""
        caller, file = await self._caller(request), request.match_info["file"]
        if brought_by(file) is not None:
            raise InvalidRequest("results go with their batch, when its time is over", param="file_id")
        if not await self._desk.engine().delete_file(caller.tenant, file):
            raise NotFound(f"there is no file {file}")
        return _json(deleted_object(file))

    async def content(self, request: web.Request) -> web.StreamResponse:
        """`GET /v1/files/{file}/content`: the bytes that were sent, or the rows that are there by now."""
        caller, file, engine = await self._caller(request), request.match_info["file"], self._desk.engine()
        brought = brought_by(file)
        if brought is None:
            pieces = engine.read_file(await engine.file(caller.tenant, file))
        else:
            pieces = rows_of(engine, await engine.get(caller.tenant, brought.batch), errors=brought.errors)
        return await send_file(request, pieces, file, self._desk.limits.write_s)

    async def _caller(self, request: web.Request) -> Caller:
        return await self._desk.caller(request, "files")


def _json(value: dict[str, Any]) -> web.Response:
    return json_response(orjson.dumps(value))
