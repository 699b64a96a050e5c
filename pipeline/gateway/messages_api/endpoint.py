"""`/v1/messages`: Anthropic's messages, in one piece or as a stream, and how long a question is."""

from collections.abc import Iterable
from dataclasses import dataclass

import orjson
from aiohttp import web

from pipeline.contracts import Reply
from pipeline.gateway.desk import Desk
from pipeline.gateway.dialects import counted, prepared, serve
from pipeline.gateway.headers import about
from pipeline.gateway.messages_api.answer import message_object
from pipeline.gateway.messages_api.events import MessageEvents
from pipeline.gateway.messages_api.problems import as_anthropic, rate_limits
from pipeline.gateway.messages_api.question import Question, to_chat
from pipeline.gateway.openai import Call
from pipeline.gateway.problems import Problem
from pipeline.gateway.responses import echo
from pipeline.gateway.streaming import EventWriter
from pipeline.gateway.translation import Places

__all__ = ["Messages"]


@dataclass(frozen=True, slots=True)
class _Answer:
    """The words for the answer to one question."""

    question: Question
    call: Call
    now: int

    @property
    def id(self) -> str:
        return self.call.request.id or ""

    @property
    def places(self) -> Places:
        return self.question.places

    def body(self, reply: Reply) -> bytes:
        return orjson.dumps(message_object(reply, thinking=self.question.thinking))

    def about(self, reply: Reply) -> dict[str, str]:
        return about(reply) | rate_limits(reply.rates, self.now)

    def events(self) -> EventWriter:
        return MessageEvents(self.id, self.call.model, thinking=self.question.thinking)

    def problem(self, problem: Problem) -> Problem:
        return as_anthropic(problem, self.id)


class Messages:
    """The endpoints."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> Iterable[web.RouteDef]:
        """Paths and handlers."""
        return (web.post("/v1/messages", self.create), web.post("/v1/messages/count_tokens", self.count))

    def problem(self, problem: Problem, request: web.Request) -> Problem:
        """Errors as Anthropic writes them."""
        return as_anthropic(problem, echo(request).get("x-request-id") or self._desk.new_id())

    async def create(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/messages`."""
        desk = self._desk
        caller = await desk.caller(request, "chat")
        question = to_chat(await desk.object(request), request.headers)
        call = prepared(desk, caller, question, request.headers)
        own = call.request.id or ""
        ids = {"x-stepwell-request-id": own, "request-id": own, "x-request-id": own}
        headers = {**ids, **question.lossy.header(), **echo(request)}
        return await serve(desk, request, call, _Answer(question, call, desk.now()), headers)

    async def count(self, request: web.Request) -> web.Response:
        """`POST /v1/messages/count_tokens`: how long a question is, estimated."""
        desk = self._desk
        caller = await desk.caller(request, "chat")
        question = to_chat(await desk.object(request), request.headers, counted=True)
        call = prepared(desk, caller, question, request.headers)
        return counted(call, question, {"request-id": call.request.id or ""})
