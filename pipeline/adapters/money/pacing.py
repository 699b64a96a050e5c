"""The arithmetic of a cap on escalations: a bucket that is never overdrawn, and a price before it. Pure.

The bucket alone lets the first ones pass and then nobody. So each escalation has a price λ between 0 and 1, and is made
where it is at least as urgent. The urgency of a draft says how far below its threshold it is: λ takes the threshold
down as a whole, so that of the drafts that do not suffice the surest stay first.

λ rises while more escalate than are allowed, and while the bucket is less than half full:
λ ← λ + η (lately / share - 1 + PULL (1/2 - level / burst)). The first part alone, the dual step for a mean cost, would
rest wherever the bucket happens to stand, at worst empty, where the bucket decides and not the price; with the second
one what passes on average is the share itself. Once the bucket was empty, nothing passes until the share lately is down
at `resume`.

`pipeline/adapters/money/scripts.py` does the same inside Valkey.
"""

from dataclasses import dataclass, replace
from typing import Final

from pipeline.adapters.money.counters import Bucket

__all__ = ["ETA", "MEMORY", "PULL", "Pace"]

ETA: Final = 0.01
"""How fast the price follows."""
MEMORY: Final = 0.05
"""The weight of the latest request in the share lately."""
PULL: Final = 0.5
"""How strongly the price is drawn to where the bucket is half full."""


@dataclass(frozen=True, slots=True)
class Pace:
    """What a cap stands at.

    Attributes:
        level: escalations that the bucket holds.
        lately: share of the last requests that escalated.
        price: λ.
        shut: the bucket was empty, and the share lately is not down yet.
    """

    level: float
    lately: float = 0.0
    price: float = 0.0
    shut: bool = False

    @staticmethod
    def fresh(bucket: Bucket) -> "Pace":
        """Before anybody asked: a full bucket."""
        return Pace(float(bucket.burst))

    def asked(self, bucket: Bucket) -> "Pace":
        """A request came."""
        lately = self.lately * (1.0 - MEMORY)
        over = lately / bucket.share - 1.0 + PULL * (0.5 - self.level / bucket.burst) if bucket.share > 0.0 else 0.0
        price = min(1.0, max(0.0, self.price + ETA * over)) if bucket.paced else 0.0
        shut = self.shut and bucket.resume is not None and lately > bucket.resume
        return Pace(min(float(bucket.burst), self.level + bucket.share), lately, price, shut)

    def lets(self, bucket: Bucket, urgency: float) -> bool:
        """Whether an escalation of this urgency passes."""
        return self.level >= 1.0 - 1e-6 and not self.shut and (not bucket.paced or urgency >= self.price)

    def taken(self) -> "Pace":
        """An escalation passed."""
        return replace(self, level=self.level - 1.0, lately=self.lately + MEMORY)

    def denied(self, bucket: Bucket) -> "Pace":
        """One did not; where the bucket is empty, it stays shut for a while."""
        return replace(self, shut=True) if bucket.resume is not None and self.level < 1.0 - 1e-6 else self
