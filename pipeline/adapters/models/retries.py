"""How often and when a failed call is tried again."""

from email.utils import parsedate_to_datetime
from typing import Final

from pipeline.errors import TargetOverloaded, TargetTimeout, TargetUnavailable
from pipeline.policy.models import Retry

__all__ = ["RETRYABLE", "RetryBudget", "pause_s", "retry_after_s"]

RETRYABLE: Final = (TargetUnavailable, TargetTimeout, TargetOverloaded)
_SAVED: Final = 10.0
_LONGEST_S: Final = 3600.0


class RetryBudget:
    """Keeps retries a small share of the calls: each call earns that share of a token, each retry costs one.

    It starts full with ten, so that a quiet worker can retry at all.
    """

    def __init__(self) -> None:
        self._tokens = _SAVED

    def earn(self, share: float) -> None:
        """A call was made."""
        self._tokens = min(_SAVED, self._tokens + share)

    def spend(self) -> bool:
        """Take a token for a retry; False: there is none."""
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


def pause_s(error: Exception, tries: int, rules: Retry, draw: float) -> float | None:
    """Seconds until the next try after `tries` tries; None: not again.

    Exponential with full jitter. A Retry-After is honoured, and one longer than `rules.cap` is not waited for: another
    tier will be faster.
    """
    if tries >= rules.tries or not isinstance(error, RETRYABLE):
        return None
    backoff = draw * min(rules.cap, rules.base * 2.0 ** (tries - 1))
    if error.retry_after_s is None:
        return backoff
    return error.retry_after_s + draw * rules.base if error.retry_after_s <= rules.cap else None


def retry_after_s(header: str | None, now: float) -> float | None:
    """Read a Retry-After header: seconds or a date. None: there is none that makes sense. `now` in Unix seconds.

    An endpoint may ask for an hour at most; one that asks for more is asked again after that.
    """
    if not header:
        return None
    try:
        seconds = float(header) if header.strip().isdigit() else _until(header, now)
    except (ValueError, OverflowError):
        return None
    return min(max(0.0, seconds), _LONGEST_S)


def _until(date: str, now: float) -> float:
    return parsedate_to_datetime(date).timestamp() - now
