"""Answer from memory when the same question was answered under the same policy.

Decides: whether a remembered answer ends the request here. The same question means the same tenant, data class,
route, policy revision, messages, tools, schema and parameters. Where the route says so, a question that means the same
will do: a vector finds it, a guard compares the two, and a model of our own may have the last word.

May lose or repeat: a hit, whenever the store is slow, away or has forgotten, or that model is. Then the request goes on
as if the answer had never been remembered; the trail says why. What that model said is written down, and paid once.

Never: fails a request, remembers anything (audit does, once an answer is accepted), serves an answer across tenants, or
shows a remembered question to anybody outside.
"""

from stages.recall.worker import Recall

__all__ = ["Recall"]
