"""The class of a request follows from what was found, and each target's action from the policy."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policies_pii import policy

from pipeline.contracts import Classification, DataClass, Envelope, Finding, Mark, Request
from pipeline.policy import Policy
from pipeline.policy.findings import class_and_special, counted
from pipeline.ports import Outcome, ScanReport
from pipeline.topology import outcomes_of
from stages.classify.decide import Seen, classification_of, decide

STRICT = [{"when": 'target.external && req.data_class == "restricted"', "action": "deny"}]
CLASSES: tuple[DataClass, ...] = ("public", "internal", "confidential", "restricted")


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    return policy(tmp_path_factory.mktemp("policy"), STRICT)


def envelope(text: str = "hi", **fields: object) -> Envelope:
    request = Request.model_validate({"input": text, **fields})
    return Envelope(
        id="r1", request=request, fingerprint="f", lane="interactive", received_at=1.0, deadline_at=9.0,
        policy_revision="p",
    )  # fmt: skip


def report(*found: tuple[str, int, float], scan: str = "complete", reason: str | None = None) -> ScanReport:
    findings = tuple(Finding(type=kind, count=count, score=score) for kind, count, score in found)
    return ScanReport(findings, "engine-1", scan, reason)


def classified(outcome: Outcome) -> Classification:
    found = outcome.changes["classification"]
    assert isinstance(found, Classification)
    return found


def test_nothing_found_is_public(strict: Policy) -> None:
    outcome = decide(envelope(), Seen(report()), strict)
    assert (outcome.kind, classified(outcome).data_class) == ("classified", "public")
    assert outcome.kind in outcomes_of("classify")


def test_the_strictest_finding_gives_the_class(strict: Policy) -> None:
    found = classified(decide(envelope(), Seen(report(("ORG", 3, 0.9), ("EMAIL", 1, 0.9))), strict))
    assert found.data_class == "confidential"


def test_a_kind_of_data_that_no_class_lists_is_confidential(strict: Policy) -> None:
    assert classified(decide(envelope(), Seen(report(("NEW", 1, 0.9))), strict)).data_class == "confidential"


def test_a_finding_below_its_threshold_does_not_count(strict: Policy) -> None:
    found = classified(decide(envelope(), Seen(report(("PERSON", 1, 0.55), ("ORG", 1, 0.5))), strict))
    assert (found.data_class, [finding.type for finding in found.findings]) == ("internal", ["ORG"])


def test_counts_of_one_type_are_added_up_with_the_highest_score(strict: Policy) -> None:
    found = counted(report(("EMAIL", 2, 0.8), ("EMAIL", 1, 0.95)).findings, 0, strict.residency)
    assert found == (Finding(type="EMAIL", count=3, score=0.95),)


@pytest.mark.parametrize("scan", ["failed", "anything else"])
def test_a_failed_scan_is_restricted_whatever_was_found(strict: Policy, scan: str) -> None:
    found = classified(decide(envelope(), Seen(report(scan=scan, reason="timeout")), strict))
    assert (found.data_class, found.scan, found.action_for("abroad")) == ("restricted", "failed", "deny")


def test_why_a_scan_failed_is_among_the_reasons(strict: Policy) -> None:
    outcome = decide(envelope(), Seen(report(scan="failed", reason="it took longer than 2 s")), strict)
    assert outcome.reasons[0] == "scan failed: it took longer than 2 s"


def test_a_partial_scan_says_so_to_the_policy(strict: Policy) -> None:
    assert classified(decide(envelope(), Seen(report(scan="partial")), strict)).scan == "partial"


def test_what_cannot_be_scanned_is_a_finding_whose_class_the_policy_gives(strict: Policy) -> None:
    found = classified(decide(envelope(), Seen(report(), opaque=2), strict))
    assert found.findings == (Finding(type="OPAQUE", count=2),)
    assert found.data_class == "confidential"


def test_special_categories_follow_from_the_types(strict: Policy) -> None:
    found = classified(decide(envelope(), Seen(report(("MEDICAL_ID", 1, 0.9), ("NRP", 1, 0.6))), strict))
    assert found.special == ("health", "belief")


def test_each_target_has_an_action_and_the_rule_is_named(strict: Policy) -> None:
    outcome = decide(envelope(), Seen(report(("SECRET", 1, 0.9))), strict)
    found = classified(outcome)
    assert {entry.target: entry.action for entry in found.residency} == {"here": "allow", "abroad": "deny"}
    assert outcome.reasons == ("abroad: deny by rule-0",)


def test_classify_never_refuses_even_when_every_target_is_denied(tmp_path: Path) -> None:
    closed = policy(tmp_path, [{"when": "true", "action": "deny"}])
    outcome = decide(envelope(), Seen(report()), closed)
    assert outcome.kind == "classified"
    assert {entry.action for entry in classified(outcome).residency} == {"deny"}


def test_the_trail_tells_types_and_counts_and_what_became_of_names(strict: Policy) -> None:
    outcome = decide(envelope(), Seen(report(("EMAIL", 2, 0.9), ("CREDIT_CARD", 1, 0.9)), names="scanned"), strict)
    assert outcome.facts == {
        "data_class": "restricted",
        "findings": "CREDIT_CARD:1 EMAIL:2",
        "scan": "complete",
        "engine": "engine-1",
        "names": "scanned",
        "names_covered": True,
    }


def test_the_origin_of_the_data_is_the_one_the_caller_gave(strict: Policy) -> None:
    assert classified(decide(envelope(origin="EU"), Seen(report()), strict)).origin == "EU"


@given(
    st.lists(st.sampled_from(["SECRET", "EMAIL", "ORG", "NEW", "NRP"]), max_size=6), st.sampled_from(["SECRET", "X"])
)
def test_one_more_finding_never_lowers_the_class(strict: Policy, kinds: list[str], more: str) -> None:
    findings = [Finding(type=kind, count=1) for kind in kinds]
    before, _ = class_and_special(findings, strict)
    after, _ = class_and_special([*findings, Finding(type=more, count=1)], strict)
    assert CLASSES.index(after) >= CLASSES.index(before)


# ---------------------------------------------------------------- where findings stand


def with_marks(*marks: Mark, findings: tuple[Finding, ...]) -> ScanReport:
    return ScanReport(findings, "engine-1", marks=marks)


def test_marks_that_reach_their_threshold_are_kept_with_the_fingerprint_of_the_units(strict: Policy) -> None:
    sure, unsure = Mark(0, 0, 3, "PERSON", 0.9), Mark(0, 5, 8, "PERSON", 0.55)
    findings = (Finding(type="PERSON", count=1, score=0.9), Finding(type="PERSON", count=1, score=0.55))
    found = classification_of(envelope(), Seen(with_marks(sure, unsure, findings=findings), units="u1"), strict)
    assert (found.units, found.marks) == ("u1", (sure,))


def test_findings_whose_place_is_not_told_leave_no_units_and_no_marks(strict: Policy) -> None:
    findings = (Finding(type="PERSON", count=2, score=0.9),)
    found = classification_of(
        envelope(), Seen(with_marks(Mark(0, 0, 3, "PERSON", 0.9), findings=findings), units="u1"), strict
    )
    assert (found.units, found.marks) == (None, ())


def test_without_a_finding_the_units_are_known_to_hold_nothing(strict: Policy) -> None:
    found = classification_of(envelope(), Seen(report(), units="u1"), strict)
    assert (found.units, found.marks) == ("u1", ())


@pytest.mark.parametrize(("names", "covered"), [("scanned", False), ("not needed", True), ("off", True)])
def test_names_are_uncovered_only_where_they_were_looked_for(strict: Policy, names: str, covered: bool) -> None:
    seen = Seen(ScanReport((), "e", names_covered=False), names=names)  # type: ignore[arg-type]
    assert classification_of(envelope(), seen, strict).names_covered is covered


@pytest.mark.parametrize(("action", "kept"), [("mask", True), ("deny", False), ("allow", False)])
def test_where_findings_stand_travels_only_where_a_target_is_kept_from_them(
    tmp_path: Path, action: str, kept: bool
) -> None:
    rules = policy(tmp_path, [{"when": "target.external", "action": action}])
    mark = Mark(0, 0, 3, "PERSON", 0.9)
    seen = Seen(with_marks(mark, findings=(Finding(type="PERSON", count=1, score=0.9),)), names="scanned", units="u1")
    found = decide(envelope(), seen, rules).changes["classification"]
    assert isinstance(found, Classification)
    assert (found.units, found.marks) == (("u1", (mark,)) if kept else (None, ()))
