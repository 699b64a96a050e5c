"""What further looks at an answer said, and how its segment and questions like it fared so far. Pure.

`ease` rests on past errors at questions like this one: it is one less their learned difficulty, where the route has a
file of that (`difficulty_file`).
"""

from typing import Final

from pipeline.confidence.signals.agreement import agreement
from pipeline.confidence.signals.seen import Seen

__all__ = ["NAMES", "signals"]

NAMES: Final = ("samples_agree", "opinions_agree", "verified", "judged", "prior", "ease")


def signals(seen: Seen) -> dict[str, float | None]:
    """Agreement with samples and opinions, two judgements, and how others fared; None what nobody asked or learned."""
    return {
        "samples_agree": agreement((seen.text, *seen.samples)) if seen.samples else None,
        "opinions_agree": agreement((seen.text, *seen.opinions)) if seen.opinions else None,
        "verified": seen.verified,
        "judged": seen.judged,
        "prior": seen.prior,
        "ease": None if seen.difficulty is None else 1.0 - seen.difficulty,
    }
