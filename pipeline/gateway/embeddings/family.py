"""The endpoint."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import orjson
from aiohttp import web

from pipeline.contracts import JsonObject
from pipeline.errors import StepwellError
from pipeline.gateway.access import Caller
from pipeline.gateway.calling import ask
from pipeline.gateway.desk import Desk
from pipeline.gateway.embeddings.reading import EmbedCall, to_embed_call
from pipeline.gateway.embeddings.writing import embeddings_object
from pipeline.gateway.family import as_openai
from pipeline.gateway.headers import about
from pipeline.gateway.problems import Problem
from pipeline.gateway.responses import JSON, answer, echo, of_error

__all__ = ["Embeddings"]


class Embeddings:
    """`/v1/embeddings`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> Iterable[web.RouteDef]:
        """Paths and handlers."""
        return (web.post("/v1/embeddings", self.create),)

    def problem(self, problem: Problem, request: web.Request) -> Problem:
        """Errors as OpenAI writes them."""
        return as_openai(problem, request)

    async def create(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/embeddings`."""
        desk = self._desk
        caller = await desk.caller(request, "embeddings")
        asked = self._read(caller, await desk.object(request), request.headers)
        own = asked.request.id or ""
        headers = {"x-stepwell-request-id": own, "x-request-id": own, **echo(request)}
        try:
            reply = await ask(desk, asked.call)
        except StepwellError as error:
            return of_error(error, headers)
        if reply.status != "answered":
            return answer(reply, desk.now(), headers)
        body = orjson.dumps(embeddings_object(reply, asked.encoding))
        return web.Response(body=body, headers={**headers, **about(reply)}, content_type=JSON)

    def _read(self, caller: Caller, fields: JsonObject, headers: Mapping[str, str]) -> EmbedCall:
        """The request of a caller; every one gets an id."""
        asked = to_embed_call(fields, headers, caller.tenant)
        request = asked.request
        model = request.route or asked.call.model
        caller.check_model(model)
        caller.check_lane(request.lane)
        self._desk.catalogue.check(model, request.tenant)
        own = {"id": request.id or self._desk.new_id(), "api_key": caller.key_id}
        return replace(asked, call=replace(asked.call, request=request.model_copy(update=own)))
