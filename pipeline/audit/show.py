"""An audit record as a tree for people: the stairs the request took, and why."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import zip_longest

from rich.text import Text
from rich.tree import Tree

from pipeline.contracts import AttemptRecord, AuditRecord, ChainedRecord, RevealRecord, Step
from pipeline.topology import POSTPONED

__all__ = ["row", "tree"]

_COLOURS = {"answered": "green", "refused": "yellow", "failed": "red"}


def row(record: ChainedRecord, sequence: int) -> dict[str, object]:
    """One line about a record, for lists."""
    place: dict[str, object] = {"sequence": sequence, "at": record.at, "tenant": record.tenant}
    told = _reveal(record) if isinstance(record, RevealRecord) else _decision(record)
    return place | told | {"audit_id": f"{record.producer}.{record.n}"}


def _reveal(record: RevealRecord) -> dict[str, object]:
    return {
        "kind": record.kind,
        "status": record.outcome,
        "conversation": record.conversation,
        "token": record.token,
        "who": record.who,
        "why": record.why,
    }


def _decision(record: AuditRecord) -> dict[str, object]:
    return {
        "request": record.request_id,
        "status": record.status,
        "code": record.error.code if record.error else None,
        "served": record.served.variant if record.served else None,
        "cache": record.cache,
        "confidence": record.confidence,
        "cost_usd": record.cost_usd,
        "duration_ms": round((record.at - record.received_at) * 1000, 1),
    }


def tree(record: AuditRecord, sequence: int, others: Sequence[tuple[AuditRecord, int]] = ()) -> Tree:
    """The whole record. Texts are shown as they are, never read as markup.

    Args:
        record: the one that counts.
        sequence: its place in the log.
        others: further records of the same request with their places, a line for each.
    """
    root = Tree(_headline(record))
    for line in _about(record, sequence):
        root.add(_plain(line))
    _add_privacy(root, record)
    trail = root.add(Text("trail", style="bold"))
    for step, following in zip_longest(record.trail, record.trail[1:]):
        _add_step(trail, step, following)
    if record.attempts:
        paid = root.add(Text("model calls", style="bold"))
        for attempt in record.attempts:
            paid.add(_plain(_attempt(attempt)))
    if others:
        repeated = root.add(Text("other records of this request", style="bold"))
        for other, place in others:
            repeated.add(_plain(_repeat(other, place)))
    return root


def _repeat(record: AuditRecord, place: int) -> str:
    code = f" {record.error.code}" if record.error else ""
    took = (record.at - record.received_at) * 1000
    calls = f"{len(record.attempts)} model call{'' if len(record.attempts) == 1 else 's'}"
    told = f"{record.status}{code}, {took:.1f} ms, {calls}, {money(record.cost_usd)}"
    return f"record {record.producer}.{record.n} at place {place}: {told}"


def _headline(record: AuditRecord) -> Text:
    took = (record.at - record.received_at) * 1000
    line = Text.assemble((record.request_id, "bold"), "  ", (record.status, _COLOURS[record.status]))
    line.append(f"  {took:.1f} ms  {money(record.cost_usd)}")
    return line


def _about(record: AuditRecord, sequence: int) -> Iterator[str]:
    if record.error is not None:
        rule = f" (rule {record.error.rule})" if record.error.rule else ""
        yield f"because {record.error.code}{rule}: {record.error.message}"
    if record.served is not None:
        served = record.served
        place = f"tier {served.tier + 1} of {served.tiers} of route {served.route}"
        yield f"served by {served.variant} ({served.model} at {served.target}), {place}"
    if record.confidence is not None:
        bar = "no threshold" if record.threshold is None else f"threshold {record.threshold:.3g}"
        yield f"confidence {record.confidence:.3g}, {bar}"
    if record.explored is not None:
        yield f"escalated for a label, with probability {record.explored:.3g}: the draft would have stayed"
    if record.degraded:
        yield f"degraded: {record.degraded}"
    if record.remembered is not None:
        origin = record.remembered
        alike = f", similarity {origin.similarity:.3g}" if origin.similarity is not None else ""
        yield f"the answer of {origin.request_id} again ({origin.kind}{alike}), {origin.age_s:.0f} s old"
    yield f"cache {record.cache}, lane {record.lane}, tenant {record.tenant}"
    yield f"policy {record.policy_revision}, weights version {record.weights_version}{_chances(record.propensities)}"
    yield f"record {record.producer}.{record.n} at place {sequence} of the log"


def _chances(propensities: Mapping[str, float]) -> str:
    return "".join(f", {variant} with probability {chance:.3g}" for variant, chance in propensities.items())


def _add_privacy(root: Tree, record: AuditRecord) -> None:
    if record.data_class is None:
        return
    found = ", ".join(f"{finding.type} × {finding.count}" for finding in record.findings) or "nothing found"
    branch = root.add(_plain(f"data {record.data_class} (scan {record.scan}): {found}"))
    for decision in record.residency:
        if decision.action != "allow":
            because = decision.reason or decision.rule or "no rule allows it"
            branch.add(_plain(f"{decision.target}: {decision.action}, {because}"))
    for exclusion in record.excluded:
        branch.add(_plain(f"{exclusion.target} not eligible ({exclusion.condition}): {exclusion.reason}"))


def _add_step(trail: Tree, step: Step, following: Step | None) -> None:
    told, facts = f"{step.duration_ms:.2f} ms", dict(step.facts)
    if step.outcome == POSTPONED:
        told = _wait(step, following)
        facts.pop("until", None)
    branch = trail.add(Text.assemble((step.stage, "cyan"), " → ", (step.outcome, "bold"), f"  {told}"))
    for reason in step.reasons:
        branch.add(_plain(reason))
    line = "  ".join(f"{name}={_value(value)}" for name, value in facts.items())
    if line:
        branch.add(Text(line, style="dim"))


def _wait(step: Step, following: Step | None) -> str:
    """How long a request waited, which the step after it tells, and until when it might have."""
    waited = "waited" if following is None else f"waited {max(0.0, following.at - step.at):.1f} s"
    until = step.facts.get("until")
    if not isinstance(until, int | float):
        return waited
    return f"{waited}, at the latest until {datetime.fromtimestamp(until, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _value(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _attempt(attempt: AttemptRecord) -> str:
    usage = attempt.usage
    tokens = f"{usage.input_tokens} + {usage.output_tokens} tokens"
    end = attempt.error_code or attempt.finish_reason or "ended"
    paid = money(attempt.cost_usd) + (", replayed from the journal" if attempt.replayed else "")
    if attempt.provider_batch is not None:
        paid += f" by provider batch {attempt.provider_batch}"
    what = attempt.stage if attempt.made_for == "answer" else attempt.made_for
    who = f"{attempt.number}. {what}: {attempt.variant} ({attempt.model})"
    return f"{who}, {tokens}, {attempt.latency_ms:.0f} ms, {paid}, {end}"


def money(dollars: float | None) -> str:
    """A cost for people; an unknown price is said to be unknown."""
    return "cost unknown" if dollars is None else f"${dollars:.6f}"


def _plain(line: str) -> Text:
    return Text(line)
