"""A request's way down, drawn as stairs. Pure: from an audit record to lines."""

from collections.abc import Iterator

from rich.text import Text

from pipeline.contracts import AttemptRecord, AuditRecord, ErrorBody, Step
from pipeline.topology import POSTPONED, calls_of

__all__ = ["because", "stairs"]

_TONES = {
    "accepted": "green",
    "hit": "green",
    "rejected": "yellow",
    "unsure": "yellow",
    "refused": "yellow",
    POSTPONED: "yellow",
    "failed": "red",
}


def stairs(record: AuditRecord) -> Iterator[Text]:
    """One line for each step, one stair lower than the one before, and the end."""
    calls = calls_of(record.trail, record.attempts)
    for depth, (step, made) in enumerate(zip(record.trail, calls, strict=True)):
        line = Text("  " * depth + ("└ " if depth else ""), style="dim")
        line.append(step.stage, style="bold cyan").append(f" {step.outcome}", style=_TONES.get(step.outcome, ""))
        line.append(f"  {step.duration_ms:.1f} ms", style="dim")
        told = (*_scores(step), *_wait(step), *map(_attempt, made), *step.reasons)
        line.append(f"  {'; '.join(told)}" if told else "")
        yield line
    yield _end(record)


def _scores(step: Step) -> Iterator[str]:
    confidence, threshold = step.facts.get("confidence"), step.facts.get("threshold")
    if isinstance(confidence, float):
        against = f" against {threshold:.2f}" if isinstance(threshold, float) else ""
        yield f"confidence {confidence:.2f}{against}"


def _wait(step: Step) -> Iterator[str]:
    if step.outcome == POSTPONED:
        times = step.facts.get("times")
        yield "waited once" if times == 1 else f"waited {times} times"


def _attempt(attempt: AttemptRecord) -> str:
    tokens = f"{attempt.usage.input_tokens} + {attempt.usage.output_tokens} tokens"
    ended = f": {attempt.error_code}" if attempt.error_code is not None else ""
    cost = f"{_money(attempt.cost_usd)}{' by estimate' if attempt.estimated else ''}"
    what = "" if attempt.made_for == "answer" else f"{attempt.made_for} by "
    return f"{what}{attempt.variant} ({attempt.model}), {tokens}, {attempt.latency_ms:.0f} ms, {cost}{ended}"


def _end(record: AuditRecord) -> Text:
    line = Text(record.status, style="bold")
    if record.served is not None:
        line.append(f" by {'the cache, first by ' if record.cache == 'hit' else ''}{record.served.variant}")
    if record.error is not None:
        line.append(f": {because(record.error)}")
    if record.degraded:
        line.append(f", degraded: {record.degraded}")
    took = (record.at - record.received_at) * 1000
    line.append(f", {took:.0f} ms, {_money(record.cost_usd)}, request {record.request_id}")
    return line.append(f", under revision {record.policy_revision}")


def because(error: ErrorBody) -> str:
    """The sentence of an error, with the rule that decided where the sentence does not name it."""
    named = error.rule is None or error.rule in error.message
    return error.message if named else f"{error.message} (rule {error.rule})"


def _money(dollars: float | None) -> str:
    return "price unknown" if dollars is None else f"${dollars:.6f}"
