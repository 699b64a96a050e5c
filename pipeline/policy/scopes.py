"""Whose counter: the values that a budget, a cap or a rate counts by, as one line of text.

`tenant=acme/route=chat`; `all` where it counts by nothing. Users, keys and tags stand in it as keyed digests. Variant,
target and experiment are known at an attempt only; until then they stand as `{variant}`, `{target}`, `{experiment}`.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

__all__ = ["AT_ATTEMPT", "EVERYBODY", "RateHit", "filled", "scope_of"]

AT_ATTEMPT: Final = ("variant", "target", "experiment")
"""What is known when a model is called, and not before."""
EVERYBODY: Final = "all"
"""The scope of what counts by nothing."""


class RateHit(NamedTuple):
    """One rate that concerns a request: its name, whose counter, and how many tokens the request counts for."""

    rate: str
    scope: str
    tokens: int


def scope_of(by: Sequence[str], values: Mapping[str, str]) -> str:
    """Whose counter it is; those that have no value share one."""
    parts = [f"{name}={{{name}}}" if name in AT_ATTEMPT else f"{name}={values.get(name, '')}" for name in by]
    return "/".join(parts) or EVERYBODY


def filled(scope: str, *, variant: str, target: str, experiment: str = "") -> str:
    """The scope with what is known at the attempt."""
    if "{" not in scope:
        return scope
    for name, value in zip(AT_ATTEMPT, (variant, target, experiment), strict=True):
        scope = scope.replace(f"{name}={{{name}}}", f"{name}={value}")
    return scope
