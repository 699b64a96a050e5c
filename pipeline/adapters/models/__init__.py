"""Models behind HTTP endpoints in the shape of the OpenAI API. None is called without a permit of `disclosure.guard`.

`http` calls (`endpoint`, `exchange`, `body`, `answer`, `sse` are its parts; `breaker`, `retries` and `slots` its
manners), `pricing` and `settle` say what it cost, `attempts` is what the stages use.
"""

from pipeline.adapters.models.attempts import Attempts
from pipeline.adapters.models.http import HttpModelClient
from pipeline.adapters.models.pricing import cost_usd

__all__ = ["Attempts", "HttpModelClient", "cost_usd"]
