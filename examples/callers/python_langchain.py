"""With LangChain: only the address is another one."""

import os
import sys

from langchain_openai import ChatOpenAI

question = sys.argv[1] if len(sys.argv) > 1 else "Name one tall mountain."
model = ChatOpenAI(
    model="auto",
    base_url=os.environ.get("STEPWELL_DOOR", "http://127.0.0.1:8080/v1"),
    api_key=os.environ.get("STEPWELL_KEY", "none"),
)

print(model.invoke(question).content)
print("".join(str(piece.content) for piece in model.stream(question)))
