"""The baseline: the least that brings a request to a model server and its answer back, with the same libraries.

    python -m bench.relay nats    a NATS request handler that posts to the model server
    python -m bench.relay http    an HTTP door that posts to the model server

No queue, no policy, no record: what it costs is what nobody can save.
"""

import asyncio
import os
import sys

import aiohttp
import nats
import orjson
import uvloop
from aiohttp import web
from nats.aio.msg import Msg

MODELS = os.environ["STEPWELL_SMALL_URL"] + "/chat/completions"


def _body(request: dict[str, object]) -> bytes:
    messages = [{"role": "user", "content": request["input"]}]
    stream = bool(request.get("stream"))
    return orjson.dumps({"model": "large", "messages": messages, "stream": stream, "logprobs": True})


async def over_nats() -> None:
    """Answer `relay.ask` until stopped."""
    client = await nats.connect(os.environ["STEPWELL_NATS"])
    async with aiohttp.ClientSession() as session:

        async def answer(message: Msg) -> None:
            request = orjson.loads(message.data)
            headers = {"content-type": "application/json"}
            async with session.post(MODELS, data=_body(request), headers=headers) as response:
                if request.get("stream"):
                    async for line in response.content:
                        if line.startswith(b"data: {"):
                            await client.publish(message.reply, line[6:])
                    await client.publish(message.reply, b"")
                else:
                    await client.publish(message.reply, await response.read())

        async def take(message: Msg) -> None:
            tasks.add(task := asyncio.ensure_future(answer(message)))
            task.add_done_callback(tasks.discard)

        tasks: set[asyncio.Future[None]] = set()
        await client.subscribe("relay.ask", queue="relay", cb=take)
        await asyncio.Event().wait()


async def _relay(request: web.Request) -> web.StreamResponse:
    body = await request.read()
    async with request.app["session"].post(MODELS, data=body, headers={"content-type": "application/json"}) as upstream:
        if b'"stream":true' not in body:
            return web.Response(body=await upstream.read(), content_type="application/json")
        answer = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await answer.prepare(request)
        async for piece in upstream.content.iter_any():
            await answer.write(piece)
        return answer


async def over_http(port: int) -> None:
    """Answer POST /v1/chat/completions until stopped."""
    app = web.Application()
    app["session"] = aiohttp.ClientSession()
    app.router.add_post("/v1/chat/completions", _relay)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(over_nats() if sys.argv[1] == "nats" else over_http(int(sys.argv[2])))
