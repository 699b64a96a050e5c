"""Models behind HTTP endpoints in the shape of the OpenAI API. None is called without a permit of `disclosure.guard`.

`http` calls (`endpoint`, `exchange`, `body`, `answer`, `sse` are its parts; `breaker`, `retries`, `slots`, `tally` and
`concurrency` its manners); `probes` asks targets how they fare; `pricing`, `estimates`, `outcomes` and `settle` say
what a call cost, and `purse` who pays. `attempts` is what the stages use: it walks the `chain` of a tier, one `attempt`
at a time, which `permits` makes ready and `calling` calls (with a second one beside it: `hedging`), or `by_batch`.
"""

from pipeline.adapters.models.attempts import Attempts
from pipeline.adapters.models.http import HttpModelClient
from pipeline.adapters.models.purse import postponed
from pipeline.policy.pricing import cost_usd

__all__ = ["Attempts", "HttpModelClient", "cost_usd", "postponed"]
