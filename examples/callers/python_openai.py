"""With the OpenAI package: only the address is another one."""

import os
import sys

from openai import OpenAI

question = sys.argv[1] if len(sys.argv) > 1 else "Name one tall mountain."
client = OpenAI(
    base_url=os.environ.get("STEPWELL_DOOR", "http://127.0.0.1:8080/v1"), api_key=os.environ.get("STEPWELL_KEY", "none")
)
messages = [{"role": "user", "content": question}]

answer = client.chat.completions.create(model="auto", messages=messages)
print(answer.choices[0].message.content)

pieces = client.chat.completions.create(model="auto", messages=messages, stream=True)
print("".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices))
