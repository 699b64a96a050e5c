"""`/v1/responses`: OpenAI's responses, in one piece or as a stream, and by their id while they are kept."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import orjson
from aiohttp import web

from pipeline.contracts import JsonObject, Reply, is_name
from pipeline.errors import NotFound
from pipeline.gateway.access import Caller
from pipeline.gateway.asker import Keeper
from pipeline.gateway.completion import lacks_logprobs
from pipeline.gateway.desk import Desk
from pipeline.gateway.dialects import counted, prepared, serve
from pipeline.gateway.family import as_openai
from pipeline.gateway.headers import about, lossy
from pipeline.gateway.openai import Call
from pipeline.gateway.parameters import refuse
from pipeline.gateway.problems import Problem, problem_of_reply
from pipeline.gateway.responses import JSON, echo, of_problem
from pipeline.gateway.responses_api.answer import PREFIX, response_object
from pipeline.gateway.responses_api.events import ResponseEvents
from pipeline.gateway.responses_api.fields import COUNTED, LOGPROBS
from pipeline.gateway.responses_api.question import Question, to_chat
from pipeline.gateway.streaming import EventWriter
from pipeline.gateway.translation import Places

__all__ = ["Responses"]

_KEPT: Final = "a response is kept for a day under the id that it came with, and for its own tenant alone"


@dataclass(frozen=True, slots=True)
class _Answer:
    """The words for the answer to one question."""

    question: Question
    call: Call
    created: int

    @property
    def places(self) -> Places:
        return self.question.places

    def body(self, reply: Reply) -> bytes:
        return orjson.dumps(response_object(reply, self.created, self.question.asked))

    def about(self, reply: Reply) -> dict[str, str]:
        if not lacks_logprobs(self.call.request, reply):
            return about(reply)
        return about(reply) | lossy((*self.question.lossy.names, f"include.{LOGPROBS}"))

    def events(self) -> EventWriter:
        return ResponseEvents(
            self.call.request.id or "",
            self.created,
            self.call.model,
            self.question.asked,
            obfuscate=self.call.obfuscate,
            logprobs=self.call.request.logprobs is not None,
        )

    def problem(self, problem: Problem) -> Problem:
        return problem


class Responses:
    """The endpoints."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> Iterable[web.RouteDef]:
        """Paths and handlers."""
        return (
            web.post("/v1/responses", self.create),
            web.post("/v1/responses/input_tokens", self.count),
            web.get("/v1/responses/{response_id}", self.retrieve, allow_head=False),
            web.delete("/v1/responses/{response_id}", self.delete),
        )

    def problem(self, problem: Problem, request: web.Request) -> Problem:
        """Errors as OpenAI writes them."""
        return as_openai(problem, request)

    async def create(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/responses`."""
        desk = self._desk
        caller = await desk.caller(request, "chat")
        question = to_chat(await desk.object(request))
        call = prepared(desk, caller, question, request.headers)
        own = call.request.id or ""
        headers = {"x-stepwell-request-id": own, "x-request-id": own, **question.lossy.header(), **echo(request)}
        return await serve(desk, request, call, _Answer(question, call, desk.now()), headers)

    async def count(self, request: web.Request) -> web.Response:
        """`POST /v1/responses/input_tokens`: how long a question is, estimated."""
        desk = self._desk
        caller = await desk.caller(request, "chat")
        question = to_chat(await desk.object(request), COUNTED)
        call = prepared(desk, caller, question, request.headers)
        return counted(call, question, {}, object="response.input_tokens")

    async def retrieve(self, request: web.Request) -> web.Response:
        """`GET /v1/responses/{response_id}`."""
        caller = await self._desk.caller(request, "chat")
        if request.query.get("stream", "false") != "false":
            raise refuse("stream", advice="a response that has ended is fetched in one piece")
        reply = await self._kept(caller, request.match_info["response_id"])
        if reply.status != "answered":
            return of_problem(problem_of_reply(reply), about(reply))
        response = response_object(reply, int(reply.completed_at), _NOTHING_ASKED)
        return web.Response(body=orjson.dumps(response), headers=about(reply), content_type=JSON)

    async def delete(self, request: web.Request) -> web.Response:
        """`DELETE /v1/responses/{response_id}`."""
        await self._desk.caller(request, "chat")
        raise refuse("response_id", "to be deleted", "a response goes by itself after a day")

    async def _kept(self, caller: Caller, response_id: str) -> Reply:
        own = response_id.removeprefix(PREFIX)
        asker = self._desk.asker_of(caller.tenant)
        reply = await asker.result(own) if is_name(own) and isinstance(asker, Keeper) else None
        if reply is None or reply.embeddings is not None or not _may_see(caller, reply):
            raise NotFound(f"no response is kept under this id: {_KEPT}", param="response_id")
        return reply


def _may_see(caller: Caller, reply: Reply) -> bool:
    """Whether a caller may see an answer: who may not ask all routes sees those of the routes that they may."""
    if caller.routes is None:
        return True
    return reply.served is not None and not caller.routes.isdisjoint((reply.served.route, reply.served.variant))


_NOTHING_ASKED: Final[JsonObject] = {}
"""What was asked is not kept."""
