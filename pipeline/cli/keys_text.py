"""Keys in words, and times as people write them."""

import re
from datetime import UTC, datetime
from typing import Any, Final

from pipeline.cli.show import Misused
from pipeline.keys import LANES, SCOPES, KeyLimits, KeyRecord

__all__ = ["duration_of", "moment_of", "row_of"]

_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_DURATION: Final = re.compile(r"(\d{1,6})([smhdw])")


def duration_of(text: str, option: str) -> float:
    """Seconds of `30m`, `24h`, `90d`."""
    found = _DURATION.fullmatch(text.strip().lower())
    if found is None:
        raise Misused(f"{option} {text}: write a time as 30m, 24h or 90d")
    return int(found[1]) * _UNITS[found[2]]


def moment_of(text: str, now: float, option: str) -> float:
    """When `90d` from now is, or a day (UTC, from its beginning) or a moment by ISO 8601. It lies ahead."""
    if _DURATION.fullmatch(text.strip().lower()):
        return now + duration_of(text, option)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Misused(f"{option} {text}: write when as 90d, 12h, or 2027-01-31") from None
    at = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if at <= now:
        raise Misused(f"{option} {text}: that is over already")
    return at


def row_of(record: KeyRecord, used: float | None, now: float, *, for_people: bool) -> dict[str, Any]:
    """A key without its digests, as a row."""
    if not for_people:
        told = record.model_dump(exclude={"secrets"})
        ages = [{"made_at": secret.made_at, "until": secret.until} for secret in record.secrets]
        return {**told, "state": record.standing(now), "last_used_at": used, "secrets": ages}
    return {
        "id": record.id,
        "name": record.name,
        "tenants": ", ".join(record.tenants),
        "scopes": "all" if set(record.scopes) == set(SCOPES) else ", ".join(record.scopes),
        "routes": "all" if record.routes is None else ", ".join(record.routes),
        "lanes": "both" if set(record.lanes) == set(LANES) else ", ".join(record.lanes),
        "limits": _limits(record.limits),
        "made": _when(record.created_at),
        "expires": _when(record.expires_at) or "never",
        "last used": _when(used),
        "secrets": "; ".join(
            f"of {_when(secret.made_at)}" + (f", until {_when(secret.until)}" if secret.until else "")
            for secret in record.secrets
        ),
        "state": record.standing(now),
    }


def _limits(limits: KeyLimits) -> str:
    parts = (
        (limits.requests_per_minute, "requests/min"),
        (limits.tokens_per_minute, "tokens/min"),
        (limits.concurrent, "at a time"),
    )
    return ", ".join(f"{number} {what}" for number, what in parts if number is not None) or "none"


def _when(at: float | None) -> str:
    return "" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")
