"""What a run showed, computed from its replies and records. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from pipeline.contracts import AuditRecord
from pipeline.embedded.demo.run import Served

__all__ = ["Alone", "Kept", "Summary", "summarise", "who"]


@dataclass(frozen=True, slots=True)
class Alone:
    """How a way of answering did on the gradable requests. Cost is None when one price is unknown."""

    asked: int
    right: int
    seconds: float
    cost_usd: float | None

    @property
    def accuracy(self) -> float | None:
        """Share of right answers."""
        return self.right / self.asked if self.asked else None


@dataclass(frozen=True, slots=True)
class Kept:
    """A request that policy refused, or allowed to stay on this machine alone; by which rule, and why."""

    number: int
    decision: Literal["refused", "kept local"]
    rule: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Summary:
    """The end of a demonstration. `served` counts who answered: cache, a variant, refused, failed or nobody."""

    models: str
    requests: int
    served: Mapping[str, int]
    cascade: Alone
    small_only: Alone
    large_only: Alone
    ended_as_expected: int
    ending_known: int
    kept: tuple[Kept, ...]
    audit: Mapping[str, object]

    @property
    def ok(self) -> bool:
        """Every request has a reply, and the log verifies."""
        return not self.served.get("no reply") and self.audit.get("ok") is True

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {"ok": self.ok, **asdict(self)}


def summarise(
    models: str,
    served: Sequence[Served],
    small: Sequence[Served],
    large: Sequence[Served],
    records: Mapping[int, AuditRecord],
    audit: Mapping[str, object],
) -> Summary:
    """Count."""
    endings = [item for item in served if item.case.expected is not None and not item.gradable]
    return Summary(
        models=models,
        requests=len(served),
        served=dict(Counter(who(item) for item in served).most_common()),
        cascade=_alone([item for item in served if item.gradable]),
        small_only=_alone(small),
        large_only=_alone(large),
        ended_as_expected=sum(item.right is True for item in endings),
        ending_known=len(endings),
        kept=tuple(kept for item in served for kept in _kept(item, records.get(item.number))),
        audit=audit,
    )


def who(item: Served) -> str:
    """Who answered, in one word or two."""
    if item.reply is None:
        return "no reply"
    if item.reply.status != "answered" or item.reply.served is None:
        return item.reply.status
    return "cache" if item.reply.cache == "hit" else item.reply.served.variant


def _alone(items: Sequence[Served]) -> Alone:
    costs = [item.reply.cost_usd for item in items if item.reply is not None]
    known = [cost for cost in costs if cost is not None]
    return Alone(
        asked=len(items),
        right=sum(item.right is True for item in items),
        seconds=sum(item.seconds for item in items),
        cost_usd=sum(known) if len(known) == len(costs) else None,
    )


def _kept(item: Served, record: AuditRecord | None) -> tuple[Kept, ...]:
    """The refusal, or the rules that closed a target to a request which was answered elsewhere."""
    closed = _closing_rules(record)
    if item.reply is not None and item.reply.status == "refused" and item.reply.error is not None:
        rule = item.reply.error.rule
        return (Kept(item.number, "refused", rule, dict(closed).get(rule) or item.reply.error.message),)
    if record is None or record.status != "answered":
        return ()
    return tuple(Kept(item.number, "kept local", rule, reason) for rule, reason in closed)


def _closing_rules(record: AuditRecord | None) -> list[tuple[str | None, str]]:
    """The rules that closed a target, each with its reason."""
    residency = record.residency if record is not None else ()
    return sorted({(entry.rule, entry.reason or "") for entry in residency if entry.action != "allow"}, key=str)
