"""Move traffic to the variants that users found better.

Decides: the weights of the variants inside a tier of a route, from outcome events. It runs beside the cascade, not in
it; no request waits for it.
May lose or repeat: outcomes whose request has no reply within an hour are counted as unattributed; no outcome is ever
counted twice, whatever is redelivered, repeated, restarted or run in parallel.
Never does: change which targets a request may use. Residency, capability and price exclude a variant before weights
are looked at, and a variant that the policy gives no weight gets none.

Beside it `Watch` looks whether answers that stayed go wrong more often than was promised. Then it lets a route fall
back: everything escalates, until it is calibrated anew or `stepwell confidence reset`.
"""

from stages.allocate.watch import Watch
from stages.allocate.worker import Allocate

__all__ = ["Allocate", "Watch"]
