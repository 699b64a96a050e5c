"""What the request contains, and which targets may see it. Pure.

The class of the data is the strictest class of what was found with a score at or above its threshold. Nothing found
is public. A scan that failed proves nothing, so the request counts as restricted. Where the findings stand is kept
beside them, so that a target can be kept from them; what is below its threshold is neither counted nor kept.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from pipeline.contracts import Classification, Envelope, Residency
from pipeline.contracts.trusted import changed, trusted
from pipeline.policy import Policy, RequestFacts, decided, permits
from pipeline.policy.findings import class_and_special, counted, marked
from pipeline.ports import Outcome, ScanReport

__all__ = ["Before", "Seen", "classification_of", "decide"]

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


class Before(NamedTuple):
    """A classification without decisions, and the facts of the request with it."""

    found: Classification
    facts: RequestFacts


def classification_of(envelope: Envelope, seen: Seen, policy: Policy) -> Classification:
    """What the request contains; not yet who may see it."""
    report = seen.report
    findings = counted(report.findings, seen.opaque, policy.residency)
    data_class, special = class_and_special(findings, policy)
    scan = _STATES.get(report.scan, "failed")
    marks = marked(report.findings, report.marks, policy.residency)
    fields = {
        "data_class": "restricted" if scan == "failed" else data_class,
        "findings": findings,
        "special": special,
        "origin": envelope.request.origin,
        "scan": scan,
        "names_scanned": seen.names == "scanned",
        "names_covered": report.names_covered or seen.names != "scanned",
        "engine": report.engine,
        "units": None if marks is None else seen.units,
        "marks": marks or (),
    }
    return trusted(Classification, fields)


def decide(envelope: Envelope, seen: Seen, policy: Policy, before: Before | None = None) -> Outcome:
    """Classify the request and ask the policy about each target. It never refuses: that is plan's to say.

    `before`: what follows from `seen`, where the caller has worked it out already.
    """
    found = classification_of(envelope, seen, policy) if before is None else before.found
    actions = decided(envelope.request, found, policy, None if before is None else before.facts)
    facts: dict[str, str | float | int | bool | None] = {
        "data_class": found.data_class,
        "findings": " ".join([f"{finding.type}:{finding.count}" for finding in found.findings]),
        "scan": found.scan,
        "engine": found.engine,
        "names": seen.names,
        "names_covered": found.names_covered,
    }
    changes: dict[str, object] = {"residency": actions}
    if not _hides(actions, policy):  # where findings stand is nobody's business then
        changes |= {"units": None, "marks": ()}
    classification = changed(found, changes)
    return Outcome("classified", _reasons(seen.report, actions), {"classification": classification}, facts)


def _hides(actions: Iterable[Residency], policy: Policy) -> bool:
    """Whether something is to be hidden from a target that may serve."""
    return any((e.pseudonymise or e.mask) and permits(e.action, policy.targets[e.target]) for e in actions)


def _reasons(report: ScanReport, actions: Iterable[Residency]) -> tuple[str, ...]:
    """Why the scan is not complete, and the rules that keep a target from the data."""
    rules = dict.fromkeys(
        [f"{entry.target}: {entry.action} by {entry.rule}" for entry in actions if entry.action != "allow"]
    )
    trouble = () if report.scan == "complete" else (f"scan {report.scan}: {report.reason or 'no reason given'}",)
    return (*trouble, *rules)
