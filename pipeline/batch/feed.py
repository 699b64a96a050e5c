"""Which batch hands in the next line, and when it may. Pure: values in and out."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from pipeline.batch.model import Batch, Hours, Options
from pipeline.errors import InvalidRequest

__all__ = ["Turns", "is_open", "opens", "places", "refuse_never", "waits_until"]


DAYS: Final = 4
"""Days that are looked at for hours to begin; in the night of a change of clocks they may be left out once."""


def is_open(options: Options, now: float) -> bool:
    """Whether lines may be handed in at this moment."""
    if options.not_before is not None and now < options.not_before:
        return False
    return options.hours is None or _within(options.hours, now)


def _within(hours: Hours, now: float) -> bool:
    """By the clock on the wall there, so that a change to summer time changes nothing."""
    local = datetime.fromtimestamp(now, UTC).astimezone(ZoneInfo(hours.timezone))
    moment = f"{local.hour:02}:{local.minute:02}"
    if hours.start <= hours.end:
        return hours.start <= moment < hours.end
    return moment >= hours.start or moment < hours.end


def opens(options: Options, now: float) -> float | None:
    """When lines may be handed in from `now` on; None: never."""
    begin = max(now, options.not_before or now)
    hours = options.hours
    if hours is None or _within(hours, begin):
        return begin
    zone = ZoneInfo(hours.timezone)
    today = datetime.fromtimestamp(begin, UTC).astimezone(zone).date()
    for days in range(DAYS):
        start = datetime.combine(today + timedelta(days=days), time.fromisoformat(hours.start), zone).timestamp()
        if start > begin and _within(hours, start):
            return start
    return None


def refuse_never(options: Options, now: float) -> None:
    """Let pass what may begin before its completion window ends.

    Raises:
        InvalidRequest: no line could ever be handed in.
    """
    hours = options.hours
    if hours is None:
        return
    named = f"hours {hours.start}-{hours.end} {hours.timezone}"
    if hours.start == hours.end:
        raise InvalidRequest(f"{named}: begin and end are the same, so no line would ever run", param="hours")
    first = opens(options, now)
    if first is None or first >= max(now, options.not_before or now) + options.window_s:
        raise InvalidRequest(
            f"{named}: they do not begin within the completion window of {options.window_s / 3600:g} h: "
            "give a longer one, or other hours",
            param="hours",
        )


def waits_until(batch: Batch, now: float) -> float | None:
    """When lines are handed in again, where none are now since it is not the time; None: nothing waits for that."""
    if batch.status not in ("validating", "in_progress") or is_open(batch.options, now):
        return None
    return opens(batch.options, now)


def places(tenants: Sequence[str], weights: Mapping[str, float], limit: int) -> dict[str, int]:
    """How many lines of each tenant may be on their way: `limit` shared out by weight, and at least one for each.

    So the lines of one that wait long, for instance for a budget, take nobody else's place.
    """
    whole = sum(_weight(weights, tenant) for tenant in tenants)
    return {tenant: max(1, int(limit * _weight(weights, tenant) / whole)) for tenant in tenants}


def _weight(weights: Mapping[str, float], tenant: str) -> float:
    return max(weights.get(tenant, 1.0), 1e-3)


class Turns:
    """Weighted turns: tenants by their weights (stride scheduling), the batches of one tenant one after the other.

    Who comes anew begins where the others stand: he neither catches up for the time before nor waits for it.
    """

    def __init__(self) -> None:
        self._strides: dict[str, float] = {}
        self._now = 0.0
        self._served: dict[str, int] = {}
        self._count = 0

    def next(
        self, offers: Mapping[str, Sequence[str]], flying: Mapping[str, int], weights: Mapping[str, float], limit: int
    ) -> tuple[str, str] | None:
        """The tenant and the batch whose turn it is.

        Args:
            offers: tenant -> batches that have a line to give now.
            flying: tenant -> lines on their way.
            weights: tenant -> weight; 1 where there is none.
            limit: lines on their way at most, over all.
        """
        present = [tenant for tenant, batches in offers.items() if batches]
        room = places(present, weights, limit) if present else {}
        able = [tenant for tenant in present if flying.get(tenant, 0) < room[tenant]]
        if not able:
            return None
        passes = {name: max(self._strides.get(name, 0.0), self._now) for name in able}
        tenant = min(able, key=lambda name: (passes[name], name))
        self._now = passes[tenant]
        self._strides[tenant] = self._now + 1.0 / _weight(weights, tenant)
        batch = min(offers[tenant], key=lambda name: (self._served.get(f"{tenant}.{name}", 0), name))
        self._count += 1
        self._served[f"{tenant}.{batch}"] = self._count
        return tenant, batch

    def forget(self, tenant: str, batch: str, *, last: bool) -> None:
        """A batch that has ended; `last` of its tenant."""
        self._served.pop(f"{tenant}.{batch}", None)
        if last:
            self._strides.pop(tenant, None)
