"""What further looks at an answer make of its confidence. Pure.

A gate that learned from looks weighs them itself. Elsewhere the confidence and what each look said count alike: the
mean of their log-odds, none of which may be surer than a look of a few samples can be.
"""

from collections.abc import Mapping
from math import exp, fsum, log
from typing import Final

from pipeline.contracts import Attempt

__all__ = ["LOOKS", "said_by", "verdict_of", "weighed"]

LOOKS: Final = ("samples_agree", "opinions_agree", "verified", "judged")
"""The signals that come of further looks."""

_SUREST: Final = 0.95


def weighed(confidence: float | None, signals: Mapping[str, float | None]) -> float | None:
    """The confidence with what the looks said; without a look the confidence as it is."""
    said = [value for name in LOOKS if (value := signals.get(name)) is not None]
    if not said:
        return confidence
    known = said if confidence is None else [confidence, *said]
    odds = fsum(_odds(value) for value in known) / len(known)
    return 1.0 / (1.0 + exp(-odds))


def _odds(share: float) -> float:
    inside = min(max(share, 1.0 - _SUREST), _SUREST)
    return log(inside / (1.0 - inside))


def said_by(made: Attempt) -> float | None:
    """How probable yes is, by who was asked for a yes or no; None: the call failed, or it said something else."""
    if made.error is not None:
        return None
    words = [token for token in made.tokens or () if any(map(str.isalpha, token.token))]
    return verdict_of(made.text, words[0].logprob if words else None)


def verdict_of(text: str | None, logprob: float | None) -> float | None:
    """How probable a model says it is that an answer is right, from its own word; None: it did not keep to the form.

    Args:
        text: what it replied. Nothing counts but its first word, which has to be yes or no.
        logprob: of the token that begins it; None: unknown, and then the word counts as it stands. The word was the
            likelier one of the two, however unlikely it was.
    """
    word = (text or "").strip().strip("*\"'`.:,!- \n").split(None, 1)
    first = word[0].strip("*\"'`.:,!-").upper() if word else ""
    if first not in ("YES", "NO"):
        return None
    sure = 1.0 if logprob is None else max(0.5, exp(min(logprob, 0.0)))
    return sure if first == "YES" else 1.0 - sure
