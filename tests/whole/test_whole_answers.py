"""What is no whole answer, in a cascade with a memory: it goes further, is marked at the end, and is forgotten."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from stairs_house import TARGET, Plans, house
from valkey_server import valkey_server

from pipeline.contracts import Request

ASK = Request(input="Who has dug the well?")
TOOL = {"type": "function", "function": {"name": "dig", "parameters": {"type": "object", "required": ["depth"]}}}
NOTHING = {"message": {"content": ""}, "finish_reason": "stop"}
FILTERED = {"message": {"content": "So the"}, "finish_reason": "content_filter"}
CUT = {"message": {"content": "So the"}, "finish_reason": "length"}
GOOD = {"message": {"content": "Ines has."}, "finish_reason": "stop"}
DECLINES = {"message": {"content": "I'm sorry, I cannot say that."}, "finish_reason": "stop"}
SCORED = {"content": [{"token": "So", "logprob": -0.001}]}
Serve = Callable[[dict[str, Any]], Awaitable[str]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts an endpoint that gives one choice to everybody, with log-probabilities of somebody who is sure."""
    runners: list[web.AppRunner] = []

    async def start(choice: dict[str, Any]) -> str:
        async def handle(_: web.Request) -> web.Response:
            usage = {"prompt_tokens": 9, "completion_tokens": 2}
            return web.json_response({"choices": [{"index": 0, "logprobs": SCORED, **choice}], "usage": usage})

        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}/v1"

    yield start
    for runner in runners:
        await runner.cleanup()


async def plans(serve: Serve, *choices: dict[str, Any], route: str = "    accept: {confidence: 0.5}\n") -> Plans:
    names = ("first", "second")[: len(choices)]
    urls = {name: await serve(choice) for name, choice in zip(names, choices, strict=True)}
    tiers = [f"{{variants: {{{name}: 1}}}}" for name in names]
    return Plans(dict.fromkeys(names, "m"), tiers, f"{route}    cache: {{ttl: 60}}\n", urls=urls)


@pytest.mark.parametrize(("choice", "word"), [(NOTHING, "empty"), (FILTERED, "filtered"), (CUT, "cut_off")])
async def test_it_goes_further_and_is_marked_and_forgotten_at_the_end(
    tmp_path: Path, serve: Serve, choice: dict[str, Any], word: str
) -> None:
    with valkey_server() as store:
        async with house(tmp_path, await plans(serve, choice, GOOD), store.url) as home:
            reply = await home.client.ask(ASK)
            assert (reply.content, reply.escalated, reply.degraded) == ("Ines has.", True, None)
        async with house(tmp_path, await plans(serve, choice), store.url) as home:
            for _ in range(2):
                reply = await home.client.ask(ASK)
                assert (reply.status, reply.degraded, reply.cache) == ("answered", word, "miss")
        strict = "    on_exhausted: fail\n"
        async with house(tmp_path, await plans(serve, choice, route=strict), store.url) as home:
            reply = await home.client.ask(ASK)
            assert reply.error is not None
            assert reply.error.code == "quality_not_reached"


@pytest.mark.parametrize(("choice", "second"), [(GOOD, "hit"), (DECLINES, "miss")])
async def test_who_declines_is_served_and_forgotten(
    tmp_path: Path, serve: Serve, choice: dict[str, Any], second: str
) -> None:
    with valkey_server() as store:
        async with house(tmp_path, await plans(serve, choice), store.url) as home:
            replies = [await home.client.ask(ASK) for _ in range(2)]
        assert [(reply.degraded, reply.cache) for reply in replies] == [(None, "miss"), (None, second)]


@pytest.mark.parametrize(
    ("arguments", "calls", "escalated"),
    [('{"depth": 7}', "judged", True), ('{"depth": 7}', "valid", False), ("{}", "valid", True)],
)
async def test_calls_escalate_unless_their_route_takes_valid_ones(
    tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch, arguments: str, calls: str, escalated: bool
) -> None:
    monkeypatch.setattr("stairs_house.TARGET", TARGET.replace("stream]", "stream, tools]"))
    call = {"id": "c", "type": "function", "function": {"name": "dig", "arguments": arguments}}
    made = {"message": {"content": None, "tool_calls": [call]}, "finish_reason": "tool_calls", "logprobs": None}
    route = f"    accept: {{confidence: 0.5, calls: {calls}}}\n"
    async with house(tmp_path, await plans(serve, made, GOOD, route=route)) as home:
        reply = await home.client.ask(ASK.model_copy(update={"tools": (TOOL,)}))
        assert reply.status == "answered"
        assert reply.escalated is escalated
