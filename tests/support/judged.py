"""Judged drafts for tests of calibration: questions of unlike difficulty, and a noisy look at it as confidence."""

import numpy as np

from pipeline.calibrate.labels import Label

__all__ = ["drafts"]


def drafts(
    count: int,
    *,
    seed: int = 1,
    tasks: tuple[str, ...] | None = None,
    tenants: tuple[str, ...] | None = None,
    slope: float = 1.0,
    signals: bool = False,
) -> list[Label]:
    """So many labels; the confidence is off by `slope`, and `signals` adds further looks at the difficulty."""
    random = np.random.default_rng(seed)
    hard = random.standard_normal(count)
    right = random.random(count) < 1 / (1 + np.exp(-(1.6 - 1.5 * hard)))
    large = random.random(count) < 1 / (1 + np.exp(-(3.0 - 0.9 * hard)))
    looks = hard[:, None] + random.standard_normal((count, 4))
    confidence = 1 / (1 + np.exp(-slope * (1.6 - 1.5 * looks[:, 0])))
    return [
        Label(
            key=f"r{n}",
            right=bool(right[n]),
            confidence=float(confidence[n]),
            signals={
                "characters": 100.0 + n % 7,
                **({f"look{k}": float(looks[n, k]) for k in (1, 2, 3)} if signals else {}),
            },
            task=None if tasks is None else tasks[n % len(tasks)],
            tenant=None if tenants is None else tenants[(n // 3) % len(tenants)],
            at=float(n),
            large_right=bool(large[n]),
        )
        for n in range(count)
    ]
