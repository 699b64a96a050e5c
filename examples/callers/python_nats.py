"""With nothing but a NATS client: one message asks, and what comes to the inbox is the answer."""

import asyncio
import json
import os
import sys

import nats

question = sys.argv[1] if len(sys.argv) > 1 else "Name one tall mountain."


async def main() -> None:
    """Ask, then ask for a stream."""
    client = await nats.connect(os.environ.get("STEPWELL_NATS", "nats://127.0.0.1:4222"))
    answer = await client.request("request.ask.default", json.dumps({"input": question}).encode(), timeout=120)
    reply = json.loads(answer.data)
    print(reply["content"] if reply["status"] == "answered" else reply["error"])

    inbox = client.new_inbox()
    subscription = await client.subscribe(inbox)
    await client.publish("request.ask.default", json.dumps({"input": question, "stream": True}).encode(), reply=inbox)
    pieces = []
    while (message := await subscription.next_msg(timeout=120)).data:  # an empty message ends it
        body = json.loads(message.data)
        if "seq" in body:
            pieces.append(body["text"])
    print("".join(pieces))
    await client.close()


asyncio.run(main())
