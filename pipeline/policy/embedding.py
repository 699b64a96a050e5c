"""Looks whether routes and targets that make vectors, and those that answer, are what they say."""

from collections.abc import Iterator
from typing import Final

from pipeline.likeness import ENCODER
from pipeline.policy.models import BUILTIN, Route, Target
from pipeline.policy.problems import Problem
from pipeline.policy.resolve import Located, PolicySet

__all__ = ["embedding"]

_OF_ANSWERS: Final = ("accept", "escalation", "skip_draft", "response_schema_file")
BUILTIN_DIMENSIONS: Final = 384


def embedding(joined: PolicySet) -> Iterator[Problem]:
    """What is refused: a route whose targets do not make what it is for, or whose vectors cannot be compared."""
    for name, target in joined.targets.items():
        yield from _target(target, joined.filled[name])
    for route in joined.routes:
        yield from _kind(joined, route)
        if route.spec.kind == "embedding":
            yield from _one_encoder(joined, route)
            yield from _without_effect(joined, route)


def _target(target: Located[Target], filled: Target) -> Iterator[Problem]:
    if "embedding" not in filled.capabilities:
        if "vectors" in filled.model_fields_set:
            yield target.problem("it makes no vectors: add embedding to its capabilities, or leave this out", "vectors")
        if filled.endpoint == BUILTIN:
            text = f"{BUILTIN} makes vectors and nothing else; write capabilities: [embedding]"
            yield target.problem(text, "endpoint")
        return
    if filled.endpoint != BUILTIN:
        return
    if filled.capabilities != {"embedding"}:
        text = f"{BUILTIN} makes vectors and nothing else; write capabilities: [embedding]"
        yield target.problem(text, "capabilities")
    if filled.encoder != ENCODER or filled.model != ENCODER:
        yield target.problem(f"{BUILTIN} has one model, {ENCODER}; name that one", "model")
    if filled.vectors.dimensions not in (None, BUILTIN_DIMENSIONS) or filled.vectors.shortens:
        text = f"its vectors have {BUILTIN_DIMENSIONS} numbers, and no fewer; write that, or leave it out"
        yield target.problem(text, "vectors")


def _kind(joined: PolicySet, route: Located[Route]) -> Iterator[Problem]:
    """Variants whose target does not make what the route is for."""
    wanted = route.spec.kind
    for name, below in _named(route.spec):
        target = _target_of(joined, name)
        if target is None or wanted in target.capabilities:
            continue
        if wanted == "embedding":
            text = f"{name} makes no vectors (capabilities: embedding), and this route is of the kind embedding"
            yield route.problem(text, *below)
        elif "embedding" in target.capabilities:
            text = f"{name} makes vectors and does not answer; give the route the kind embedding"
            yield route.problem(text, *below)


def _one_encoder(joined: PolicySet, route: Located[Route]) -> Iterator[Problem]:
    """Vectors of two encoders mean nothing to each other, whoever of them takes over."""
    first: tuple[str, str] | None = None
    for name, below in _named(route.spec):
        target = _target_of(joined, name)
        if target is None:
            continue
        if first is None:
            first = (name, target.encoder)
        elif target.encoder != first[1]:
            text = (
                f"{name} has the encoder {target.encoder}, and {first[0]} has {first[1]}: their vectors cannot be "
                "compared; keep one of them, or give both the same name in vectors.encoder where they are the same"
            )
            yield route.problem(text, *below)


def _without_effect(joined: PolicySet, route: Located[Route]) -> Iterator[Problem]:
    for field in _OF_ANSWERS:
        if field in route.spec.model_fields_set:
            yield route.problem("this is about answers, and the route makes vectors; leave it out", field)
    if route.spec.cache.semantic is not None:
        yield route.problem("vectors are not remembered by likeness; leave it out", "cache", "semantic")
    for name, _ in _named(route.spec):
        variant = joined.variants.get(name)
        if variant is not None and (variant.spec.system is not None or variant.spec.system_file is not None):
            key = "system" if variant.spec.system is not None else "system_file"
            yield variant.problem(f"no prompt is sent with texts to embed ({route.spec.name}); leave it out", key)


def _named(route: Route) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    """The variants of all tiers, and where they stand."""
    for index, tier in enumerate(route.tiers):
        for name in tier.variants:
            yield name, ("tiers", index, "variants", name)
        for at, name in enumerate(tier.fallbacks):
            yield name, ("tiers", index, "fallbacks", at)


def _target_of(joined: PolicySet, name: str) -> Target | None:
    variant = joined.variants.get(name)
    return joined.filled.get(variant.spec.target) if variant is not None else None
