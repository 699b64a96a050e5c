"""What workers see of targets, and what follows from all of it. Pure: the time is an argument.

A sight is what one worker saw of one target. Merging takes any number of them in any order; a worker that fell silent
drops out, so that nothing has to be taken back.
"""

from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from typing import Any, Final, NamedTuple

import orjson

from pipeline.contracts import TargetStanding
from pipeline.contracts.planning import Why

__all__ = ["FRESH_S", "Opening", "Shut", "Sight", "merged", "opening_of", "packed", "unpacked"]

FRESH_S: Final = 60.0
"""Half-life of a measured time: what was measured a minute ago counts half."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A breaker that is open: since when and until when (Unix seconds), and how often it opened in a row."""

    at: float
    until: float
    level: int


class Shut(NamedTuple):
    """Why a target takes no calls now, and for how many seconds more."""

    why: Why
    for_s: float


@dataclass(frozen=True, slots=True)
class Sight:
    """One target as one worker sees it. Times of day in Unix seconds, 0 for never.

    Attributes:
        running: calls that run now.
        room: calls that it may have at a time from this worker.
        first_token_ms, latency_ms: means over the last calls; None: not measured.
        measured: how many calls stand behind the means, decayed.
        calls, failures: of the last seconds, decayed; failures of any kind that is the target's.
        streak: failures since the last answer.
        heard_at: when it last answered or failed.
        well_at: when it last answered.
        opened_at, open_until, level: of the worker's own breaker; `open_until` 0: it is closed.
    """

    running: int = 0
    room: int = 0
    first_token_ms: float | None = None
    latency_ms: float | None = None
    measured: float = 0.0
    calls: float = 0.0
    failures: float = 0.0
    streak: int = 0
    heard_at: float = 0.0
    well_at: float = 0.0
    opened_at: float = 0.0
    open_until: float = 0.0
    level: int = 0


def opening_of(sights: Iterable[Sight], now: float) -> Opening | None:
    """The opening that stands, the one that lasts longest; None: none does.

    One that another worker contradicts, because the target answered it after that, does not stand: the trouble is then
    the worker's and not the target's, or it is over.
    """
    seen = list(sights)
    answered = max((sight.well_at for sight in seen), default=0.0)
    standing = [sight for sight in seen if sight.open_until > now and sight.opened_at >= answered]
    if not standing:
        return None
    last = max(standing, key=lambda sight: (sight.open_until, sight.opened_at, sight.level))
    return Opening(last.opened_at, last.open_until, last.level)


def merged(sights: Iterable[Sight], now: float, *, left_out_s: float = 0.0) -> TargetStanding:
    """How a target fares by all that was seen of it. Nobody saw anything: it is healthy and unmeasured.

    `left_out_s`: for so many seconds more it is left out as an outlier.
    """
    seen = list(sights)
    room = sum(sight.room for sight in seen)
    shut = _shut(opening_of(seen, now), now) or (Shut("outlier", left_out_s) if left_out_s > 0 else None)
    return TargetStanding(
        healthy=shut is None,
        why=shut.why if shut else None,
        back_s=round(shut.for_s, 3) if shut else None,
        load=round(sum(sight.running for sight in seen) / room, 4) if room else 0.0,
        first_token_ms=_mean((sight.first_token_ms, _weight(sight, now)) for sight in seen),
        latency_ms=_mean((sight.latency_ms, _weight(sight, now)) for sight in seen),
    )


def _shut(opening: Opening | None, now: float) -> Shut | None:
    """What an opening means: one that never opened a breaker is a quiet that was asked for."""
    if opening is None:
        return None
    return Shut("breaker" if opening.level else "quiet", max(0.0, opening.until - now))


def _weight(sight: Sight, now: float) -> float:
    return sight.measured * float(2.0 ** (-max(0.0, now - sight.heard_at) / FRESH_S))


def _mean(measured: Iterable[tuple[float | None, float]]) -> float | None:
    known = [(value, weight) for value, weight in measured if value is not None and weight > 0]
    total = sum(weight for _, weight in known)
    return round(sum(value * weight for value, weight in known) / total, 3) if total > 0 else None


# ------------------------------------------------------------ on the wire


def packed(sights: Mapping[str, Sight], turn: int) -> bytes:
    """All that a worker sees, as it is shared; `turn` counts up, so that a worker that lives is seen to."""
    return orjson.dumps({"turn": turn, "targets": {name: astuple(sight) for name, sight in sights.items()}})


def unpacked(payload: bytes) -> dict[str, Sight]:
    """What another worker shared. What is no sight, such as one of a later version, is left out."""
    try:
        targets = orjson.loads(payload)["targets"]
        return {str(name): sight for name, row in targets.items() if (sight := _sight(row)) is not None}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _sight(row: Any) -> Sight | None:
    if not isinstance(row, list) or len(row) != len(Sight.__dataclass_fields__):
        return None
    for place, value in enumerate(row):
        may_lack = place in _MAY_LACK
        if not (may_lack if value is None else _is_number(value)):
            return None
    return Sight(*row)


_MAY_LACK: Final = frozenset({2, 3})
"""Places of the two times, which may not be measured."""


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
