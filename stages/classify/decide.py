"""What the request contains, and which targets may see it. Pure.

The class of the data is the strictest class of what was found with a score at or above its threshold. Nothing found
is public. A scan that failed proves nothing, so the request counts as restricted.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from pipeline.contracts import Classification, DataClass, Envelope, Finding, Residency
from pipeline.policy import Policy, request_facts
from pipeline.policy.models import ResidencyFile
from pipeline.ports import Outcome, ScanReport

__all__ = ["OPAQUE", "Seen", "class_and_special", "classification_of", "counted", "decide"]

OPAQUE: Final = "OPAQUE"
"""The type of what cannot be scanned. Like any other type it has the class that the policy gives it."""

_ORDER: Final[tuple[DataClass, ...]] = ("public", "internal", "confidential", "restricted")
_DEFAULT_THRESHOLD: Final = 0.5
_STATES: Final[dict[str, Literal["complete", "partial"]]] = {"complete": "complete", "partial": "partial"}
Names = Literal["scanned", "not needed", "off"]


@dataclass(frozen=True, slots=True)
class Seen:
    """What the scan saw: its report, how many parts it could not look into, and what became of names."""

    report: ScanReport
    opaque: int = 0
    names: Names = "off"


def counted(findings: Iterable[Finding], opaque: int, residency: ResidencyFile) -> tuple[Finding, ...]:
    """The findings that reach the threshold of their type, added up by type, with their highest score."""
    thresholds = residency.thresholds
    usual = thresholds.get("default", _DEFAULT_THRESHOLD)
    kept: dict[str, Finding] = {}
    for finding in findings:
        if finding.score is None or finding.score >= thresholds.get(finding.type, usual):
            known = kept.get(finding.type)
            kept[finding.type] = finding if known is None else _sum(known, finding)
    if opaque:
        kept[OPAQUE] = Finding(type=OPAQUE, count=opaque)
    return tuple(kept[kind] for kind in sorted(kept))


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
    return Classification(
        data_class="restricted" if scan == "failed" else data_class,
        findings=findings,
        special=special,
        origin=envelope.request.origin,
        scan=scan,
        names_scanned=seen.names == "scanned",
        engine=report.engine,
    )


def decide(envelope: Envelope, seen: Seen, policy: Policy) -> Outcome:
    """Classify the request and ask the policy about each target. It never refuses: that is plan's to say."""
    found = classification_of(envelope, seen, policy)
    actions = policy.residency_actions(request_facts(envelope.request, found))
    facts: dict[str, str | float | int | bool | None] = {
        "data_class": found.data_class,
        "findings": " ".join(f"{finding.type}:{finding.count}" for finding in found.findings),
        "scan": found.scan,
        "engine": found.engine,
        "names": seen.names,
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
