"""`/v1/chat/completions`: OpenAI's chat completion, in one piece or as a stream."""

from collections.abc import Iterable

from aiohttp import web

from pipeline.contracts import Reply
from pipeline.errors import StepwellError
from pipeline.gateway.calling import ask, prepare, streaming
from pipeline.gateway.desk import Desk
from pipeline.gateway.family import as_openai
from pipeline.gateway.headers import about
from pipeline.gateway.openai import Call
from pipeline.gateway.problems import Problem
from pipeline.gateway.responses import answer, echo, of_error
from pipeline.gateway.sse import Events
from pipeline.gateway.streaming import send

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
        call = prepare(desk, caller, await desk.object(request), request.headers)
        own = call.request.id or ""
        headers = {"x-stepwell-request-id": own, "x-request-id": own, **echo(request)}
        try:
            if call.request.stream:
                return await self._stream(request, call, headers)
            return answer(await ask(desk, call), desk.now(), headers)
        except StepwellError as error:
            return of_error(error, headers)

    async def _stream(self, request: web.Request, call: Call, headers: dict[str, str]) -> web.StreamResponse:
        """Stream the answer. Until its first piece is there, a refusal or failure is still a clean status."""
        desk = self._desk
        async with streaming(desk, call) as items:
            first = await anext(items)
            if isinstance(first, Reply):
                if first.status != "answered":
                    return answer(first, desk.now(), headers)
                headers |= about(first)
            events = Events(call.request.id or "", desk.now(), call.model, include_usage=call.include_usage)
            return await send(request, headers, events, first, items, desk.limits.write_s)
