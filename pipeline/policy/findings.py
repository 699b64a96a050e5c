"""What a scan found, as the policy counts it: which findings reach their threshold, and which class they make. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from pipeline.contracts import DataClass, Finding, Mark
from pipeline.policy.compiled import Policy
from pipeline.policy.kinds import OPAQUE
from pipeline.policy.models import ResidencyFile

__all__ = ["class_and_special", "counted", "marked", "threshold"]

_ORDER: Final[tuple[DataClass, ...]] = ("public", "internal", "confidential", "restricted")
_DEFAULT_THRESHOLD: Final = 0.5


def threshold(kind: str, residency: ResidencyFile) -> float:
    """The score from which a finding of this type counts."""
    thresholds = residency.thresholds
    return thresholds.get(kind, thresholds.get("default", _DEFAULT_THRESHOLD))


def counted(findings: Iterable[Finding], opaque: int, residency: ResidencyFile) -> tuple[Finding, ...]:
    """The findings that reach the threshold of their type, added up by type, with their highest score."""
    kept: dict[str, Finding] = {}
    for finding in findings:
        if finding.score is None or finding.score >= threshold(finding.type, residency):
            known = kept.get(finding.type)
            kept[finding.type] = finding if known is None else _sum(known, finding)
    if opaque:
        unseen = Finding(type=OPAQUE, count=opaque)
        kept[OPAQUE] = _sum(kept[OPAQUE], unseen) if OPAQUE in kept else unseen
    return tuple(kept[kind] for kind in sorted(kept))


def _sum(one: Finding, other: Finding) -> Finding:
    scores = [finding.score for finding in (one, other) if finding.score is not None]
    return Finding(type=one.type, count=one.count + other.count, score=max(scores, default=None))


def marked(findings: Iterable[Finding], marks: Sequence[Mark], residency: ResidencyFile) -> tuple[Mark, ...] | None:
    """Where the findings that count stand; None when the scan does not say it of every one."""
    missing = Counter[str]()
    for finding in findings:
        missing[finding.type] += finding.count
    missing.subtract(mark.type for mark in marks)
    if any(count > 0 for kind, count in missing.items() if kind != OPAQUE):
        return None
    return tuple(mark for mark in marks if mark.score >= threshold(mark.type, residency))


def class_and_special(findings: Iterable[Finding], policy: Policy) -> tuple[DataClass, tuple[str, ...]]:
    """The strictest class of the findings, and the special categories that they belong to."""
    types = {finding.type for finding in findings}
    strictest = max((_ORDER.index(policy.class_of(kind)) for kind in types), default=0)
    special = policy.residency.special
    return _ORDER[strictest], tuple(name for name in special if not types.isdisjoint(special[name]))
