"""`/v1/chat/completions`: OpenAI's chat completion, in one piece or as a stream."""

from collections.abc import Iterable

from aiohttp import web

from pipeline.contracts import Reply
from pipeline.errors import StepwellError
from pipeline.gateway.calling import ask, prepare, streaming
from pipeline.gateway.choices import ManyEvents, ask_all, completion_of, merged, streaming_all
from pipeline.gateway.completion import lacks_logprobs
from pipeline.gateway.desk import Desk
from pipeline.gateway.family import as_openai
from pipeline.gateway.headers import about, lossy
from pipeline.gateway.openai import Call
from pipeline.gateway.problems import Problem
from pipeline.gateway.responses import answer, echo, json_response, of_error
from pipeline.gateway.sse import Events
from pipeline.gateway.streaming import send, send_bytes

__all__ = ["Chat"]


class Chat:
    """The endpoint."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> Iterable[web.RouteDef]:
        """Paths and handlers."""
        return (web.post("/v1/chat/completions", self.create),)

    def problem(self, problem: Problem, request: web.Request) -> Problem:
        """Errors as OpenAI writes them."""
        return as_openai(problem, request)

    async def create(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/chat/completions`."""
        desk = self._desk
        caller = await desk.caller(request, "chat")
        call = prepare(desk, caller, await desk.object(request), request.headers, alone=False)
        own = call.request.id or ""
        headers = {"x-stepwell-request-id": own, "x-request-id": own, **echo(request)}
        try:
            if call.n > 1:
                return await (self._stream_all if call.request.stream else self._ask_all)(request, call, headers)
            if call.request.stream:
                return await self._stream(request, call, headers)
            return self._answer(await ask(desk, call), call, headers)
        except StepwellError as error:
            return of_error(error, headers)

    def _answer(self, reply: Reply, call: Call, headers: dict[str, str]) -> web.Response:
        """One answer in one piece."""
        if lacks_logprobs(call.request, reply):
            headers |= lossy(("logprobs",))
        if call.functions and reply.status == "answered":
            body = completion_of([reply], self._desk.now(), functions=True)
            return json_response(body, headers={**headers, **about(reply)})
        return answer(reply, self._desk.now(), headers)

    async def _ask_all(self, _request: web.Request, call: Call, headers: dict[str, str]) -> web.Response:
        """Several answers in one piece; where one of them is none, what it is instead."""
        replies = await ask_all(self._desk, call)
        if len(replies) < call.n:
            return answer(replies[0], self._desk.now(), headers)
        if any(lacks_logprobs(call.request, reply) for reply in replies):
            headers |= lossy(("logprobs",))
        body = completion_of(replies, self._desk.now(), functions=call.functions)
        return json_response(body, headers={**headers, **about(merged(replies))})

    async def _stream(self, request: web.Request, call: Call, headers: dict[str, str]) -> web.StreamResponse:
        """Stream the answer. Until its first piece is there, a refusal or failure is still a clean status."""
        desk = self._desk
        async with streaming(desk, call) as items:
            first = await anext(items)
            if isinstance(first, Reply):
                if first.status != "answered":
                    return answer(first, desk.now(), headers)
                headers |= about(first)
                if lacks_logprobs(call.request, first):
                    headers |= lossy(("logprobs",))
            return await send(request, headers, self._events(call), first, items, desk.limits.write_s)

    async def _stream_all(self, request: web.Request, call: Call, headers: dict[str, str]) -> web.StreamResponse:
        """Stream several answers, each piece under the number of its choice."""
        desk = self._desk
        async with streaming_all(desk, call) as items:
            first = await anext(items)
            if isinstance(first.item, Reply) and first.item.status != "answered":
                return answer(first.item, desk.now(), headers)
            events = ManyEvents(
                [self._events(call, index) for index in range(call.n)], include_usage=call.include_usage
            )
            pieces = events.of(first, items)
            return await send_bytes(request, headers, pieces, events.broke_off, desk.limits.write_s)

    def _events(self, call: Call, index: int = 0) -> Events:
        return Events(
            call.request.id or "",
            self._desk.now(),
            call.model,
            include_usage=call.include_usage,
            index=index,
            obfuscate=call.obfuscate,
            functions=call.functions,
            logprobs=call.request.logprobs is not None,
        )
