"""With our client, over NATS."""

import os
import sys

from stepwell import Chunk, Client

question = sys.argv[1] if len(sys.argv) > 1 else "Name one tall mountain."

with Client(os.environ.get("STEPWELL_NATS", "nats://127.0.0.1:4222")) as client:
    reply = client.ask(question)
    print(reply.content)
    print("".join(item.text for item in client.stream(question) if isinstance(item, Chunk)))
    client.outcome(reply.id, reward=1.0)
