"""escalate: the next tier, where the draft did not suffice or there is none; and the one after it where that one fails.

Decides: which tier is called next, and what becomes of the request when none can answer: the draft that was not sure
enough is served and marked as degraded, or the request fails, as the route's policy says.
May repeat: nothing that was paid for; a redelivery reads the journal first.
Never: goes deeper than the plan and the caller's budget allow, calls a target without a permit, or serves a draft that
broke its schema.
"""

from stages.escalate.worker import Escalate

__all__ = ["Escalate"]
