"""What another policy would change, part by part."""

from pathlib import Path

import pytest
from policy_files import FILES, LIMITS, MODELS, RESIDENCY, ROUTES, swap

from pipeline.errors import PolicyInvalid
from pipeline.revisions import Bundle
from pipeline.revisions.difference import Detail, Difference, differences
from pipeline.revisions.documents import elsewhere, rules_of

LABELS = "  - {name: labels, match: \"req.task == 'labels'\", tiers: [{variants: {near: 1}}]}\n"
TWO = swap(ROUTES, "routes:\n", f"routes:\n{LABELS}")

BUDGETS = "budgets: [{name: day, limit: {usd: 1.0}}]\nescalations: [{name: few, share: 0.1}]\n"
EXPERIMENTS = "experiments: [{name: e, route: chat, variants: {near: 0.5, far: 0.5}}]\n"


def bundle(**changed: str) -> Bundle:
    texts = FILES | {f"{name}.yaml": text for name, text in changed.items()}
    return Bundle({name: text.encode() for name, text in texts.items()})


def changes(before: Bundle, after: Bundle) -> list[tuple[str, str, str]]:
    return [(found.what, found.name, found.how) for found in differences(before, after)]


def test_the_same_files_do_not_differ() -> None:
    assert differences(bundle(), bundle()) == []


def test_comments_blanks_and_a_default_that_is_written_out_are_no_difference() -> None:
    other = bundle(limits=LIMITS + "# patience\nretry: {tries: 3}\n", routes=ROUTES.replace("{near: 1}", "{near: 1.0}"))

    assert differences(bundle(), other) == []


def test_a_part_may_stand_in_another_file() -> None:
    extra = MODELS.replace("near", "own").replace("far", "alien")
    joined = bundle(models=MODELS + "  own: {target: near}\n")
    split = Bundle({**bundle().files, "more.yaml": extra.encode()})

    assert ("variant", "own", "changed") in changes(joined, split)
    assert ("target", "near", "removed") not in changes(joined, split)


def test_a_value_is_shown_by_its_path_before_and_after() -> None:
    other = bundle(routes=swap(ROUTES, "- variants: {near: 1}", "- variants: {near: 0.75, far: 0.25}"))

    assert differences(bundle(), other) == [
        Difference(
            "route",
            "chat",
            "changed",
            (Detail("tiers[0].variants.near", 1.0, 0.75), Detail("tiers[0].variants.far", None, 0.25)),
        )
    ]


def test_a_price_that_changes_is_shown_as_one_number() -> None:
    price = "    price: {input: 3.0, output: 15.0, source: list, as_of: '2026-01-01'}\n"
    priced = (
        MODELS + "" if price in MODELS else swap(MODELS, "    model: far-model\n", f"    model: far-model\n{price}")
    )
    dearer = swap(priced, "input: 3.0", "input: 4.0")

    assert differences(bundle(models=priced), bundle(models=dearer)) == [
        Difference("target", "far", "changed", (Detail("price.input", 3.0, 4.0),))
    ]


def test_parts_that_are_new_or_gone_are_shown_with_what_was_written() -> None:
    found = differences(bundle(), bundle(routes=TWO))

    assert [(one.what, one.name, one.how) for one in found] == [("route", "labels", "added")]
    assert Detail("match", None, "req.task == 'labels'") in found[0].details
    assert changes(bundle(routes=TWO), bundle()) == [("route", "labels", "removed")]


def test_routes_that_change_places_are_told_since_the_first_that_matches_decides() -> None:
    first, second = "  - {name: a, tiers: [{variants: {near: 1}}]}\n", "  - {name: b, tiers: [{variants: {near: 1}}]}\n"
    head = ROUTES.partition("routes:\n")[0] + "routes:\n"

    found = differences(bundle(routes=head + first + second), bundle(routes=head + second + first))

    assert [(one.what, one.how) for one in found] == [("route", "moved")]


def test_a_rule_and_a_setting_of_the_limits_are_parts() -> None:
    other = bundle(
        residency=swap(RESIDENCY, "action: deny", "action: local_only"), limits=LIMITS + "retry: {tries: 5}\n"
    )

    assert [(found.what, found.name, found.details) for found in differences(bundle(), other)] == [
        ("residency rule", "stays", (Detail("action", "deny", "local_only"),)),
        ("limits", "retry", (Detail("tries", 3, 5),)),
    ]


def test_budgets_tenants_experiments_and_attached_files_are_parts() -> None:
    head = "apiVersion: stepwell/v1\nkind: "
    more = {
        "budgets.yaml": f"{head}Budgets\n{BUDGETS}",
        "tenants.yaml": f"{head}Tenants\ntenants: {{acme: {{tier: gold}}}}\n",
        "experiments.yaml": f"{head}Experiments\n{EXPERIMENTS}",
        "prompts/a.txt": "Be brief.",
    }
    other = Bundle({**bundle().files, **{name: text.encode() for name, text in more.items()}})

    assert changes(bundle(), other) == [
        ("budget", "day", "added"),
        ("escalation cap", "few", "added"),
        ("tenant", "acme", "added"),
        ("experiment", "e", "added"),
        ("file", "prompts/a.txt", "added"),
    ]


def test_the_order_in_a_set_is_no_difference() -> None:
    one = swap(MODELS, "    model: far-model\n", "    model: far-model\n    capabilities: [chat, tools, stream]\n")
    other = swap(MODELS, "    model: far-model\n", "    model: far-model\n    capabilities: [stream, chat, tools]\n")

    assert differences(bundle(models=one), bundle(models=other)) == []


def test_a_file_that_breaks_its_schema_is_told() -> None:
    with pytest.raises(PolicyInvalid, match=r"limits\.yaml"):
        differences(bundle(), bundle(limits="kind: x"))


def test_who_may_change_a_policy_is_read_without_an_environment() -> None:
    models = swap(MODELS, "model: far-model", "model: ${NOWHERE}")
    rules = rules_of(bundle(models=models, limits=LIMITS + "changes: {approvals: 2}\n"), "set")

    assert rules.approvals == 2
    with pytest.raises(PolicyInvalid, match="one file of kind Limits"):
        rules_of(Bundle({"models.yaml": MODELS.encode()}), "set")


def test_keys_and_addresses_that_only_workers_know_have_stand_ins(tmp_path: Path) -> None:
    models = swap(MODELS, "endpoint: http://127.0.0.1:2/v1", "endpoint: ${FAR_URL}\n    api_key: ${FAR_KEY}")
    models = swap(models, "endpoint: http://127.0.0.1:1/v1", "endpoint: ${NEAR_URL:-http://127.0.0.1:1/v1}")
    made = bundle(models=models)

    stand_ins, names = elsewhere(made, {})

    assert names == ("FAR_KEY", "FAR_URL")
    known = {"FAR_URL": "http://far", "FAR_KEY": "k"}
    assert made.policy(stand_ins).revision == made.policy(known).revision
    assert elsewhere(made, known) == ({}, ())
