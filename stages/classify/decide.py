"""What the request contains, and which targets may see it. Pure.

The class of the data is the strictest class of what was found with a score at or above its threshold. Nothing found
is public. A scan that failed proves nothing, so the request counts as restricted. Where the findings stand is kept
beside them, so that a target can be kept from them; what is below its threshold is neither counted nor kept.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from pipeline.contracts import Classification, DataClass, Envelope, Finding, Mark, Residency
from pipeline.policy import Policy, decided
from pipeline.policy.kinds import OPAQUE
from pipeline.policy.models import ResidencyFile
from pipeline.ports import Outcome, ScanReport

__all__ = ["Seen", "class_and_special", "classification_of", "counted", "decide", "marked"]

_ORDER: Final[tuple[DataClass, ...]] = ("public", "internal", "confidential", "restricted")
_DEFAULT_THRESHOLD: Final = 0.5
_STATES: Final[dict[str, Literal["complete", "partial"]]] = {"complete": "complete", "partial": "partial"}
Names = Literal["scanned", "not needed", "off"]


@dataclass(frozen=True, slots=True)
class Seen:
    """What the scan saw: its report, how many parts it could not look into, and what became of names.

    `units` is the fingerprint of the texts that it was given; None when it was not given all of them.
    """

    report: ScanReport
    opaque: int = 0
    names: Names = "off"
    units: str | None = None


def counted(findings: Iterable[Finding], opaque: int, residency: ResidencyFile) -> tuple[Finding, ...]:
    """The findings that reach the threshold of their type, added up by type, with their highest score."""
    kept: dict[str, Finding] = {}
    for finding in findings:
        if finding.score is None or finding.score >= _threshold(finding.type, residency):
            known = kept.get(finding.type)
            kept[finding.type] = finding if known is None else _sum(known, finding)
    if opaque:
        unseen = Finding(type=OPAQUE, count=opaque)
        kept[OPAQUE] = _sum(kept[OPAQUE], unseen) if OPAQUE in kept else unseen
    return tuple(kept[kind] for kind in sorted(kept))


def _threshold(kind: str, residency: ResidencyFile) -> float:
    thresholds = residency.thresholds
    return thresholds.get(kind, thresholds.get("default", _DEFAULT_THRESHOLD))


def marked(report: ScanReport, residency: ResidencyFile) -> tuple[Mark, ...] | None:
    """Where the findings that count stand; None when the report does not say it of every one."""
    missing = Counter[str]()
    for finding in report.findings:
        missing[finding.type] += finding.count
    missing.subtract(mark.type for mark in report.marks)
    if any(count > 0 for kind, count in missing.items() if kind != OPAQUE):
        return None
    return tuple(mark for mark in report.marks if mark.score >= _threshold(mark.type, residency))


def _sum(one: Finding, other: Finding) -> Finding:
    scores = [finding.score for finding in (one, other) if finding.score is not None]
    return Finding(type=one.type, count=one.count + other.count, score=max(scores, default=None))


def class_and_special(findings: Iterable[Finding], policy: Policy) -> tuple[DataClass, tuple[str, ...]]:
    """The strictest class of the findings, and the special categories that they belong to."""
    types = {finding.type for finding in findings}
    strictest = max((_ORDER.index(policy.class_of(kind)) for kind in types), default=0)
    special = policy.residency.special
    return _ORDER[strictest], tuple(name for name in special if not types.isdisjoint(special[name]))


def classification_of(envelope: Envelope, seen: Seen, policy: Policy) -> Classification:
    """What the request contains; not yet who may see it."""
    report = seen.report
    findings = counted(report.findings, seen.opaque, policy.residency)
    data_class, special = class_and_special(findings, policy)
    scan = _STATES.get(report.scan, "failed")
    marks = marked(report, policy.residency)
    return Classification(
        data_class="restricted" if scan == "failed" else data_class,
        findings=findings,
        special=special,
        origin=envelope.request.origin,
        scan=scan,
        names_scanned=seen.names == "scanned",
        names_covered=report.names_covered or seen.names != "scanned",
        engine=report.engine,
        units=None if marks is None else seen.units,
        marks=marks or (),
    )


def decide(envelope: Envelope, seen: Seen, policy: Policy) -> Outcome:
    """Classify the request and ask the policy about each target. It never refuses: that is plan's to say."""
    found = classification_of(envelope, seen, policy)
    actions = decided(envelope.request, found, policy)
    facts: dict[str, str | float | int | bool | None] = {
        "data_class": found.data_class,
        "findings": " ".join(f"{finding.type}:{finding.count}" for finding in found.findings),
        "scan": found.scan,
        "engine": found.engine,
        "names": seen.names,
        "names_covered": found.names_covered,
    }
    classification = found.model_copy(update={"residency": actions})
    return Outcome("classified", _reasons(seen.report, actions), {"classification": classification}, facts)


def _reasons(report: ScanReport, actions: Iterable[Residency]) -> tuple[str, ...]:
    """Why the scan is not complete, and the rules that keep a target from the data."""
    rules = dict.fromkeys(
        f"{entry.target}: {entry.action} by {entry.rule}" for entry in actions if entry.action != "allow"
    )
    trouble = () if report.scan == "complete" else (f"scan {report.scan}: {report.reason or 'no reason given'}",)
    return (*trouble, *rules)
