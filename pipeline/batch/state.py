"""Which status a batch has next. Pure: a batch in, a batch out, and the same again where nothing is to change."""

from collections.abc import Sequence
from typing import Final

from pipeline.batch.model import Batch, BatchStatus, Counts, LineProblem
from pipeline.batch.prepare import Prepared
from pipeline.errors import InvalidRequest

__all__ = [
    "MAX_AGAIN",
    "again",
    "cancelling",
    "ended",
    "failed",
    "finalizing",
    "named",
    "prepared",
    "progressed",
    "waiting",
]

MAX_AGAIN: Final = 1000
"""Lines that one retry may name."""


def prepared(batch: Batch, found: Prepared, now: float) -> Batch:
    """Every line was read: it runs, or fails before anything runs."""
    if batch.status != "validating":
        return batch
    counts = Counts(total=found.total)
    problems = tuple(found.problems)
    seen = batch.model_copy(update={"counts": counts, "form": found.form, "errors": problems})
    if found.total == 0:
        nothing = LineProblem(line=0, code="invalid_request", message="the file has no lines: write one on each")
        return failed(seen, (nothing,), now)
    if found.invalid and (not batch.options.skip_invalid or found.invalid == found.total):
        return failed(seen, problems, now)
    return seen.model_copy(update={"status": "in_progress", "in_progress_at": now})


def failed(batch: Batch, problems: Sequence[LineProblem], now: float) -> Batch:
    """Nothing of it runs."""
    if batch.status != "validating":
        return batch
    return batch.model_copy(update={"status": "failed", "failed_at": now, "errors": tuple(problems)})


def progressed(batch: Batch, counts: Counts, money: tuple[float, int], rate: float) -> Batch:
    """How far it is now."""
    if batch.ended:
        return batch
    left = round(counts.open / rate, 1) if rate > 0 else None
    update = {"counts": counts, "cost_usd": money[0], "unpriced": money[1], "rate": round(rate, 2), "left_s": left}
    return batch.model_copy(update=update)


def waiting(batch: Batch, opened: int, lines: int, since: float | None) -> Batch:
    """How many of its pages were opened, how many of its lines wait for a batch of their provider, and since when."""
    if batch.ended:
        return batch
    return batch.model_copy(update={"opened": max(opened, batch.opened), "waiting": lines, "waiting_since": since})


def finalizing(batch: Batch, now: float) -> Batch:
    """Every line has ended."""
    if batch.status != "in_progress":
        return batch
    return batch.model_copy(update={"status": "finalizing", "finalizing_at": now})


def ended(batch: Batch, counts: Counts, money: tuple[float, int], now: float) -> Batch:
    """Nothing of it runs any more: it is complete, or it was cancelled, or its time is over."""
    if batch.ended:
        return batch
    status: BatchStatus = "completed"
    if batch.status == "cancelling":
        status, counts = "cancelled", counts.model_copy(update={"cancelled": counts.cancelled + counts.open})
    elif counts.open or counts.expired:
        status, counts = "expired", counts.model_copy(update={"expired": counts.expired + counts.open})
    done = waiting(progressed(batch, counts, money, 0.0), batch.opened, 0, None)
    return done.model_copy(update={"status": status, f"{status}_at": now, "left_s": None})


def cancelling(batch: Batch, now: float) -> Batch:
    """The caller takes it back. One that has ended stays as it is."""
    if batch.ended or batch.status == "cancelling":
        return batch
    return batch.model_copy(update={"status": "cancelling", "cancelling_at": now})


def named(lines: Sequence[int]) -> Sequence[int]:
    """The lines that a retry names.

    Raises:
        InvalidRequest: none, or too many.
    """
    if not 0 < len(set(lines)) <= MAX_AGAIN:
        raise InvalidRequest(f"lines: name 1 to {MAX_AGAIN} of them, or none for all that failed", param="lines")
    return sorted(set(lines))


def again(batch: Batch, lines: Sequence[int] | None, now: float) -> Batch:
    """Run lines again that have ended: those named, or all that were not answered.

    Raises:
        InvalidRequest: it still runs, it never began, or there is nothing to run again.
    """
    if not batch.ended:
        raise InvalidRequest(f"batch {batch.id} is {batch.status}: lines run again once it has ended", param="batch_id")
    if batch.in_progress_at is None:
        raise InvalidRequest(f"batch {batch.id} never began: mend its file and submit it", param="batch_id")
    counts = batch.counts
    if lines is None and counts.answered + counts.invalid == counts.total:
        raise InvalidRequest(f"every line of batch {batch.id} that can run was answered", param="batch_id")
    cleared = dict.fromkeys(("finalizing_at", "completed_at", "expired_at", "cancelling_at", "cancelled_at", "sizes"))
    return batch.model_copy(
        update={
            **cleared,
            "status": "in_progress",
            "round": batch.round + 1,
            "swept": 0,
            "opened": 0,
            "again": tuple(sorted(set(lines))) if lines is not None else None,
            "expires_at": now + batch.options.window_s,
        }
    )
