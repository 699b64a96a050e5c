"""Attempts to be served the answer to another question, made of the labelled questions themselves.

Labels seldom hold what an attacker tries: another question appended, or one word exchanged. Where nothing that is
labelled as different looks like that, weights may learn that it changes nothing.
"""

import random
from collections.abc import Iterator

from pipeline.calibrate.likeness.asked import Asked
from pipeline.likeness import Weights, judge
from pipeline.likeness.words import FUNCTION

__all__ = ["attempts", "hijacks"]

_MOST = 400


def attempts(asked: Asked, seed: int = 7) -> Iterator[tuple[str, str]]:
    """New questions, each with the remembered one whose answer it must not be served."""
    chance = random.Random(seed)
    kept = sorted(dict(zip(asked.kept, asked.kept_keys, strict=True)).items())
    for text, key in chance.sample(kept, min(_MOST, len(kept))):
        other, whose = chance.choice(kept)
        if whose == key:
            continue
        yield f"{text} {other}", text
        exchanged = _exchanged(text, other, chance)
        if exchanged is not None:
            yield exchanged, text


def hijacks(asked: Asked, weights: Weights) -> tuple[int, int]:
    """How many attempts are served by a guard, at the highest cosine, and how many there were."""
    served = [judge(new, old, 1.0, weights=weights).same for new, old in attempts(asked)]
    return sum(served), len(served)


def _exchanged(text: str, other: str, chance: random.Random) -> str | None:
    """The text with one of its words of content exchanged for one of the other."""
    words = text.split()
    places = [place for place, word in enumerate(words) if word.casefold() not in FUNCTION]
    foreign = sorted({word.casefold() for word in other.split()} - {word.casefold() for word in words} - FUNCTION)
    if not places or not foreign:
        return None
    place = chance.choice(places)
    return " ".join((*words[:place], chance.choice(foreign), *words[place + 1 :]))
