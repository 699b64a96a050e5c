"""What the outcomes say: whom each speaks of, and the weights that follow. Pure; chance is an argument."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from pipeline.contracts import Reply
from pipeline.experiments.outcomes import Arm, Pending, Tally, arm_of
from pipeline.experiments.thompson import DRAWS, FLOOR, MINIMUM, BetaSource, tier_weights

__all__ = ["RULES", "Judged", "Rules", "apply", "judge", "weights"]


@dataclass(frozen=True, slots=True)
class Rules:
    """How the allocator learns. `window_s`: how long an outcome waits for its reply; `waiting`: how many may."""

    draws: int = DRAWS
    floor: float = FLOOR
    minimum: float = MINIMUM
    window_s: float = 3600.0
    waiting: int = 500


@dataclass(frozen=True, slots=True)
class Judged:
    """An outcome and what is to be done with it."""

    outcome: Pending
    fate: Literal["count", "ignore", "wait", "give_up"]
    arm: Arm | None = None


RULES: Final = Rules()
GIVE_UP: Final = "give_up"


def judge(outcome: Pending, reply: Reply | None, now: float, rules: Rules) -> Judged:
    """Attribute one outcome by the reply of its request."""
    if reply is None or reply.provisional:
        return Judged(outcome, "wait" if now - outcome.since < rules.window_s else GIVE_UP)
    arm = arm_of(reply)
    return Judged(outcome, "ignore") if arm is None else Judged(outcome, "count", arm)


def apply(tally: Tally, judged: Iterable[Judged], applied: int, rules: Rules) -> Tally:
    """The next tally: `judged` covers its pending outcomes and every event up to sequence `applied`."""
    arms = {route: [dict(tier) for tier in tiers] for route, tiers in tally.arms.items()}
    waiting: list[Pending] = []
    done = {"count": 0, "ignore": 0, GIVE_UP: 0}
    for each in judged:
        if each.arm is not None:
            _count(arms, each.arm, each.outcome.reward)
        if each.fate == "wait":
            waiting.append(each.outcome)
        else:
            done[each.fate] += 1
    overflow = max(0, len(waiting) - rules.waiting)
    return Tally(
        applied=applied,
        arms=arms,
        pending=tuple(waiting[overflow:]),
        counted=tally.counted + done["count"],
        uncounted=tally.uncounted + done["ignore"],
        unattributed=tally.unattributed + done[GIVE_UP] + overflow,
    )


def _count(arms: dict[str, list[dict[str, tuple[float, float]]]], arm: Arm, reward: float) -> None:
    route, tier, variant = arm
    tiers = arms.setdefault(route, [])
    tiers.extend({} for _ in range(tier + 1 - len(tiers)))
    good, bad = tiers[tier].get(variant, (0.0, 0.0))
    tiers[tier][variant] = (good + reward, bad + 1.0 - reward)


def weights(
    tally: Tally, route: str, tiers: Sequence[Mapping[str, float]], random: BetaSource, rules: Rules
) -> list[dict[str, float]] | None:
    """The weights of a route, tier by tier; None as long as those of the policy (`tiers`) hold in all of them."""
    moved = [
        tier_weights(
            given, tally.counts(route, number), random, draws=rules.draws, floor=rules.floor, minimum=rules.minimum
        )
        for number, given in enumerate(tiers)
    ]
    if not any(moved):
        return None
    return [dict(given) if new is None else new for given, new in zip(tiers, moved, strict=True)]
