"""What the verbs of `stepwell batch` show: sentences, tables, a bar."""

from datetime import UTC, datetime
from typing import Any, Final

from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

from pipeline.batch import Batch
from pipeline.batch.feed import waits_until
from pipeline.batch.lines import Survey
from pipeline.cli.show import beside

__all__ = ["bar", "document", "listed", "problems", "report", "sentence", "show"]


SHOWN: Final = 20
"""Problems that are printed. `--json` gives more of them."""


class _Rate(ProgressColumn):
    """Lines a second."""

    def render(self, task: Task) -> Text:
        """What stands in the column."""
        rate = task.fields.get("rate") or task.speed or 0.0
        return Text(f"{rate:.1f}/s" if rate else "")


class _Left(ProgressColumn):
    """Time left."""

    def render(self, task: Task) -> Text:
        """What stands in the column."""
        left = task.fields.get("left_s")
        return Text("" if left is None else f"{int(left) // 3600}:{int(left) % 3600 // 60:02}:{int(left) % 60:02} left")


_COLUMNS: Final = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeElapsedColumn())
_ENDS: Final = (_Left(), TextColumn("{task.fields[failed]} failed, {task.fields[cost]}"))


def bar(*, quiet: bool, ends: bool = True) -> Progress:
    """A bar on standard error; with `ends`, also failures, cost and the time left."""
    return Progress(*_COLUMNS, *(_ENDS if ends else ()), console=beside, disable=quiet)


def fields(batch: Batch) -> dict[str, Any]:
    """What the bar shows of a batch."""
    counts = batch.counts
    return {
        "description": f"{batch.id} {batch.status}",
        "total": counts.total or None,
        "completed": counts.ended,
        "failed": counts.ended - counts.answered,
        "cost": cost(batch),
        "rate": batch.rate,
        "left_s": batch.left_s,
    }


def document(batch: Batch, now: float) -> dict[str, Any]:
    """A batch for programs."""
    shown = batch.model_dump(mode="json", exclude={"digest", "again", "sizes", "opened"}, exclude_none=True)
    until = waits_until(batch, now)
    waits = {} if until is None else {"waits_until": _moment(until)}
    return shown | {"open": batch.counts.open, "request_counts": batch.request_counts} | waits


def sentence(batch: Batch, now: float) -> str:
    """How far it is, and until when it waits where nothing is handed in since it is not the time."""
    until = waits_until(batch, now)
    return _stands(batch) + _at_provider(batch) + ("" if until is None else f", waits until {_moment(until)}")


def _at_provider(batch: Batch) -> str:
    if batch.ended or not batch.waiting or batch.waiting_since is None:
        return ""
    return f", {batch.waiting} wait for a batch of their provider (since {_moment(batch.waiting_since)})"


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="minutes")


def _stands(batch: Batch) -> str:
    counts = batch.counts
    if batch.status == "validating":
        return f"{batch.id}: validating, every line is read before any runs"
    if batch.status == "failed":
        why = batch.errors[0] if batch.errors else None
        where = f"line {why.line}: " if why and why.line else ""
        return f"{batch.id}: failed, nothing ran: {where}{why.message if why else 'see its errors'}"
    words = [f"{counts.answered} answered"]
    for name in ("refused", "failed", "invalid", "expired", "cancelled"):
        number = getattr(counts, name)
        words += [f"{number} {name}"] if number or name in ("refused", "failed") else []
    shared = f" ({counts.shared} share the answer of another)" if counts.shared else ""
    return f"{batch.id}: {batch.status}, {', '.join(words)} of {counts.total}{shared}, {cost(batch)}"


def cost(batch: Batch) -> str:
    """What it cost so far."""
    known = f"${batch.cost_usd:.4f}"
    return f"{known} and {batch.unpriced} of unknown cost" if batch.unpriced else known


def problems(found: Survey) -> None:
    """Say what is wrong with which line."""
    for entry in found.problems[:SHOWN]:
        if entry.problem is not None:
            beside.print(f"line {entry.number}: {entry.problem.message}", highlight=False, markup=False, soft_wrap=True)
    hidden = found.invalid - min(len(found.problems), SHOWN)
    if hidden > 0:
        beside.print(f"and {hidden} more", highlight=False)


def report(found: Survey) -> dict[str, Any]:
    """What a look at a file found, for programs."""
    bad = [{"line": e.number, **e.problem.model_dump(exclude_none=True)} for e in found.problems if e.problem]
    counts = {"total": found.total, "invalid": found.invalid, "repeated": found.repeated}
    return {"form": found.form, **counts, "problems": bad}


def listed(batch: Batch) -> dict[str, Any]:
    """A row of the table."""
    created = datetime.fromtimestamp(batch.created, UTC).isoformat(timespec="seconds")
    counts = batch.counts
    share = f"{counts.ended}/{counts.total}" if counts.total else ""
    return {
        "id": batch.id,
        "tenant": batch.tenant,
        "source": batch.source,
        "status": batch.status,
        "ended": share,
        "failed": counts.ended - counts.answered,
        "total": counts.total,
        "cost_usd": round(batch.cost_usd, 6),
        "created": created,
    }


def show(progress: Progress, task: Any, batch: Batch) -> None:
    """Bring the bar to where the batch is."""
    progress.update(task, **fields(batch))
