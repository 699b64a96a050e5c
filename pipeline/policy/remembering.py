"""Who may be asked about remembered questions: one of our own, for every tenant, since it is shown two of them."""

from collections.abc import Iterator

from pipeline.policy.models import Route
from pipeline.policy.problems import Problem, did_you_mean
from pipeline.policy.resolve import Located, PolicySet

__all__ = ["remembering"]


def remembering(joined: PolicySet) -> Iterator[Problem]:
    """What is refused of `cache.semantic`: a verifier or embedder that there is not, or that cannot be one."""
    for route in joined.routes:
        semantic = route.spec.cache.semantic
        if semantic is not None and semantic.verifier is not None:
            yield from _verifier(joined, route, semantic.verifier.variant)
        if semantic is not None and semantic.embedder is not None:
            yield from _embedder(joined, route, semantic.embedder)


def _verifier(joined: PolicySet, route: Located[Route], name: str) -> Iterator[Problem]:
    below = ("cache", "semantic", "verifier", "variant")
    if name not in joined.variants:
        yield route.problem(f"no such variant: {name}{did_you_mean(name, joined.variants)}", *below)
        return
    outside = _outside(joined, name)
    if outside is not None:
        text = (
            f"the target {outside} of {name} is external, and a verifier is shown a remembered question beside the one "
            "that was permitted; name a variant of a target of our own (external: false)"
        )
        yield route.problem(text, *below)
    for tenant in joined.tenants.values():
        own = tenant.spec.variants.get(name)
        outside = _outside(joined, own) if own is not None else None
        if outside is not None:
            text = (
                f"{own} takes the place of {name}, which the route {route.spec.name} asks about remembered questions, "
                f"and its target {outside} is external; name a variant of a target of our own"
            )
            yield tenant.problem(text, "variants", name)


def _outside(joined: PolicySet, name: str) -> str | None:
    """The target of a variant, where it is not one of our own."""
    variant = joined.variants.get(name)
    target = joined.targets.get(variant.spec.target) if variant is not None else None
    return variant.spec.target if variant is not None and target is not None and target.spec.external else None


def _embedder(joined: PolicySet, route: Located[Route], name: str) -> Iterator[Problem]:
    """Who makes vectors of questions has to be one who makes vectors."""
    below = ("cache", "semantic", "embedder")
    variant = joined.variants.get(name)
    if variant is None:
        yield route.problem(f"no such variant: {name}{did_you_mean(name, joined.variants)}", *below)
        return
    target = joined.filled.get(variant.spec.target)
    if target is not None and "embedding" not in target.capabilities:
        yield route.problem(f"{name} makes no vectors (capabilities: embedding); name a variant that does", *below)
