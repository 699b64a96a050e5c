"""Choose the route and the tiers for a request: first what is allowed and possible, then what is preferred.

Decides: the route (named by the caller, or found by the policy's conditions), which variants are eligible (residency,
lists, the caller's preferences, capability, context window, prices, used up budgets, health, in this order), and for
each tier the one variant that answers, with the probability it was chosen with, and those that take over where it
fails. The stairs end in the best eligible tier; a draft that would not pay is left out. A request beyond its rate
limits is refused.

May lose or repeat: nothing. It writes nothing but counts of rates, once for each request. The same signals, residency
decisions and snapshot get the same plan again under the same revision, and all of them are in the plan.

Never: weighs a hard condition against a preference, looks at the text of a request in its decision, or waits for
anybody where no budget and no rate concerns the request.
"""

from stages.plan.worker import Plan, Sources

__all__ = ["Plan", "Sources"]
