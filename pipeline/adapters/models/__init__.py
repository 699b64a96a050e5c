"""Models behind HTTP endpoints in the shape of the OpenAI API, and the guard without which none is called.

`guard` permits, `http` calls (`endpoint`, `exchange`, `body`, `answer`, `sse` are its parts; `breaker`, `retries` and
`slots` its manners), `pricing` and `settle` say what it cost, `attempts` is what the stages use.
"""

from pipeline.adapters.models.attempts import Attempts
from pipeline.adapters.models.guard import Permit, governing, permit
from pipeline.adapters.models.http import HttpModelClient
from pipeline.adapters.models.pricing import cost_usd

__all__ = ["Attempts", "HttpModelClient", "Permit", "cost_usd", "governing", "permit"]
