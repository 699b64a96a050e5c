"""The HTTP side of the script."""

import asyncio
import signal
from contextlib import AsyncExitStack
from typing import Any, Self

import orjson
from aiohttp import web

from pipeline.embedded.scripted import wire
from pipeline.embedded.scripted.answers import Answer, answer, draw_of
from pipeline.embedded.scripted.batches import Batches
from pipeline.embedded.scripted.behaviour import Behaviour, behaviour_of
from pipeline.embedded.scripted.ledger import Ledger
from pipeline.embedded.scripted.vectors import asked_tokens, embeddings, texts_of

__all__ = ["ScriptedServer", "serve"]

_JSON = "application/json"
_LARGEST_BODY = 64 * 1024 * 1024
_RETRY_AFTER_S = "1"
_CODES = {400: "invalid_request_error", 429: "rate_limit_exceeded", 500: "server_error", 503: "overloaded"}


def _json(body: bytes, status: int = 200) -> web.Response:
    headers = {"Retry-After": _RETRY_AFTER_S} if status == 429 else None
    return web.Response(body=body, status=status, content_type=_JSON, headers=headers)


class ScriptedServer:
    """A scripted model server on one port (0: any free one), to be used as an asynchronous context manager.

    Args:
        host: address to listen on.
        port: port to listen on.
        seed: answers and confidences depend on it and on the prompt.
        delay_ms: shortest and longest time to an answer; which one a call gets depends on its prompt.
        slots: calls that are served at a time, the others wait; 0: no limit.
        remember_keys: answer a repeated Idempotency-Key from memory, without billing it again.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        seed: int = 0,
        delay_ms: tuple[float, float] = (0.0, 0.0),
        slots: int = 0,
        remember_keys: bool = True,
    ) -> None:
        self._host, self._port = host, port
        self._seed = seed
        self._delay_ms = delay_ms
        self._slots = asyncio.Semaphore(slots) if slots else None
        self.ledger = Ledger(remember_keys=remember_keys)
        self.batches = Batches(self.ledger, seed)
        self._runner = web.AppRunner(self._app(), access_log=None, handler_cancellation=True, shutdown_timeout=0.2)

    @property
    def url(self) -> str:
        """The address to give to clients, `/v1` included."""
        return f"http://{self._host}:{self._port}/v1"

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port, backlog=2048)
        await site.start()
        self._port = int(self._runner.addresses[0][1])
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=_LARGEST_BODY)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/embeddings", self._embeddings)
        app.router.add_get("/v1/models", self._models)
        self.batches.add_to(app)
        app.router.add_get("/health", self._health)
        app.router.add_get("/__stats", self._stats)
        app.router.add_delete("/__stats", self._clear)
        return app

    async def _health(self, _request: web.Request) -> web.Response:
        return _json(b'{"status":"ok"}')

    async def _models(self, _request: web.Request) -> web.Response:
        names = ("scripted-small", "scripted-large", "scripted-embedder")
        models = [{"id": name, "object": "model", "created": 0, "owned_by": "stepwell"} for name in names]
        return _json(orjson.dumps({"object": "list", "data": models}))

    async def _stats(self, _request: web.Request) -> web.Response:
        return _json(orjson.dumps(self.ledger.stats()))

    async def _clear(self, _request: web.Request) -> web.Response:
        self.ledger.clear()
        return _json(b"{}")

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        try:
            body = orjson.loads(await request.read())
            model = body["model"]
            given = answer(body, behaviour_of(model), self._seed)
        except (KeyError, TypeError, AttributeError, ValueError, StopIteration):
            return _json(wire.problem("The body is no chat completion request.", _CODES[400]), 400)
        with self.ledger.running():
            return await self._play(request, body, model, given)

    async def _embeddings(self, request: web.Request) -> web.StreamResponse:
        try:
            body = orjson.loads(await request.read())
            model, texts = body["model"], texts_of(body)
            behaviour = behaviour_of(model)
        except (KeyError, TypeError, AttributeError, ValueError):
            return _json(wire.problem("The body is no request for embeddings.", _CODES[400]), 400)
        key = request.headers.get("Idempotency-Key")
        with self.ledger.running():
            if behaviour.hang:
                await asyncio.Event().wait()
            status = self._status(behaviour, key)
            if status != 200:
                self.ledger.failed()
                return _json(wire.problem("The script says so.", _CODES[status]), status)
            used = asked_tokens(texts)
            await self._wait(behaviour, used, draw_of(self._seed, texts[0]), streamed=False)
            used = self.ledger.settle(model, key, used)
            return _json(embeddings(body, texts, behaviour, self._seed, used.input_tokens))

    async def _play(self, request: web.Request, body: dict[str, Any], model: str, given: Answer) -> web.StreamResponse:
        behaviour = behaviour_of(model)
        key = request.headers.get("Idempotency-Key")
        if behaviour.hang:
            await asyncio.Event().wait()
        status = self._status(behaviour, key)
        if status != 200:
            self.ledger.failed()
            return _json(wire.problem("The script says so.", _CODES[status]), status)
        given = self.ledger.recorded(key) or given
        async with AsyncExitStack() as held:
            if self._slots is not None:
                await held.enter_async_context(self._slots)
            await self._wait(behaviour, given, draw_of(self._seed, given.text), streamed=bool(body.get("stream")))
            if body.get("stream"):
                return await self._stream(request, body, given, key)
            return await self._whole(body, given, key)

    def _status(self, behaviour: Behaviour, key: str | None) -> int:
        if not behaviour.flaky:
            return behaviour.status
        name = key or "without a key"
        return 503 if (draw_of(self._seed, name) + self.ledger.tries(name)) % 2 == 0 else 200

    async def _wait(self, behaviour: Behaviour, given: Answer, draw: int, *, streamed: bool) -> None:
        low, high = (0.0, 0.0) if behaviour.hurried else self._delay_ms
        seconds = behaviour.pause_s + (low + (high - low) * (draw % 1000) / 1000) / 1000
        if not streamed:
            seconds += behaviour.between_s * len(given.tokens)
        if seconds > 0:
            await asyncio.sleep(seconds)

    async def _whole(self, body: dict[str, Any], given: Answer, key: str | None) -> web.Response:
        model = body["model"]
        behaviour = behaviour_of(model)
        if behaviour.stall:
            await asyncio.Event().wait()
        given = self.ledger.settle(model, key, given)
        shown = _first_half(given) if behaviour.cut else given
        return _json(wire.plain(model, shown, logprobs=bool(body.get("logprobs")), top=_top(body)))

    async def _stream(
        self, request: web.Request, body: dict[str, Any], given: Answer, key: str | None
    ) -> web.StreamResponse:
        model = body["model"]
        behaviour = behaviour_of(model)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        await response.prepare(request)
        usage = bool((body.get("stream_options") or {}).get("include_usage"))
        events = list(wire.pieces(model, given, logprobs=bool(body.get("logprobs")), usage=usage, top=_top(body)))
        if behaviour.cut or behaviour.stall or behaviour.midway:
            return await self._break_off(response, request, behaviour, events[: 1 + (len(events) - 1) // 2])
        await _send(response, events, behaviour.between_s)
        self.ledger.settle(model, key, given)
        await response.write(wire.DONE)
        return response

    async def _break_off(
        self, response: web.StreamResponse, request: web.Request, behaviour: Behaviour, events: list[bytes]
    ) -> web.StreamResponse:
        await _send(response, events, behaviour.between_s)
        self.ledger.failed()
        if behaviour.stall:
            await asyncio.Event().wait()
        if behaviour.midway:
            await response.write(b"data: " + wire.problem("The script says so.", _CODES[500]) + b"\n\n")
        elif request.transport is not None:
            request.transport.close()
        return response


def _top(body: dict[str, Any]) -> int:
    wanted = body.get("top_logprobs")
    return wanted if isinstance(wanted, int) else 0


async def _send(response: web.StreamResponse, events: list[bytes], between_s: float) -> None:
    if not between_s:
        await response.write(b"".join(events))
        return
    for piece in events:
        await response.write(piece)
        await asyncio.sleep(between_s)


def _first_half(given: Answer) -> Answer:
    half = len(given.tokens) // 2
    return Answer(
        given.tokens[:half], given.logprobs[:half], "length", given.input_tokens, given.tool_calls, given.reasoning
    )


async def serve(server: ScriptedServer) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with server:
        await stop.wait()
