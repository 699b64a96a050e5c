"""The same two endpoints in several HTTP servers, run by `bench.http_servers` in an environment that has them all.

`POST /echo` reads a JSON object and answers with one; `POST /stream` answers with 200 events, each written by itself.
It imports nothing of ours: python bench/http_apps.py NAME PORT
"""

import asyncio
import json
import sys
from typing import Any

EVENTS = 200
EVENT = b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"word "}}]}\n\n'  # noqa: E501
JSON = "application/json"
SSE = "text/event-stream"


def answer(body: bytes) -> bytes:
    """What a chat completion is, without a cascade behind it."""
    import orjson

    asked = orjson.loads(body)
    text = asked["messages"][-1]["content"]
    return orjson.dumps({"id": "chatcmpl-1", "model": asked["model"], "choices": [{"message": {"content": text}}]})


def run(work: Any) -> None:
    """On the loop that all of them get."""
    import uvloop

    uvloop.run(work)


# ---------------------------------------------------------------- aiohttp


def serve_aiohttp(port: int) -> None:
    """As the door does it."""
    from aiohttp import web

    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=answer(await request.read()), content_type=JSON)

    async def stream(request: web.Request) -> web.StreamResponse:
        await request.read()
        response = web.StreamResponse(headers={"content-type": SSE})
        await response.prepare(request)
        for _ in range(EVENTS):
            await response.write(EVENT)
        await response.write_eof()
        return response

    async def serve() -> None:
        app = web.Application()
        app.router.add_post("/echo", echo)
        app.router.add_post("/stream", stream)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        await asyncio.Event().wait()

    run(serve())


# ---------------------------------------------------------------- ASGI


async def asgi(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Without any framework."""
    if scope["type"] != "http":
        return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    if scope["path"] == "/echo":
        told = answer(body)
        headers = [(b"content-type", JSON.encode()), (b"content-length", str(len(told)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": told})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", SSE.encode())]})
    for _ in range(EVENTS):
        await send({"type": "http.response.body", "body": EVENT, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def serve_uvicorn(port: int) -> None:
    """With httptools and uvloop."""
    import uvicorn

    uvicorn.run(asgi, host="127.0.0.1", port=port, http="httptools", loop="uvloop", access_log=False, log_level="error")


# ---------------------------------------------------------------- granian


async def rsgi(scope: Any, protocol: Any) -> None:
    """Granian's own interface."""
    body = await protocol()
    if scope.path == "/echo":
        protocol.response_bytes(200, [("content-type", JSON)], answer(body))
        return
    transport = protocol.response_stream(200, [("content-type", SSE)])
    for _ in range(EVENTS):
        await transport.send_bytes(EVENT)


def serve_granian(port: int, interface: str, target: str) -> None:
    """One worker, one thread."""
    from granian import Granian

    Granian(
        target=f"http_apps:{target}", address="127.0.0.1", port=port, interface=interface, workers=1,
        runtime_threads=1, blocking_threads=1, loop="uvloop", log_enabled=False,
    ).serve()  # fmt: skip


# ---------------------------------------------------------------- httptools alone


def serve_httptools(port: int) -> None:
    """A parser, a protocol, and nothing that bounds, drains or refuses: the least that any Python server costs."""
    import httptools

    class Connection(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport
            self.parser = httptools.HttpRequestParser(self)
            self.path, self.body = b"", b""

        def data_received(self, data: bytes) -> None:
            self.parser.feed_data(data)

        def on_url(self, url: bytes) -> None:
            self.path = url

        def on_body(self, body: bytes) -> None:
            self.body += body

        def on_message_complete(self) -> None:
            body, self.body = self.body, b""
            asyncio.get_running_loop().create_task(self.answer(self.path, body))

        async def answer(self, path: bytes, body: bytes) -> None:
            if path == b"/echo":
                told = answer(body)
                head = f"HTTP/1.1 200 OK\r\ncontent-type: {JSON}\r\ncontent-length: {len(told)}\r\n\r\n"
                self.transport.write(head.encode() + told)
                return
            head = f"HTTP/1.1 200 OK\r\ncontent-type: {SSE}\r\ntransfer-encoding: chunked\r\n\r\n"
            self.transport.write(head.encode())
            for _ in range(EVENTS):
                self.transport.write(b"%x\r\n%b\r\n" % (len(EVENT), EVENT))
                await asyncio.sleep(0)
            self.transport.write(b"0\r\n\r\n")

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port)
        await server.serve_forever()

    run(serve())


# ---------------------------------------------------------------- robyn


def serve_robyn(port: int) -> None:
    """One process, one worker."""
    from robyn import Headers, Response, Robyn

    app = Robyn(__file__)

    @app.post("/echo")  # type: ignore[misc]
    async def echo(request: Any) -> Any:
        body = request.body if isinstance(request.body, bytes) else request.body.encode()
        return Response(status_code=200, headers=Headers({"content-type": JSON}), description=answer(body))

    app.start(host="127.0.0.1", port=port)


SERVERS = {
    "aiohttp": serve_aiohttp,
    "uvicorn, httptools": serve_uvicorn,
    "granian, RSGI": lambda port: serve_granian(port, "rsgi", "rsgi"),
    "granian, ASGI": lambda port: serve_granian(port, "asgi", "asgi"),
    "robyn": serve_robyn,
    "httptools alone": serve_httptools,
}


def main() -> int:
    """Serve, or list what there is."""
    if len(sys.argv) == 1:
        sys.stdout.write(json.dumps(list(SERVERS)))
        return 0
    name, port = sys.argv[1], int(sys.argv[2])
    sys.argv = sys.argv[:1]
    SERVERS[name](port)
    return 0


if __name__ == "__main__":
    sys.exit(main())
