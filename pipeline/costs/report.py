"""What requests cost, and what the stairs saved, from their records and the lines of the ledger. Pure.

All in US dollars at list price:

- cost: all attempts of all requests, also those that failed or were not served.
- served: the part of it that paid for the calls whose answers were served.
- overhead: cost without served: drafts that did not suffice, failed and abandoned calls, retries, second calls, judges,
  shadows.
- large: what the answered requests would have cost had the best variant of their route answered at once.
- gross savings: large without served. Net savings: large without cost; negative when the stairs cost more.

Savings compare like with like: requests whose cost or whose `large` is not known are left out of them and counted, and
what unanswered requests cost is subtracted.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Final, Literal, get_args

from pipeline.contracts import AttemptRecord, AuditRecord, LedgerEntry

__all__ = ["BY", "By", "Report", "Row"]

Sum = Literal["cost", "served", "large", "compared_cost", "compared_served", "estimated", "unrecorded"]
"""Amounts of money that are added up:

- cost: of all attempts, as far as it is known.
- served: of the attempts that answered.
- large: of the answered requests that can be compared, had the best variant answered at once.
- compared_cost: what those cost, and the unanswered ones.
- compared_served: of those, what the answers cost.
- estimated: the part of `cost` that nobody reported, and that is our own estimate.
- unrecorded: the part of `cost` that stands in the ledger and in no record: of requests under way.
"""
_PARTS: Final = 1_000_000_000_000
"""Sums are whole trillionths of a dollar, so that they agree however they are grouped."""
By = Literal["tenant", "route", "variant", "lane"]
BY: Final[tuple[By, ...]] = ("tenant", "route", "variant", "lane")
_NOBODY: Final = "-"


@dataclass
class Row:
    """The sums of one group, in US dollars where they are money.

    Attributes:
        requests: that ended.
        answered: of them.
        cached: answered from memory.
        escalated: that reached a deeper tier.
        attempts: calls of models, with retries and second calls beside slow ones.
        cost: of all attempts, as far as it is known.
        served: of the attempts that answered.
        large: of the answered requests that can be compared, had the best variant answered at once.
        compared_cost: what those cost, and the unanswered ones.
        compared_served: of those, what the answers cost.
        estimated: the part of `cost` that nobody reported, and that is our own estimate.
        unrecorded: the part of `cost` that stands in the ledger and in no record: of requests under way, and of calls
            that were lost with their worker.
        unknown: requests with an attempt whose cost nobody knows: their cost is not in these sums.
        incomparable: answered requests of known cost of which nobody knows what the best variant would have cost.
    """

    requests: int = 0
    answered: int = 0
    cached: int = 0
    escalated: int = 0
    attempts: int = 0
    unknown: int = 0
    incomparable: int = 0
    _sums: Counter[Sum] = field(default_factory=Counter, repr=False)

    def pay(self, usd: float, *sums: Sum) -> None:
        """Add US dollars to each of these sums."""
        amount = round(usd * _PARTS)
        for name in sums:
            self._sums[name] += amount

    @property
    def cost(self) -> float:
        """All attempts."""
        return self._sums["cost"] / _PARTS

    @property
    def served(self) -> float:
        """The attempts that answered."""
        return self._sums["served"] / _PARTS

    @property
    def large(self) -> float:
        """What the best variant would have cost."""
        return self._sums["large"] / _PARTS

    @property
    def compared_cost(self) -> float:
        """What the requests cost that are compared with `large`."""
        return self._sums["compared_cost"] / _PARTS

    @property
    def estimated(self) -> float:
        """The part that nobody reported."""
        return self._sums["estimated"] / _PARTS

    @property
    def unrecorded(self) -> float:
        """The part that stands in no record yet."""
        return self._sums["unrecorded"] / _PARTS

    @property
    def overhead(self) -> float:
        """What was paid beside the answers."""
        return (self._sums["cost"] - self._sums["served"]) / _PARTS

    @property
    def gross(self) -> float:
        """What the answers saved against the best variant."""
        return (self._sums["large"] - self._sums["compared_served"]) / _PARTS

    @property
    def net(self) -> float:
        """What is left of that after everything that was paid. May be negative, and is then shown so."""
        return (self._sums["large"] - self._sums["compared_cost"]) / _PARTS

    def add(self, other: "Row") -> None:
        """Add the sums of another group."""
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for each, amount in other._sums.items():
            self._sums[each] += amount

    def as_dict(self) -> dict[str, float | int]:
        """All sums and what follows from them."""
        counts: dict[str, float | int] = {name: getattr(self, name) for name in _COUNTS}
        sums = {name: self._sums[name] / _PARTS for name in get_args(Sum)}
        derived = {"overhead": self.overhead, "gross_savings": self.gross, "net_savings": self.net}
        return {**counts, **sums, **derived}


_COUNTS: Final = tuple(each.name for each in fields(Row) if each.name != "_sums")


@dataclass
class Report:
    """Takes records, and then lines, one by one. It remembers eight bytes of each request, and no more.

    A record may be written twice, and a request that was retried by hand has a second one with more attempts: each
    attempt counts once. A line counts where no record holds its attempt.
    """

    by: By = "tenant"
    rows: dict[str, Row] = field(default_factory=dict)
    _seen: dict[int, int] = field(default_factory=dict, repr=False)

    @property
    def total(self) -> Row:
        """The sums of all groups."""
        total = Row()
        for row in self.rows.values():
            total.add(row)
        return total

    def record(self, record: AuditRecord) -> None:
        """Count a request that ended."""
        key = _key(record.tenant, record.request_id)
        before = self._seen.get(key)
        if before is not None and before >= len(record.attempts):
            return
        self._seen[key] = len(record.attempts)
        row = self._row(_group_of(record, self.by))
        if before is None:
            _count(row, record)
        else:
            _count_more(row, record.attempts[before:])

    def line(self, entry: LedgerEntry) -> None:
        """Count what was paid and stands in no record."""
        if entry.kind != "settle" or _number(entry) <= self._seen.get(_key(entry.tenant, entry.request_id), 0):
            return
        row = self._row(str(getattr(entry, self.by)))
        row.attempts += 1
        if entry.usd is None:
            row.unknown += 1
            return
        row.pay(entry.usd, "cost", "unrecorded", "compared_cost")
        if entry.estimated:
            row.pay(entry.usd, "estimated")

    def _row(self, name: str) -> Row:
        return self.rows.setdefault(name, Row())

    def as_dict(self) -> dict[str, object]:
        """Groups, the dearest first, and the total."""
        ordered = sorted(self.rows.items(), key=lambda item: (-item[1].cost, item[0]))
        groups = [{self.by: name, **row.as_dict()} for name, row in ordered]
        return {"by": self.by, "groups": groups, "total": self.total.as_dict()}


def _count(row: Row, record: AuditRecord) -> None:
    answered = record.status == "answered"
    row.requests += 1
    row.answered += answered
    row.cached += record.cache == "hit"
    row.escalated += any(attempt.tier > 0 for attempt in record.attempts)
    row.attempts += _calls(record.attempts)
    if record.cost_usd is None:
        row.unknown += 1
        return
    served = _served(record) if answered else 0.0
    row.pay(record.cost_usd, "cost")
    row.pay(served, "served")
    row.pay(sum(attempt.cost_usd or 0.0 for attempt in record.attempts if attempt.estimated), "estimated")
    if answered and record.counterfactual_usd is None:
        row.incomparable += 1
        return
    row.pay(record.cost_usd, "compared_cost")
    row.pay(served, "compared_served")
    row.pay(record.counterfactual_usd or 0.0, "large")


def _count_more(row: Row, attempts: tuple[AttemptRecord, ...]) -> None:
    """Further attempts of a request that was counted already."""
    row.attempts += _calls(attempts)
    for attempt in attempts:
        if attempt.cost_usd is None:
            row.unknown += 1
            continue
        row.pay(attempt.cost_usd, "cost", "compared_cost")
        if attempt.estimated:
            row.pay(attempt.cost_usd, "estimated")


def _calls(attempts: Iterable[AttemptRecord]) -> int:
    return sum(attempt.calls for attempt in attempts)


def _served(record: AuditRecord) -> float:
    """What the answer cost that was served; nothing where it was remembered."""
    if record.served is None or record.cache == "hit":
        return 0.0
    variant = record.served.variant
    made = [attempt for attempt in record.answers if attempt.variant == variant and attempt.error_code is None]
    return max(0.0, (made[-1].cost_usd or 0.0) - (made[-1].lost_usd or 0.0)) if made else 0.0


def _group_of(record: AuditRecord, by: By) -> str:
    if by == "tenant":
        return record.tenant
    if by == "lane":
        return record.lane
    if by == "variant":
        return _variant(record)
    return _route(record)


def _variant(record: AuditRecord) -> str:
    """Who answered; of a request that nobody answered, who was asked last."""
    if record.served is not None:
        return record.served.variant
    return record.answers[-1].variant if record.answers else _NOBODY


def _route(record: AuditRecord) -> str:
    if record.served is not None:
        return record.served.route
    if record.snapshot is not None and record.snapshot.route is not None:
        return record.snapshot.route
    told: Mapping[str, object] = next((step.facts for step in record.trail if "route" in step.facts), {})
    return str(told.get("route", _NOBODY))


def _key(tenant: str, request: str) -> int:
    return int.from_bytes(hashlib.blake2b(f"{tenant}.{request}".encode(), digest_size=8).digest(), "big")


_IN_NO_RECORD: Final = 1_000_000


def _number(entry: LedgerEntry) -> int:
    """The number of the attempt in its request, from `<stage>-<number>` or `<stage>-<number>-hedge`.

    A call that was lost with its worker (`<stage>-<number>-lost-<delivery>`) stands in no record.
    """
    step = entry.attempt.rpartition(".")[2]
    if "-lost-" in step:
        return _IN_NO_RECORD
    number = next((part for part in step.split("-")[1:] if part.isdigit()), "")
    return int(number) if number else _IN_NO_RECORD
