"""What the policies that we deliver promise."""

from pathlib import Path

import pytest
from policy_files import DEFAULTS

from pipeline.contracts import Residency
from pipeline.policy import Policy, permits
from pipeline.policy.facts import facts_of_example
from pipeline.policy.load import check_folder
from pipeline.policy.models import Given
from pipeline.policy.schema import render


@pytest.fixture(scope="module")
def policy() -> Policy:
    checked = check_folder(DEFAULTS, {})
    assert checked.policy is not None, checked.problems
    return checked.policy


def may(policy: Policy, target: str, **given: object) -> bool:
    actions = policy.residency_actions(facts_of_example(Given.model_validate(given)))
    found = next(action for action in actions if action.target == target)
    return permits(found.action, policy.targets[target])


def test_they_are_valid_without_any_variable_and_without_a_warning() -> None:
    checked = check_folder(DEFAULTS, {})

    assert (checked.problems, checked.warnings) == ((), ())


@pytest.mark.parametrize("origin", ["EU", "US", "CH", None])
def test_a_secret_never_leaves(policy: Policy, origin: str | None) -> None:
    assert not may(policy, "us-large", origin=origin, types=("SECRET",), data_class="restricted")


@pytest.mark.parametrize("data_class", ["confidential", "restricted"])
@pytest.mark.parametrize("entity", ["PERSON", "PASSPORT", "UNHEARD_OF"])
@pytest.mark.parametrize("origin", ["EU", None])
def test_personal_data_from_the_eu_or_from_nowhere_does_not_leave_the_eu(
    policy: Policy, data_class: str, entity: str, origin: str | None
) -> None:
    assert not may(policy, "us-large", origin=origin, types=(entity,), data_class=data_class)


@pytest.mark.parametrize("given", [{"data_class": "restricted"}, {"scan": "failed"}, {"has_images": True}])
def test_restricted_and_unscanned_data_is_answered_by_our_own_models_only(
    policy: Policy, given: dict[str, object]
) -> None:
    assert not may(policy, "us-large", origin="US", **given)
    assert may(policy, "small", origin="US", **given)
    assert may(policy, "large", origin="US", **given)


def decision(policy: Policy, **given: object) -> Residency:
    actions = policy.residency_actions(facts_of_example(Given.model_validate(given)))
    return next(action for action in actions if action.target == "us-large")


@pytest.mark.parametrize("origin", ["US", None])
def test_after_a_scan_that_failed_the_refusal_names_the_scan_and_not_the_origin(
    policy: Policy, origin: str | None
) -> None:
    assert decision(policy, origin=origin, scan="failed", data_class="restricted").rule == "unscanned-stays-here"


def test_personal_data_from_elsewhere_travels_under_pseudonyms_only(policy: Policy) -> None:
    found = decision(policy, origin="US", types=("PERSON", "EMAIL"), data_class="confidential")
    assert (found.action, found.pseudonymise) == ("pseudonymise", ("*",))
    assert decision(policy, origin="US", data_class="confidential", names_covered=False).action == "local_only"


def test_talk_of_an_illness_may_leave_until_somebody_is_named(policy: Policy) -> None:
    health = {"origin": "US", "special": ("health",)}
    assert decision(policy, **health, types=("HEALTH",), data_class="internal").action == "allow"
    named = decision(policy, **health, types=("HEALTH", "PERSON"), data_class="confidential")
    assert (named.action, named.rule) == ("local_only", "health-needs-a-contract")


def test_public_data_and_personal_data_from_elsewhere_may_travel(policy: Policy) -> None:
    assert may(policy, "us-large", origin="EU")
    assert may(policy, "us-large", origin="US", types=("PERSON",), data_class="confidential")


def test_every_route_that_answers_at_home_descends_from_small_to_large(policy: Policy) -> None:
    stairs = {route.spec.name: [list(tier.variants) for tier in route.spec.tiers] for route in policy.routes}

    assert stairs.pop("abroad") == [["us-large"]]
    assert stairs.pop("embeddings") == [["embedder"]]
    assert stairs == {name: [["small"], ["large"]] for name in ("arithmetic", "labels", "extraction", "chat")}


def test_the_addresses_follow_the_environment() -> None:
    environment = {"STEPWELL_SMALL_URL": "http://127.0.0.1:18100/v1", "STEPWELL_SMALL_MODEL": "m"}
    checked = check_folder(DEFAULTS, environment)
    assert checked.policy is not None

    small = checked.policy.targets["small"]

    assert (small.endpoint, small.model) == ("http://127.0.0.1:18100/v1", "m")


def test_the_rendered_schemas_are_the_committed_ones() -> None:
    top = DEFAULTS.parent

    assert {str(path): body for path, body in render().items()} == {
        str(path.relative_to(top)): path.read_bytes() for path in (DEFAULTS / "schemas").iterdir()
    }


@pytest.mark.parametrize("file", sorted(DEFAULTS.glob("*.yaml")), ids=lambda file: file.name)
def test_every_file_names_its_schema_for_editors(file: Path) -> None:
    first = file.read_text().splitlines()[0]

    assert first == f"# yaml-language-server: $schema=schemas/{file.stem}.schema.json"
    assert (file.parent / first.rsplit("=", 1)[-1]).is_file()
