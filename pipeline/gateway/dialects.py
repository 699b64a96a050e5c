"""A chat completion that was asked for in another dialect: asked of the cascade, and answered in its words."""

from collections.abc import Mapping
from typing import Final, Protocol

import orjson
from aiohttp import web

from pipeline.contracts import Json, Reply
from pipeline.errors import StepwellError
from pipeline.gateway.access import Caller
from pipeline.gateway.calling import ask, prepare, streaming
from pipeline.gateway.desk import Desk
from pipeline.gateway.openai import Call
from pipeline.gateway.problems import Problem, problem_of_error, problem_of_reply
from pipeline.gateway.responses import json_response, of_problem
from pipeline.gateway.streaming import EventWriter, send
from pipeline.gateway.translation import Places, Translated
from pipeline.signals.estimate import input_tokens

__all__ = ["Dialect", "counted", "prepared", "serve"]

_ESTIMATED: Final = {"x-stepwell-estimated": "input_tokens"}


class Dialect(Protocol):
    """The words for the answer to one question."""

    @property
    def places(self) -> Places:
        """Where the caller wrote what the chat completion holds."""
        ...

    def body(self, reply: Reply) -> bytes:
        """An answer."""
        ...

    def about(self, reply: Reply) -> dict[str, str]:
        """The headers of a reply."""
        ...

    def events(self) -> EventWriter:
        """The events of a streamed answer."""
        ...

    def problem(self, problem: Problem) -> Problem:
        """An error."""
        ...


def prepared(desk: Desk, caller: Caller, question: Translated, headers: Mapping[str, str]) -> Call:
    """Read a translated body; see `prepare`. What it is refused for is told in the caller's own words."""
    try:
        return prepare(desk, caller, question.chat, headers)
    except StepwellError as error:
        question.places.restate(error)
        raise


def counted(call: Call, question: Translated, headers: Mapping[str, str], **more: Json) -> web.Response:
    """How long a question is, estimated; `more` stands beside the number."""
    body = orjson.dumps({**more, "input_tokens": input_tokens(call.request)})
    return json_response(body, headers={**_ESTIMATED, **headers, **question.lossy.header()})


async def serve(
    desk: Desk, request: web.Request, call: Call, dialect: Dialect, headers: dict[str, str]
) -> web.StreamResponse:
    """Answer, in one piece or as a stream. Until its first piece is there, a refusal or failure is a clean status."""
    try:
        if not call.request.stream:
            return _whole(await ask(desk, call), dialect, headers)
        async with streaming(desk, call) as items:
            first = await anext(items)
            if isinstance(first, Reply):
                if first.status != "answered":
                    return _whole(first, dialect, headers)
                headers |= dialect.about(first)
            return await send(request, headers, dialect.events(), first, items, desk.limits.write_s)
    except StepwellError as error:
        return of_problem(dialect.problem(problem_of_error(error)), headers)


def _whole(reply: Reply, dialect: Dialect, headers: dict[str, str]) -> web.Response:
    headers = {**headers, **dialect.about(reply)}
    if reply.status != "answered":
        told = dialect.places.restated(reply)
        return of_problem(dialect.problem(problem_of_reply(told)), headers)
    return json_response(dialect.body(reply), headers=headers)
