"""A request that began under a revision nobody knows any more is judged at least as strictly as before."""

import os
from pathlib import Path

import pytest

from pipeline.contracts import Classification, DataClass, Finding, Request
from pipeline.policy import Policy, decided_about, rejudge
from pipeline.policy.load import load_folder

REQUEST = Request(input="hello", origin="EU")


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_folder(Path(__file__).parents[3] / "policies", os.environ)


def classification(data_class: DataClass, *types: str, names: bool = True) -> Classification:
    findings = tuple(Finding(type=kind, count=1) for kind in types)
    return Classification(
        data_class=data_class, findings=findings, scan="complete", engine="test", names_scanned=names, origin="EU"
    )


def test_names_that_were_not_looked_for_make_the_request_restricted(policy: Policy) -> None:
    judged = rejudge(REQUEST, classification("public", names=False), policy)
    assert (judged.data_class, judged.scan) == ("restricted", "partial")
    assert judged.action_for("us-large") == "deny"


def test_what_was_scanned_in_full_stays_as_it_was(policy: Policy) -> None:
    judged = rejudge(REQUEST, classification("public"), policy)
    assert (judged.data_class, judged.scan, judged.action_for("us-large")) == ("public", "complete", "allow")


def test_a_finding_that_is_stricter_now_counts_as_such(policy: Policy) -> None:
    judged = rejudge(REQUEST, classification("internal", "CREDIT_CARD"), policy)
    assert judged.data_class == "restricted"


def test_a_finding_that_is_milder_now_keeps_its_class(policy: Policy) -> None:
    judged = rejudge(REQUEST, classification("restricted", "ORG"), policy)
    assert judged.data_class == "restricted"


def test_decisions_of_the_old_revision_do_not_count(policy: Policy) -> None:
    before = classification("confidential", "PERSON")
    assert rejudge(REQUEST, before, policy).action_for("us-large") == "deny"


def test_what_was_decided_of_one_request_is_not_said_of_another_one_or_under_another_revision(tmp_path: Path) -> None:
    """Answers are found again by the objects they are about, and each policy holds its own."""
    found = classification("public")
    one, other = (Request(input="hello", tenant=tenant) for tenant in ("acme", "beta"))
    policies = [_closed_to(tmp_path / tenant, tenant) for tenant in ("acme", "beta")]

    told = [
        [decided_about("us-large", request, found, policy).action for request in (one, other)]
        for policy in (*policies, *policies)
    ]

    assert told == [["deny", "allow"], ["allow", "deny"]] * 2


def _closed_to(folder: Path, tenant: str) -> Policy:
    """The default policies with one rule: this tenant's data stays at home."""
    folder.mkdir()
    for name in ("models.yaml", "routes.yaml", "limits.yaml"):
        (folder / name).write_bytes((Path(__file__).parents[3] / "policies" / name).read_bytes())
    when = f'target.external && req.tenant == "{tenant}"'
    (folder / "residency.yaml").write_text(
        "apiVersion: stepwell/v1\nkind: Residency\n"
        "classes: {restricted: [US_SSN]}\n"
        f"rules: [{{id: home, when: '{when}', action: deny, reason: because}}]\n"
    )
    return load_folder(folder, os.environ)
