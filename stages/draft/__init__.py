"""draft: one call of the first, cheapest tier; and, where check is unsure, further calls about an answer.

Decides: whether there is a draft to check, or whether the next tier has to take over (`unavailable`).
May repeat: nothing that was paid for; a redelivery reads the journal first. A worker that dies while a call runs leaves
nothing in the journal, so the call is made again, under the same Idempotency-Key.
Never: judges an answer, calls a target without a permit, or sends text to the caller that a later stage may reject.
"""

from stages.draft.worker import Draft

__all__ = ["Draft"]
