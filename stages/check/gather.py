"""What stands around an answer: the question, further looks, the history of its segment, the answer before. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from pipeline.confidence.signals import Nearby, Usual, agrees
from pipeline.confidence.weigh import said_by
from pipeline.contracts import Attempt, Envelope, Message, Request
from pipeline.policy.calibration import Calibrator
from stages.check.looks import looks_at

__all__ = ["LONGEST_QUESTION", "Around", "around"]

LONGEST_QUESTION = 40_000
"""Characters of a question that is looked through; of a longer one nothing is said."""


class Around(NamedTuple):
    """What is known beside the answer itself; see `pipeline.confidence.signals.Seen`."""

    question: str = ""
    samples: tuple[str, ...] = ()
    opinions: tuple[str, ...] = ()
    verified: float | None = None
    judged: float | None = None
    usual: Usual | None = None
    prior: float | None = None
    difficulty: float | None = None
    neighbours: Nearby | None = None
    agrees: float | None = None


def around(
    envelope: Envelope, candidate: Attempt, calibrator: Calibrator | None, neighbours: Nearby | None = None
) -> Around:
    """Gather it from the envelope and the file of the calibrator."""
    task, tenant = envelope.request.metadata.get("task"), envelope.tenant
    looks = looks_at(envelope, candidate) if envelope.attempts[-1] is not candidate else ()
    return Around(
        question=_question(envelope.request),
        samples=_texts(looks, "samples"),
        opinions=_texts(looks, "opinion"),
        verified=_said(looks, "verify"),
        judged=_said(looks, "judge"),
        usual=calibrator.usual(task, tenant) if calibrator is not None else None,
        prior=calibrator.prior(task, tenant) if calibrator is not None else None,
        difficulty=_difficulty(envelope),
        neighbours=neighbours,
        agrees=_agrees(envelope, candidate) if candidate.tier > 0 else None,
    )


def _difficulty(envelope: Envelope) -> float | None:
    signals = envelope.plan.signals if envelope.plan is not None else None
    return signals.difficulty if signals is not None else None


def _texts(looks: Sequence[Attempt], kind: str) -> tuple[str, ...]:
    return tuple([made.text for made in looks if made.made_for == kind and made.text is not None])


def _said(looks: Sequence[Attempt], kind: str) -> float | None:
    """What those who were asked for a yes or no said, on the average."""
    said = [said_by(made) for made in looks if made.made_for == kind]
    known = [value for value in said if value is not None]
    return sum(known) / len(known) if known else None


def _agrees(envelope: Envelope, candidate: Attempt) -> float | None:
    """How far the first tier's answer says the same as this one."""
    drafts = [made for made in envelope.answers if made.tier == 0 and made.error is None]
    if not drafts or drafts[-1].text is None or candidate.text is None:
        return None
    return agrees(drafts[-1].text, candidate.text)


def _question(request: Request) -> str:
    """The texts of the conversation, but for what the assistant said; empty where they are too long."""
    if request.input is not None:
        return request.input if len(request.input) <= LONGEST_QUESTION else ""
    texts = [text for message in request.messages for text in _of(message)]
    return "\n".join(texts) if sum(map(len, texts)) <= LONGEST_QUESTION else ""


def _of(message: Message) -> Sequence[str]:
    if message.role == "assistant" or message.content is None:
        return ()
    if isinstance(message.content, str):
        return (message.content,)
    return [part.text for part in message.content if part.type == "text"]
