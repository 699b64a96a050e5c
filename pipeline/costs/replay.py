"""What would change under another policy, over many recorded requests: counted in bounded memory. Pure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pipeline.contracts import AuditRecord
from pipeline.costs.again import Again, NotReplayable, Planned, Planner, again
from pipeline.policy import Policy

__all__ = ["ASSUMPTIONS", "Replay"]

ASSUMPTIONS: Final = (
    "an answer that was judged is judged again by its recorded confidence and schema state, against the new threshold, "
    "max_escalations and on_exhausted; a calibrator is the one of that time",
    "a variant that was not asked then suffices, unless the one that answered stands below it: that one answers again",
    "where no confidence was recorded, or a new variant stands in the place of another, a request descends as far as "
    "it did (escalations: not judged)",
    "where a budget, a cap or the deadline kept a request from escalating, it would again",
    "a new variant uses as many tokens as the one in its place did, or as the last call where there was none",
    "an answer that was remembered is remembered again",
    "what a request would have cost that was refused is not known",
    "health, load, weights and budgets are as they were recorded; a target that was not looked at is well",
    "signals are as they were recorded: user tiers, difficulty and kept metadata are those of the policy of that time; "
    "the class of the data is judged anew",
)
_MOST: Final = 1000
"""Tenants, routes or moves that are counted apart; the others are counted together."""
_OTHERS: Final = "(others)"


@dataclass(slots=True)
class _Group:
    """The counts of a route or a tenant, or of all."""

    requests: int = 0
    moved: int = 0
    refused_before: int = 0
    refused_after: int = 0
    compared: int = 0
    before_usd: float = 0.0
    after_usd: float = 0.0
    unknown: int = 0
    more: int = 0
    less: int = 0

    def add(self, one: Again) -> None:
        self.requests += 1
        self.moved += one.moved
        self.refused_before += one.before.refused is not None
        self.refused_after += one.after.refused is not None
        if one.before.refused is None and one.after.refused is None:
            self.more += one.goes.steps > one.went.steps
            self.less += one.goes.steps < one.went.steps
        if one.cost_before is None or one.cost_after is None:
            self.unknown += 1
        else:
            self.compared += 1
            self.before_usd += one.cost_before
            self.after_usd += one.cost_after

    def row(self, **named: str) -> dict[str, Any]:
        return {
            **named,
            "requests": self.requests,
            "moved": self.moved,
            "refused_before": self.refused_before,
            "refused_after": self.refused_after,
            "escalate_more": self.more,
            "escalate_less": self.less,
            "before_usd": round(self.before_usd, 9),
            "after_usd": round(self.after_usd, 9),
            "difference_usd": round(self.after_usd - self.before_usd, 9),
            "cost_unknown": self.unknown,
        }


@dataclass(slots=True)
class Replay:
    """Requests planned again under `policy`, counted one by one."""

    policy: Policy
    planner: Planner
    records: int = 0
    not_replayable: Counter[str] = field(default_factory=Counter)
    skipped_before: int = 0
    skipped_after: int = 0
    not_judged: int = 0
    unsure_before: int = 0
    unsure_after: int = 0
    _all: _Group = field(default_factory=_Group)
    _by_route: dict[str, _Group] = field(default_factory=dict)
    _by_tenant: dict[str, _Group] = field(default_factory=dict)
    _routes: Counter[tuple[str, str]] = field(default_factory=Counter)
    _variants: Counter[tuple[str, str]] = field(default_factory=Counter)
    _residency: Counter[tuple[str, ...]] = field(default_factory=Counter)

    def add(self, record: AuditRecord) -> Again | None:
        """Plan one request again and count it; None where its record does not hold what planning saw."""
        self.records += 1
        try:
            one = again(record, self.policy, self.planner)
        except NotReplayable as error:
            self.not_replayable[str(error)] += 1
            return None
        self._all.add(one)
        _group(self._by_route, one.before.route or "(none)").add(one)
        _group(self._by_tenant, one.tenant).add(one)
        self.skipped_before += one.before.skipped is not None
        self.skipped_after += one.after.skipped is not None
        self.not_judged += not one.goes.judged
        self.unsure_before += one.went.fails
        self.unsure_after += one.goes.fails
        if one.moved:
            self._count_move(one)
        for change in one.residency:
            _count(self._residency, (change.target, change.before, change.after, change.rule or "", change.effect))
        return one

    def report(self) -> dict[str, Any]:
        """All counts, as JSON values."""
        total = self._all
        return {
            "against": self.policy.revision,
            "records": self.records,
            "replayed": total.requests,
            "not_replayable": dict(self.not_replayable.most_common()),
            "moved": total.moved,
            "moved_share": total.moved / total.requests if total.requests else None,
            "routes": _moves(self._routes),
            "variants": _moves(self._variants),
            "refused": {"before": total.refused_before, "after": total.refused_after},
            "drafts_skipped": {"before": self.skipped_before, "after": self.skipped_after},
            "escalations": {"more": total.more, "less": total.less, "not_judged": self.not_judged},
            "failed_as_unsure": {"before": self.unsure_before, "after": self.unsure_after},
            "cost": {
                "before_usd": round(total.before_usd, 9),
                "after_usd": round(total.after_usd, 9),
                "difference_usd": round(total.after_usd - total.before_usd, 9),
                "compared": total.compared,
                "unknown": total.unknown,
            },
            "residency": [
                dict(zip(("target", "before", "after", "rule", "effect"), key, strict=True)) | {"requests": count}
                for key, count in self._residency.most_common()
            ],
            "by_route": _table("route", self._by_route),
            "by_tenant": _table("tenant", self._by_tenant),
            "assumptions": [*ASSUMPTIONS],
        }

    def _count_move(self, one: Again) -> None:
        route = _route(one.before), _route(one.after)
        if route[0] != route[1]:
            _count(self._routes, route)
        stairs = _stairs(one.before), _stairs(one.after)
        if stairs[0] != stairs[1]:
            _count(self._variants, stairs)


def _route(planned: Planned) -> str:
    return planned.route or f"refused ({planned.refused})"


def _stairs(planned: Planned) -> str:
    return f"refused ({planned.refused})" if planned.refused is not None else " > ".join(planned.stairs)


def _group(groups: dict[str, _Group], name: str) -> _Group:
    if name not in groups and len(groups) >= _MOST:
        name = _OTHERS
    return groups.setdefault(name, _Group())


def _count(counter: "Counter[Any]", key: tuple[str, ...]) -> None:
    """Count a move; when there are too many kinds of them, together with others."""
    if key not in counter and len(counter) >= _MOST:
        key = (_OTHERS,) * len(key)
    counter[key] += 1


def _moves(counter: "Counter[tuple[str, str]]") -> list[dict[str, Any]]:
    return [{"from": before, "to": after, "requests": count} for (before, after), count in counter.most_common()]


def _table(what: str, groups: Mapping[str, _Group]) -> list[dict[str, Any]]:
    """The groups with the most requests first."""
    ordered = sorted(groups.items(), key=lambda item: (-item[1].requests, item[0]))
    return [group.row(**{what: name}) for name, group in ordered]
