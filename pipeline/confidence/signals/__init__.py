"""Signals of an answer: small functions of what was seen of it, each a number from 0 to 1 or nothing. Pure.

A signal is a function `signal(seen) -> float | None`; families of them that share work give several at once. The table
`FAMILIES` lists them with their names, which stand in records and in the files of calibrators and so never change.
The more of it, the better the answer looks, but for `declines`, `hedges` and `cut_off`, which say that it does. Scores
that are no shares (`RAW`) are recorded beside them under the names that they always had.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from pipeline.confidence.signals import arithmetic, grounding, length, looks, neighbours, structure, tokens, wording
from pipeline.confidence.signals.agreement import agreement, agrees, final_answer
from pipeline.confidence.signals.seen import Near, Nearby, Seen, Usual
from pipeline.confidence.signals.tokens import probabilities

__all__ = [
    "FAMILIES",
    "NAMES",
    "RAW",
    "Family",
    "Near",
    "Nearby",
    "Seen",
    "Usual",
    "agreement",
    "agrees",
    "final_answer",
    "kept",
    "probabilities",
    "signals_of",
]

_log = logging.getLogger(__name__)

Family = Callable[[Seen], Mapping[str, float | None]]

FAMILIES: Final[Mapping[Family, tuple[str, ...]]] = MappingProxyType(
    {
        tokens.signals: tokens.NAMES,
        structure.signals: structure.NAMES,
        grounding.signals: grounding.NAMES,
        arithmetic.signals: arithmetic.NAMES,
        wording.signals: wording.NAMES,
        length.signals: length.NAMES,
        looks.signals: looks.NAMES,
        neighbours.signals: neighbours.NAMES,
    }
)
"""Every family, and the names of what it gives."""

NAMES: Final = tuple(name for names in FAMILIES.values() for name in names)
"""The names of all signals."""
RAW: Final = ("logprob_mean", "logprob_min", "logprob_mean_all", "value_tokens", "aligned", "characters")
"""Scores of other ranges that are recorded as well."""


def signals_of(seen: Seen) -> dict[str, float | None]:
    """All signals of an answer, by their names, and the raw scores that there are."""
    found: dict[str, float | None] = {"characters": float(len(seen.text))}
    for family, names in FAMILIES.items():
        try:
            found.update(family(seen))
        except Exception as error:  # noqa: BLE001  whatever it is, the answer was paid for
            found.update(_left_out(names, family, error))
    return found


def kept(
    names: Sequence[str], family: Callable[..., Mapping[str, float | None]], *seen: object, **more: object
) -> Mapping[str, float | None]:
    """What a family gives, or nothing under all of its `names` where it has a defect: no answer is lost by a signal."""
    try:
        return family(*seen, **more)
    except Exception as error:  # noqa: BLE001  whatever it is, the answer was paid for
        return _left_out(names, family, error)


def _left_out(
    names: Sequence[str], family: Callable[..., Mapping[str, float | None]], error: Exception
) -> dict[str, float | None]:
    # The name of the error alone, since its text may quote the answer.
    _log.error("the signals of %s are left out: a defect (%s)", family.__module__, type(error).__name__)
    return dict.fromkeys(names)
