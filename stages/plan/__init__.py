"""Choose the route and the tiers for a request: first what is allowed and possible, then what is preferred.

Decides: the route (named by the caller, or the first whose condition holds), which variants are eligible (residency,
capability, context window, price ceiling, health, in this order), and for each tier the one variant that this session
or user always gets, with the probability it was chosen with. The stairs end in the best eligible tier.

May lose or repeat: nothing. It writes nothing, and the same request under the same revision, weights and health gets
the same plan again.

Never: weighs a hard condition against a preference. What residency forbids is not in the plan, at any weight.
"""

from stages.plan.worker import Plan

__all__ = ["Plan"]
