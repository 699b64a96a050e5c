"""No target without a permit, and no permit against the policy."""

import pytest
from fakes_models import classified, policy, target
from policy_files import FILES

from pipeline.adapters.models.guard import Permit, governing, permit
from pipeline.contracts import Classification, Request
from pipeline.errors import ResidencyRefused
from pipeline.policy.load import load_folder
from pipeline.policy.source import FixedPolicy

TARGETS = {"near": target("near-model"), "far": target("far-model", external=True, jurisdiction="US")}
POLICY = policy(TARGETS)


@pytest.mark.parametrize(
    ("action", "name", "allowed"),
    [
        ("allow", "near", True),
        ("allow", "far", True),
        ("local_only", "near", True),
        ("local_only", "far", False),
        ("deny", "near", False),
        ("deny", "far", False),
    ],
)
def test_the_decision_of_the_policy_is_kept(action: str, name: str, allowed: bool) -> None:
    found = classified("near", "far", action=action)
    if allowed:
        made = permit(found, name, POLICY)
        assert (made.target, made.spec) == (name, TARGETS[name])
        return
    with pytest.raises(ResidencyRefused) as caught:
        permit(found, name, POLICY)
    assert caught.value.rule == "a-rule"


def test_a_target_that_nobody_decided_about_is_refused() -> None:
    with pytest.raises(ResidencyRefused):
        permit(classified("near"), "far", POLICY)


def test_an_unclassified_request_and_an_unknown_target_are_refused() -> None:
    with pytest.raises(ResidencyRefused, match="classified"):
        permit(None, "near", POLICY)
    with pytest.raises(ResidencyRefused, match="no such target"):
        permit(classified("elsewhere"), "elsewhere", POLICY)


def test_nobody_else_makes_a_permit() -> None:
    with pytest.raises(TypeError, match="guard"):
        Permit("near", TARGETS["near"], object())


def test_a_request_goes_on_under_the_revision_it_began_with() -> None:
    found = classified("near")
    assert governing(FixedPolicy(POLICY), POLICY.revision, Request(input="x"), found) == (POLICY, found)


def test_when_that_revision_is_gone_the_one_in_force_decides_anew(tmp_path) -> None:
    """An old decision about a name says nothing about the target that bears it now."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    now = load_folder(tmp_path, {})
    old = Classification(
        data_class="confidential", scan="complete", engine="x", residency=classified("near", "far").residency
    )
    current, decided = governing(FixedPolicy(now), "f" * 16, Request(input="x"), old)
    assert current is now
    assert decided is not None
    assert decided.action_for("near") == "allow"
    assert decided.action_for("far") == "deny"


def test_an_unclassified_request_stays_so_under_another_revision() -> None:
    assert governing(FixedPolicy(POLICY), "f" * 16, Request(input="x"), None) == (POLICY, None)
