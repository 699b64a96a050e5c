"""Judged drafts out of what was recorded: decisions keep the signals, outcomes say how good the answers were.

A draft that went on to a deeper tier is right where the answer of that tier says the same, unless an outcome says that
this answer was wrong. Drafts that stayed are judged by the share of them that was escalated all the same, with its
propensity; only where nothing is explored, by outcomes, as if these fell on kept answers at random.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import exp
from typing import Final

from pipeline.calibrate.labels import Label
from pipeline.contracts import AuditRecord, OutcomeEvent
from pipeline.errors import InvalidRequest

__all__ = ["labels_of"]

_AGREES: Final = "agrees_with_next"
_GOOD: Final = 0.5
_NOT_SIGNALS: Final = frozenset({_AGREES})


def labels_of(
    records: Iterable[AuditRecord], outcomes: Iterable[OutcomeEvent], route: str | None = None
) -> list[Label]:
    """The labels of a route, or of all.

    Raises:
        InvalidRequest: drafts stayed and none of them was judged, so that nobody can say how often that was wrong.
    """
    rewards: dict[tuple[str, str], list[float]] = defaultdict(list)
    for outcome in outcomes:
        rewards[outcome.tenant, outcome.request_id].append(outcome.reward)
    escalated: list[Label] = []
    explored: list[Label] = []
    judged: list[Label] = []
    stayed = 0
    for record in records:
        if not _drafted(record) or (route is not None and _route(record) != route):
            continue
        reward = _mean(rewards.get((record.tenant, record.request_id)))
        if record.served is not None and record.served.tier > 0:
            label = _beside_next(record, reward)
            if label is not None:
                (escalated if record.explored is None else explored).append(label)
            continue
        stayed += 1
        if reward is not None:
            judged.append(_label(record, record.signals, right=reward >= _GOOD))
    return _together(escalated, explored, judged, stayed)


def _together(escalated: list[Label], explored: list[Label], judged: list[Label], stayed: int) -> list[Label]:
    if explored or not stayed:
        return escalated + explored
    if not judged:
        raise InvalidRequest(
            f"{stayed} drafts stayed and none of them was judged: set accept.explore, or send outcomes "
            "(`stepwell outcome`), and calibrate when there are some"
        )
    return escalated + [replace(label, propensity=len(judged) / stayed) for label in judged]


def _drafted(record: AuditRecord) -> bool:
    """Whether a draft was made that was meant as one."""
    if record.status != "answered" or record.cache == "hit" or record.degraded or record.skipped:
        return False
    several = len(record.chose) != 1
    return several and record.served is not None and any(attempt.tier == 0 for attempt in record.answers)


def _beside_next(record: AuditRecord, reward: float | None) -> Label | None:
    """The draft of a request that went on; None: nobody can say whether it was right."""
    agrees = record.drafted.get(_AGREES)
    if agrees is None:
        return None
    same, large = agrees >= _GOOD, None if reward is None else reward >= _GOOD
    if large is False and not same:
        return None
    return _label(record, record.drafted, right=same and large is not False, large=large)


def _label(
    record: AuditRecord, signals: Mapping[str, float | None], *, right: bool, large: bool | None = None
) -> Label:
    mean = signals.get("logprob_mean")
    return Label(
        key=record.request_id,
        right=right,
        confidence=None if mean is None else min(1.0, exp(mean)),
        signals={name: value for name, value in signals.items() if name not in _NOT_SIGNALS},
        task=record.signals_seen.task if record.signals_seen is not None else None,
        tenant=record.tenant,
        at=record.received_at,
        large_right=large,
        propensity=record.explored or 1.0,
    )


def _route(record: AuditRecord) -> object:
    return next((step.facts.get("route") for step in record.trail if step.stage == "plan"), None)


def _mean(values: list[float] | None) -> float | None:
    return sum(values) / len(values) if values else None
