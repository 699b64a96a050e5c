"""What becomes of a message whose stage raised: the table of dispositions."""

from dataclasses import dataclass
from typing import Final, Literal

from pipeline.errors.base import StepwellError
from pipeline.errors.failures import Permanent, Transient
from pipeline.errors.own import Unreadable
from pipeline.errors.refusals import Postponed, Refusal

__all__ = ["ANSWER", "DEAD_LETTER", "DISPOSITIONS", "POSTPONE", "RETRY", "Disposition", "disposition"]

Action = Literal["retry", "postpone", "dead_letter", "answer"]
POSTPONE: Final = "postpone"
RETRY: Final = "retry"
DEAD_LETTER: Final = "dead_letter"
ANSWER: Final = "answer"


@dataclass(frozen=True, slots=True)
class Disposition:
    """What becomes of a message whose stage raised.

    `retry`: hand it back, to be delivered again after a delay, and dead-letter it when its deliveries are used up.
    `postpone`: hand it to its own queue again, for later; that may happen any number of times before the deadline, and
    no try counts as a failure.
    `dead_letter`: store it for a person at once and tell the caller.
    `answer`: end the request with a typed error; nothing is wrong with the message.
    """

    action: Action
    status: Literal["refused", "failed"]


DISPOSITIONS: Final[tuple[tuple[type[BaseException], Disposition], ...]] = (
    (Refusal, Disposition(ANSWER, "refused")),
    (Postponed, Disposition(POSTPONE, "failed")),
    (Transient, Disposition(RETRY, "failed")),
    (Unreadable, Disposition(DEAD_LETTER, "failed")),
    (Permanent, Disposition(ANSWER, "failed")),
    (StepwellError, Disposition(DEAD_LETTER, "failed")),
    (Exception, Disposition(RETRY, "failed")),
)
"""The first row whose class fits decides. An unknown exception is a defect: retried, then dead-lettered."""


def disposition(error: BaseException) -> Disposition:
    """Look `error` up in the table."""
    for kind, decision in DISPOSITIONS:
        if isinstance(error, kind):
            return decision
    raise error
