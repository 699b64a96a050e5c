"""Words by which models decline or hedge, at the beginning of an answer. A signal, no verdict. Pure."""

import re
from typing import Final

from pipeline.confidence.signals.seen import Seen

__all__ = ["NAMES", "declines", "hedges", "signals"]

NAMES: Final = ("declines", "hedges")

_HEAD: Final = 240

_DECLINES: Final = re.compile(
    r"\b(?:i(?:'|’)?m sorry|i am sorry|i (?:cannot|can(?:'|’)t|am unable|am not able)|as an ai\b"
    r"|es tut mir leid|ich kann (?:dir |ihnen )?(?:dabei )?nicht|je suis désolée?|je ne peux pas"
    r"|lo siento|no puedo)",
    re.IGNORECASE,
)
_HEDGES: Final = re.compile(
    r"\b(?:i(?:'|’)?m not (?:sure|certain)|i am not (?:sure|certain)|i don(?:'|’)?t know|it depends|it is unclear"
    r"|i (?:think|believe|guess)|ich wei(?:ß|ss) (?:es )?nicht|vermutlich|je ne sais pas|peut-être|no sé|quizás)\b",
    re.IGNORECASE,
)


_DECLINING: Final = (
    "sorry", "cannot", "can't", "can’t", "unable", "not able", "as an ai", "leid", "kann", "désol", "peux", "siento",
    "puedo",
)  # fmt: skip
_HEDGING: Final = (
    "sure", "certain", "know", "depends", "unclear", "think", "believe", "guess", "wei", "vermutlich", "sais",
    "peut", "no sé", "quiz",
)  # fmt: skip
"""One of these stands in whatever the patterns find; looking for them takes a tenth of the time."""


def declines(text: str) -> bool:
    """Whether the answer begins by declining."""
    return _has(text[:_HEAD].lower(), _DECLINING) and _DECLINES.search(text, 0, _HEAD) is not None


def hedges(text: str) -> bool:
    """Whether the answer begins by hedging."""
    return _has(text[:_HEAD].lower(), _HEDGING) and _HEDGES.search(text, 0, _HEAD) is not None


def _has(head: str, words: tuple[str, ...]) -> bool:
    for word in words:  # noqa: SIM110  a generator takes longer than what it looks for
        if word in head:
            return True
    return False


def signals(seen: Seen) -> dict[str, float | None]:
    """1 where the answer begins by declining, or by hedging; else 0."""
    return {"declines": float(declines(seen.text)), "hedges": float(hedges(seen.text))}
