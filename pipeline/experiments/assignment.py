"""Sticky assignment by weighted rendezvous hashing: the same key gets the same variant, on every replica, unasked.

Each variant draws a number from the hash of (salt, variant, key), and the highest score −w / ln h wins; the chance
that a variant wins is its share of the weights (Thaler and Ravishankar's rendezvous hashing with the weights of
Efraimidis and Spirakis' exponential race). A variant whose weight grows only ever gains keys, so a ramp from 5 to 50
per cent moves nobody out of the treatment. Nothing is stored and nothing is drawn at random.
"""

import math
from collections.abc import Mapping
from hashlib import blake2b
from typing import Final

__all__ = ["choose", "score", "shares"]

_BITS: Final = 53
"""As many bits of the hash as a float holds exactly, so that h is never 0 and never rounds to 1."""


def choose(key: str, salt: str, weights: Mapping[str, float]) -> str:
    """The variant for `key`.

    Args:
        key: who is asked for: a session, a user or a request.
        salt: what the assignment is for; keys are dealt anew under another salt.
        weights: by variant, not negative, of any sum. A variant of weight 0 is never chosen.

    Raises:
        ValueError: no weight is positive.
    """
    positive = [name for name, weight in weights.items() if weight > 0.0]
    if not positive:
        raise ValueError("no variant has a weight above 0")
    if len(positive) == 1:
        return positive[0]
    # Equal scores do not occur in practice; the name makes the choice independent of the order of the mapping.
    return max(positive, key=lambda name: (score(key, salt, name, weights[name]), name))


def score(key: str, salt: str, name: str, weight: float = 1.0) -> float:
    """How well `name` fits `key`: the name with the highest score wins. `weight` is above 0."""
    return -weight / math.log(_uniform(key, salt, name))


def shares(weights: Mapping[str, float]) -> dict[str, float]:
    """The chance of each variant to be chosen; empty when no weight is positive."""
    total = math.fsum(weight for weight in weights.values() if weight > 0.0)
    if total <= 0.0:
        return {}
    return {name: max(0.0, weight) / total for name, weight in weights.items()}


def _uniform(key: str, salt: str, name: str) -> float:
    """A number strictly between 0 and 1. Lengths are hashed too, so that no two triples read the same."""
    text = f"{len(salt)}:{len(name)}:{salt}{name}{key}".encode("utf-8", "surrogatepass")
    drawn = int.from_bytes(blake2b(text, digest_size=8).digest(), "big")
    return ((drawn >> (64 - _BITS)) + 0.5) / 2.0**_BITS
