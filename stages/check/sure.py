"""How probably an answer suffices: its signals through the calibrator, and what further looks say. Pure."""

from dataclasses import replace

from pipeline.confidence.weigh import LOOKS, weighed
from pipeline.contracts import Envelope
from pipeline.policy.calibration import Calibrator
from stages.check.findings import Findings
from stages.check.rules import Rules

__all__ = ["Facts", "calibrated", "learned_looks", "looks_can_lift"]

Facts = dict[str, str | float | int | bool | None]


def calibrated(envelope: Envelope, found: Findings, rules: Rules) -> tuple[Findings, Facts]:
    """The findings with the probability in place of the raw score, and what the story has to say about that.

    Of nothing, and of what a filter kept back, nobody is sure, however probable its tokens were.
    """
    told: Facts = {}
    if found.void:
        return replace(found, confidence=0.0), told
    sure, calibrator = found.confidence, rules.calibrator
    if calibrator is not None:
        task = envelope.request.metadata.get("task")
        made = calibrator.probability(found.signals, found.confidence, task, envelope.request.tenant)
        if made is not None:
            told = {"raw_confidence": found.confidence, "calibrator": calibrator.name}
            sure = made
    if not learned_looks(calibrator):
        looked = weighed(sure, found.signals)
        if looked is not None and looked != sure:
            told["before_looks"] = sure
            sure = looked if sure is None or looks_can_lift(rules) else min(sure, looked)
    return (found if sure == found.confidence else replace(found, confidence=sure)), told


def looks_can_lift(rules: Rules) -> bool:
    """Whether a look may make an answer stay that would not without it.

    A threshold that is promised was promised for answers as its labels saw them. Looks that nobody learned from may
    only take answers away from it.
    """
    promised = rules.accept is not None and rules.accept.confidence == "promised"
    return not promised or learned_looks(rules.calibrator)


def learned_looks(calibrator: Calibrator | None) -> bool:
    """Whether the calibrator weighs looks itself."""
    return calibrator is not None and not calibrator.learned.isdisjoint(LOOKS)
