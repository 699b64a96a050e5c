"""Whether a draft was right, as far as that is known when its request ends, and when somebody judges it later. Pure."""

from dataclasses import dataclass, replace
from typing import Final

from pipeline.contracts import Envelope

__all__ = ["Past", "draft_of", "judged"]

_GOOD: Final = 0.5


@dataclass(frozen=True, slots=True)
class Past:
    """What became of the first tier's draft.

    Attributes:
        variant: who made it.
        right: whether it was right; None: nobody knows (yet).
        served: it is what the caller was given.
        agrees: whether the answer that was given in its place said the same; None: it cannot be compared.
        stands_for: how many drafts like it, of which nobody knows, it stands for: one over the share of drafts that
            would stay and are escalated for a label.
    """

    variant: str
    right: bool | None
    served: bool
    agrees: bool | None = None
    stands_for: float = 1.0


def draft_of(envelope: Envelope) -> Past | None:
    """The draft of a request that ends; None: there was none, or it was not finished.

    One that broke its schema, or said nothing, is wrong. One that went on is right where the next answer said the same.
    Of one that was served only an outcome can tell.
    """
    verdict = envelope.verdict
    drafts = [made for made in envelope.answers if made.tier == 0 and made.error is None and not made.left_early]
    if verdict is None or not drafts or envelope.hit is not None:
        return None
    made = next((made for made in envelope.attempts if made.number == verdict.attempt), None)
    if made is None:
        return None
    variant = drafts[-1].variant
    if made.tier == 0:
        broken = verdict.schema_state == "invalid"
        return Past(variant, False if broken else None, served=not broken)
    same = verdict.drafted.get("agrees_with_next")
    agrees = None if same is None else same >= _GOOD
    right = False if verdict.drafted.get("schema_ok") == 0.0 else agrees
    explored = verdict.explored if verdict.stays else None
    return Past(variant, right, served=False, agrees=agrees, stands_for=1.0 / explored if explored else 1.0)


def judged(past: Past, reward: float) -> Past:
    """The same after an outcome, which speaks of the answer that the caller was given.

    A draft that differs from an answer that turned out wrong may be right or wrong: nobody knows.
    """
    good = reward >= _GOOD
    if past.served:
        return replace(past, right=good)
    if past.agrees is None:
        return past
    if good:
        return past
    return replace(past, right=False if past.agrees else None)
