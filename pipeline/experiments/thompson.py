"""Beta-Bernoulli Thompson sampling, served as weights. Pure: chance is an argument.

Weights instead of draws: w_k = P(variant k is best), estimated from draws of the posteriors Beta(1 + S_k, 1 + F_k)
(W. R. Thompson, 1933; S and F are the sums of r and 1 - r over rewards r in [0, 1]). A request then has a known
propensity, replicas agree, and regret is that of a draw for each request. The floor keeps every propensity away from
0, so that a variant that recovers is noticed and off-policy estimates stay finite.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

__all__ = ["DRAWS", "FLOOR", "MINIMUM", "BetaSource", "Counts", "floored", "p_best", "tier_weights"]

FLOOR: Final = 0.01
DRAWS: Final = 1024
MINIMUM: Final = 50
"""Outcomes that a tier needs before its weights move away from the policy's."""


class BetaSource(Protocol):
    """Draws of Beta variates; `random.Random` is one."""

    def betavariate(self, alpha: float, beta: float) -> float:
        """A number from Beta(alpha, beta)."""
        ...


@dataclass(frozen=True, slots=True)
class Counts:
    """What is known of one variant: the sums of r and of 1 - r over its outcomes."""

    good: float = 0.0
    bad: float = 0.0

    @property
    def samples(self) -> float:
        """How many outcomes that were."""
        return self.good + self.bad

    def plus(self, reward: float) -> "Counts":
        """With one more outcome of this reward in [0, 1]."""
        return Counts(self.good + reward, self.bad + 1.0 - reward)


def p_best(counts: Sequence[Counts], draws: int, random: BetaSource) -> list[float]:
    """For each variant the share of `draws` in which its posterior draw was the greatest."""
    wins = [0] * len(counts)
    shapes = [(1.0 + each.good, 1.0 + each.bad) for each in counts]
    for _ in range(draws):
        drawn = [random.betavariate(alpha, beta) for alpha, beta in shapes]
        wins[drawn.index(max(drawn))] += 1
    return [won / draws for won in wins]


def floored(weights: Sequence[float], floor: float = FLOOR) -> list[float]:
    """Weights of at least `floor` each with the same sum of 1: w <- floor + (1 - K floor) w."""
    floor = min(floor, 1.0 / len(weights))
    mixed = [floor + (1.0 - len(weights) * floor) * weight for weight in weights]
    total = sum(mixed)
    return [weight / total for weight in mixed]


def tier_weights(
    given: Mapping[str, float],
    counts: Mapping[str, Counts],
    random: BetaSource,
    *,
    draws: int = DRAWS,
    floor: float = FLOOR,
    minimum: float = MINIMUM,
) -> dict[str, float] | None:
    """The weights of one tier, or None as long as the policy's own hold.

    Args:
        given: the weights of the policy. A variant to which it gives 0 takes no part and stays at 0.
        counts: outcomes by variant; those of variants that the policy no longer names are ignored.
        random: chance.
        draws: draws of each posterior.
        floor: least weight of a variant that takes part.
        minimum: outcomes in the tier below which nothing moves.
    """
    taking_part = [variant for variant, weight in given.items() if weight > 0.0]
    known = [counts.get(variant, Counts()) for variant in taking_part]
    if len(taking_part) < 2 or sum(each.samples for each in known) < minimum:
        return None
    weights = floored(p_best(known, draws, random), floor)
    return dict.fromkeys(given, 0.0) | dict(zip(taking_part, weights, strict=True))
