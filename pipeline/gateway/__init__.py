"""The HTTP door: the OpenAI chat shape in front of the cascade.

It translates, and decides nothing: `openai` reads and writes the shape (pure), `sse` does it for streams, `door` is the
application, `server` listens. A field of the API is carried, or refused by name; none is silently lost.
A caller who goes away takes the request back, unless an `Idempotency-Key` says that a retry will come for the answer.
"""

from pipeline.gateway.asker import Asker
from pipeline.gateway.door import build_door
from pipeline.gateway.limits import Limits
from pipeline.gateway.openai import to_completion, to_request

__all__ = ["Asker", "Limits", "build_door", "to_completion", "to_request"]
