"""What a scan found, as the policy counts it: which findings reach their threshold, and which class they make. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from pipeline.contracts import DataClass, Finding, Mark
from pipeline.policy.compiled import Policy, stricter
from pipeline.policy.kinds import OPAQUE
from pipeline.policy.models import Given, ResidencyFile

__all__ = ["class_and_special", "completed", "counted", "marked", "milder", "threshold"]

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


def marked(findings: Collection[Finding], marks: Sequence[Mark], residency: ResidencyFile) -> tuple[Mark, ...] | None:
    """Where the findings that count stand; None when the scan does not say it of every one."""
    if not findings and not marks:
        return ()
    missing = Counter[str]()
    for finding in findings:
        missing[finding.type] += finding.count
    missing.subtract(mark.type for mark in marks)
    if any(count > 0 for kind, count in missing.items() if kind != OPAQUE):
        return None
    return tuple(mark for mark in marks if mark.score >= threshold(mark.type, residency))


def class_and_special(findings: Iterable[Finding], policy: Policy) -> tuple[DataClass, tuple[str, ...]]:
    """The strictest class of the findings, and the special categories that they belong to."""
    return _class_and_special({finding.type for finding in findings}, policy)


def completed(given: Given, policy: Policy) -> Given:
    """The stated facts, with the class and the special categories that a request with these findings has."""
    data_class, special = _derived(given, policy)
    stated = given.special
    update = {
        "data_class": given.data_class or data_class,
        "special": (*stated, *(name for name in special if name not in stated)),
    }
    return given.model_copy(update=update)


def milder(given: Given, policy: Policy) -> str | None:
    """What is wrong with a stated class below that of the findings, which no request can have; None when it is not."""
    data_class, _ = _derived(given, policy)
    if given.data_class is None or not stricter(data_class, given.data_class):
        return None
    because = f"{', '.join(given.types)} found" if given.scan != "failed" else "a failed scan"
    return f"data with {because} is {data_class}, not {given.data_class}; leave data_class out, and it follows"


def _derived(given: Given, policy: Policy) -> tuple[DataClass, tuple[str, ...]]:
    data_class, special = _class_and_special(set(given.types), policy)
    return "restricted" if given.scan == "failed" else data_class, special


def _class_and_special(types: set[str], policy: Policy) -> tuple[DataClass, tuple[str, ...]]:
    if not types:
        return "public", ()
    strictest = max((_ORDER.index(policy.class_of(kind)) for kind in types), default=0)
    special = policy.residency.special
    return _ORDER[strictest], tuple(name for name in special if not types.isdisjoint(special[name]))
