"""Whether what a decision wants hidden can be hidden. What cannot be found cannot be replaced, and is not sent."""

from pipeline.contracts import Classification, Residency
from pipeline.policy.compiled import permits
from pipeline.policy.kinds import NAMES, OPAQUE, covers
from pipeline.policy.models import Target

__all__ = ["feasible", "obstacle"]


def feasible(decided: Residency, target: Target, found: Classification) -> Residency:
    """The decision, or a denial in its place when the classification does not say where all that it hides stands.

    The rule stays named; the reason says what stood in the way.
    """
    if not permits(decided.action, target) or not (decided.pseudonymise or decided.mask):
        return decided
    because = obstacle((*decided.pseudonymise, *decided.mask), found)
    if because is None:
        return decided
    reason = f"personal data cannot be hidden from it: {because}"
    return decided.model_copy(update={"action": "deny", "reason": reason, "pseudonymise": (), "mask": ()})


def obstacle(types: tuple[str, ...], found: Classification) -> str | None:
    """Why findings of these types cannot be hidden; None when they can."""
    if found.scan != "complete":
        return "the scan failed" if found.scan == "failed" else f"the scan is {found.scan}"
    if found.units is None:
        return "it is not known where it stands"
    if covers(types, OPAQUE) and any(finding.type == OPAQUE for finding in found.findings):
        return "a part of the request cannot be looked into"
    if any(covers(types, kind) for kind in NAMES):
        return _unknown_names(found)
    return None


def _unknown_names(found: Classification) -> str | None:
    if not found.names_scanned:
        return "names were not looked for"
    return None if found.names_covered else "it is in a language whose names are not known"
