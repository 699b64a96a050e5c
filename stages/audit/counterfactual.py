"""What a request would have cost without the stairs: had the best variant of its route answered at once. Pure."""

from pipeline.contracts import Attempt, Envelope, Usage
from pipeline.contracts.trusted import trusted
from pipeline.policy import Policy
from pipeline.policy.pricing import cost_usd

__all__ = ["always_large", "counterfactual_usd"]


def counterfactual_usd(envelope: Envelope, policy: Policy | None, served: Attempt | None) -> float | None:
    """US dollars for the same answer by the best variant; None where that is not known.

    If that variant answered in this request, it is what its answer cost. If not, it is estimated: the prompt as long
    as the target that answered counted it, and an answer as long as the one that was given, both at its list price.
    For a remembered answer both lengths are those of the call that made it.

    Args:
        envelope: the request at its end.
        policy: under which it was planned; None: no longer known.
        served: the attempt that answered; None: none did, or memory.
    """
    name = always_large(envelope, policy)
    if policy is None or name is None:
        return None
    made = [attempt for attempt in envelope.answers if attempt.variant == name and attempt.error is None]
    if made and envelope.hit is None:
        return _of_answer(made[-1])
    used = _used(envelope, served)
    variant = policy.variants.get(name)
    target = policy.targets.get(variant.target) if variant is not None else None
    if used is None or target is None:
        return None
    return cost_usd(used, target.price)


def always_large(envelope: Envelope, policy: Policy | None) -> str | None:
    """The best variant of the request's route: of its deepest tier the one planned, else the one of most weight.

    It is the route's own deepest tier, also where this request could not have gone there: what is compared is the
    route with its stairs and the route without them. A tenant's own variants stand in the place of the usual ones.
    """
    route = policy.route(envelope.plan.route) if policy is not None and envelope.plan is not None else None
    if policy is None or route is None or envelope.plan is None:
        return None
    theirs, usual = policy.tenant(envelope.tenant).variants, route.spec.tiers[-1].variants
    names = {theirs.get(name, name) for name in usual}
    for tier in reversed(envelope.plan.tiers):
        if tier.variant in names:
            return tier.variant
    heaviest = min(usual, key=lambda name: (-usual[name], name))
    return theirs.get(heaviest, heaviest)


def _of_answer(made: Attempt) -> float | None:
    """What the answer cost, without the calls beside and before it whose answers do not count."""
    return None if made.cost_usd is None else max(0.0, made.cost_usd - (made.lost_usd or 0.0))


def _used(envelope: Envelope, served: Attempt | None) -> Usage | None:
    """The prompt and the answer, in tokens: nothing cached, and without what calls used whose answers do not count."""
    usage = served.answer_usage if served is not None else None
    if envelope.hit is not None:
        usage = envelope.hit.usage
    if usage is None:
        return None
    return trusted(Usage, {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens})
