"""Answer from memory when the same question was answered under the same policy.

Decides: whether a remembered answer ends the request here. The same question means the same tenant, data class,
route, policy revision, messages, tools, schema and parameters; nothing is compared by likeness.

May lose or repeat: a hit, whenever the store is slow, away or has forgotten. Then the request goes on as if the
answer had never been remembered; the trail says why.

Never: fails a request, writes anything (audit does, once an answer is accepted), or serves an answer across tenants.
"""

from stages.recall.worker import Recall

__all__ = ["Recall"]
