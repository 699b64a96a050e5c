"""The windows of budgets: fixed, of the calendar, in UTC. Pure."""

from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from pipeline.policy.models import Window

__all__ = ["Frame", "frame_at", "frame_named"]

_SECONDS: Final = {"minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}
_MONDAY: Final = -259_200
"""Seconds of a Monday, 00:00 UTC: the epoch was a Thursday."""


class Frame(NamedTuple):
    """One window of time, `begins` included, `ends` not. `ends` None: never."""

    per: Window
    begins: int
    ends: int | None

    @property
    def name(self) -> str:
        """Its name in lines and counters, such as `day:1764115200`."""
        return f"{self.per}:{self.begins}"

    def open_at(self, now: float) -> bool:
        """Whether it has not ended yet."""
        return self.ends is None or now < self.ends


def frame_at(per: Window, at: float) -> Frame:
    """The window of this length that holds the time `at`."""
    if per == "total":
        return Frame(per, 0, None)
    if per == "month":
        return _month(at)
    length = _SECONDS[per]
    origin = _MONDAY if per == "week" else 0
    begins = origin + int((at - origin) // length) * length
    return Frame(per, begins, begins + length)


def frame_named(name: str) -> Frame | None:
    """The window of this name; None: nothing has such a name."""
    per, _, begins = name.partition(":")
    try:
        found = frame_at(per, int(begins))  # type: ignore[arg-type]  # another word ends in the KeyError below
    except (KeyError, ValueError, OverflowError):
        return None
    return found if found.name == name else None


def _month(at: float) -> Frame:
    first = datetime.fromtimestamp(at, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    following = (first + timedelta(days=32)).replace(day=1)
    return Frame("month", int(first.timestamp()), int(following.timestamp()))
