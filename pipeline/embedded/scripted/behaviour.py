"""What a model's name asks for."""

import re
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["DRIP_S", "SLOW_S", "Behaviour", "behaviour_of", "words_of"]

SLOW_S = 2.0
DRIP_S = 0.05
_WORD = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The parts of the script that one model plays.

    Attributes:
        status: HTTP status of every answer, 200 where it plays well.
        flaky: every other try of a key fails with 503.
        hang: nothing ever comes.
        stall: nothing comes after the first half.
        cut: the answer breaks off after its first half.
        midway: an error object comes after the first half of a stream.
        wrong_json: the document breaks the schema; with `mends`, until the model is told its errors.
        verdict: what it replies where it is to judge an answer; None: it judges nothing.
        contrary: it answers otherwise than the others do.
        fenced: log-probabilities cover a code fence that the text lacks.
        reasons: it reasons before it answers, aloud about the question, and its reasoning is scored as well.
        pause_s: seconds before the answer, besides the server's delay; `between_s`: before each token.
        hurried: the server's delay does not apply.
        unsure_share: share of prompts with low log-probabilities.
    """

    status: int = 200
    flaky: bool = False
    hang: bool = False
    stall: bool = False
    cut: bool = False
    midway: bool = False
    wrong_json: bool = False
    mends: bool = False
    verdict: str | None = None
    contrary: bool = False
    fenced: bool = False
    reasons: bool = False
    pause_s: float = 0.0
    between_s: float = 0.0
    hurried: bool = False
    unsure_share: float = 0.0


def _status(words: set[str]) -> int:
    asked = {"429": 429, "error": 500, "reject": 400}
    return next((status for word, status in asked.items() if word in words), 200)


def _unsure_share(words: set[str]) -> float:
    if "unsure" in words:
        return 1.0
    return 0.35 if "small" in words else 0.0


def words_of(model: str) -> set[str]:
    """The words of a model's name."""
    return set(_WORD.findall(model.lower()))


@lru_cache(maxsize=1024)
def behaviour_of(model: str) -> Behaviour:
    """Read the words of `model`, split at anything but letters and digits."""
    words = words_of(model)
    return Behaviour(
        status=_status(words),
        flaky="flaky" in words,
        hang="hang" in words,
        stall="stall" in words,
        cut="truncated" in words,
        midway="midway" in words,
        wrong_json={"wrong", "json"} <= words,
        mends="mends" in words,
        verdict="YES" if "yes" in words else "NO" if "no" in words else None,
        contrary="contrary" in words,
        fenced="fenced" in words,
        reasons="reasons" in words,
        pause_s=SLOW_S if "slow" in words else 0.0,
        between_s=DRIP_S if "drip" in words else 0.0,
        hurried="fast" in words,
        unsure_share=_unsure_share(words),
    )
