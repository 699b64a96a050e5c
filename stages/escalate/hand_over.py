"""What the next tier is told of the answer before it. Pure."""

from typing import Literal

from pipeline.contracts import Envelope
from pipeline.disclosure.guard import Added

__all__ = ["handed_over"]


def handed_over(envelope: Envelope, rule: Literal["nothing", "draft", "errors"]) -> Added | None:
    """The last answer that was judged, and with `errors` what was wrong with it; None: the next tier starts clean.

    It does so too where there is no text to hand over, and where an answer that would stay is escalated for a label:
    that label would say nothing, had its giver seen the answer.
    """
    verdict = envelope.verdict
    if rule == "nothing" or verdict is None or verdict.stays:
        return None
    judged = next((made for made in envelope.attempts if made.number == verdict.attempt and made.error is None), None)
    if judged is None or not (judged.text or "").strip():
        return None
    problems = verdict.problems if rule == "errors" else ()
    return Added(kind="answer", answer=judged.text or "", problems=problems, source=judged.target)
