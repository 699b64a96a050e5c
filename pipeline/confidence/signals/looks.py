"""What further looks at an answer said, and how its segment fared so far. Pure."""

from typing import Final

from pipeline.confidence.signals.agreement import agreement
from pipeline.confidence.signals.seen import Seen

__all__ = ["NAMES", "signals"]

NAMES: Final = ("samples_agree", "opinions_agree", "verified", "judged", "prior")


def signals(seen: Seen) -> dict[str, float | None]:
    """Agreement with samples and opinions, two judgements, and the share of right answers; None what nobody asked."""
    return {
        "samples_agree": agreement((seen.text, *seen.samples)) if seen.samples else None,
        "opinions_agree": agreement((seen.text, *seen.opinions)) if seen.opinions else None,
        "verified": seen.verified,
        "judged": seen.judged,
        "prior": seen.prior,
    }
