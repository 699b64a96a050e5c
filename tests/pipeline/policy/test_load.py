"""A policy set is in force whole or refused whole, with every problem at its place."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from policy_files import LIMITS, MODELS, RESIDENCY, ROUTES, swap, write
from pydantic import BaseModel

from pipeline.errors import PolicyInvalid
from pipeline.policy import Policy, RequestFacts
from pipeline.policy.facts import facts_of_example
from pipeline.policy.load import check_folder, load_folder
from pipeline.policy.models import Given
from pipeline.policy.validate import KINDS, WRITTEN


def refusal(folder: Path, environment: dict[str, str] | None = None) -> str:
    with pytest.raises(PolicyInvalid) as caught:
        load_folder(folder, environment or {})
    return caught.value.message.replace(f"{folder}/", "").replace(str(folder), "FOLDER")


def load(folder: Path, **changed: str) -> Policy:
    return load_folder(write(folder, **changed), {})


def facts(**given: object) -> RequestFacts:
    return facts_of_example(Given.model_validate(given))


def test_a_set_that_is_right_is_loaded(tmp_path: Path) -> None:
    policy = load(tmp_path)

    assert list(policy.targets) == ["near", "far"]
    assert [route.spec.name for route in policy.routes] == ["chat"]
    assert policy.limits.retry.tries == 3
    assert len(policy.revision) == 16


# ---------------------------------------------------------------- places and suggestions


@pytest.mark.parametrize(
    ("part", "old", "new", "line"),
    [
        ("residency", "reason:", "raeson:", "residency.yaml:10:5: rules[0].raeson: no such key (did you mean reason?)"),
        ("residency", "action: deny", "action: denny", "residency.yaml:9:13: rules[0].action: must be"),
        ("models", "external: true", "external: yes", "models.yaml:18:15: targets.far.external: must be true or false"),
        ("models", "window: 4096", "window: lots", "models.yaml:11:21: targets.near.context_window: must be a whole"),
        ("models", "    region: here\n", "", "models.yaml:5:5: targets.near.region: the key is missing"),
        (
            "models",
            "near: {target: near}",
            "'a b': {target: near}",
            "models.yaml:21:3: variants.a b: a name is letters",
        ),
        (
            "models",
            "{target: far}",
            "{target: fra}",
            "models.yaml:22:17: variants.far.target: no such target: fra (did",
        ),
        ("routes", "{far: 1}", "{fra: 1}", "routes.yaml:8:20: routes[0].tiers[1].variants.fra: no such variant: fra"),
        (
            "routes",
            "{far: 1}",
            "{far: 0.5}",
            "routes.yaml:8:19: routes[0].tiers[1].variants: the weights of a tier must",
        ),
        ("routes", 'match: "true"', "match: req.x == 1", "routes.yaml:5:12: routes[0].match: no such fact: req.x"),
        ("routes", 'match: "true"', 'match: "1 == req.x"', "routes.yaml:5:18: routes[0].match: no such fact: req.x"),
        ("routes", "name: chat", "name: auto", "routes.yaml:4:11: routes[0].name: auto means"),
        (
            "routes",
            "kind: Routes",
            "kind: Rotues",
            "routes.yaml:2:7: kind: no such kind: Rotues (did you mean Routes?)",
        ),
        ("routes", "stepwell/v1", "stepwell/v2", "routes.yaml:1:13: apiVersion: must be 'stepwell/v1'"),
        ("limits", "kind: Limits", "kind: Limits\nretry: {tries: 0}", "limits.yaml:3:16: retry.tries: must be"),
        ("limits", "kind: Limits", "kind: Limits\nretry: 3", "limits.yaml:3:8: retry: must be a mapping"),
        ("limits", "kind: Limits", "", "limits.yaml:1:1: kind: the key is missing"),
    ],
)
def test_a_problem_names_its_place_and_what_was_meant(tmp_path: Path, part: str, old: str, new: str, line: str) -> None:
    text = {"models": MODELS, "routes": ROUTES, "residency": RESIDENCY, "limits": LIMITS}[part]

    assert line in refusal(write(tmp_path, **{part: swap(text, old, new)}))


@pytest.mark.parametrize(
    ("part", "old", "new", "line"),
    [
        ("routes", "name: chat", "name:\n\n", "routes.yaml:4:10: routes[0].name: nothing is written here; give it"),
        ("routes", "{near: 1}", "{}", "routes.yaml:7:19: routes[0].tiers[0].variants: must hold at least 1 entry"),
        ("models", "region: here", "region: he re", "models.yaml:8:13: targets.near.region: a name is letters,"),
        ("models", "jurisdiction: EU", "jurisdiction: Europe", "targets.near.jurisdiction: must be two to eight"),
        ("residency", "[SECRET]", "3", "residency.yaml:4:15: classes.restricted: must be a list"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_plain_words(tmp_path: Path, part: str, old: str, new: str, line: str) -> None:
    text = {"models": MODELS, "routes": ROUTES, "residency": RESIDENCY}[part]

    said = refusal(write(tmp_path, **{part: swap(text, old, new)}))

    assert line in said
    assert "tuple" not in said
    assert "pattern" not in said


def test_every_pattern_in_a_policy_has_words_for_what_it_takes() -> None:
    patterns = {
        found for model in KINDS.values() for found in re.findall(r'"pattern":"(.*?)"[,}]', _schema_text(model))
    }

    assert {json.loads(f'"{pattern}"') for pattern in patterns if "tag" not in pattern} <= set(WRITTEN)


def _schema_text(model: type[BaseModel]) -> str:
    return json.dumps(model.model_json_schema(), separators=(",", ":"))


def test_of_a_set_without_a_kind_only_that_is_told(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / "models.yaml").unlink()

    assert refusal(folder) == "FOLDER:1:1: there is no file of kind Models; add one"


def test_a_route_whose_targets_are_ignored_is_told_at_that_key(tmp_path: Path) -> None:
    routes = swap(ROUTES, 'match: "true"', "ignore: [local, hosted]")

    assert "routes.yaml:5:13: routes[0].ignore: no target can ever serve" in refusal(write(tmp_path, routes=routes))


def test_a_key_that_is_not_set_has_no_default_to_write(tmp_path: Path) -> None:
    models = swap(MODELS, "model: near-model", "model: near-model\n    api_key: ${NEAR_KEY}")

    said = refusal(write(tmp_path, models=models))

    assert "targets.near.api_key: the variable NEAR_KEY is not set; export NEAR_KEY=… where it runs" in said
    assert ":-" not in said


def _dangling(file: Path) -> None:
    file.symlink_to("nowhere.yaml")


def _loop(file: Path) -> None:
    file.symlink_to(file.name)


def _device(file: Path) -> None:
    file.symlink_to("/dev/null")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_dangling, "the link leads nowhere: No such file"),
        (_loop, "the link leads nowhere: Too many levels"),
        (os.mkfifo, "this is no file, but a pipe or a device"),
        (_device, "this is no file, but a pipe or a device"),
        (Path.mkdir, "this is a folder; a policy is a regular file"),
    ],
)
def test_a_policy_that_is_there_and_cannot_be_read_is_not_absent(
    tmp_path: Path, make: Callable[[Path], None], said: str
) -> None:
    """It may be the one that forbids something."""
    make(write(tmp_path) / "extra.yaml")

    assert f"extra.yaml: {said}" in refusal(tmp_path)


def test_an_ending_in_capitals_is_no_way_to_leave_a_policy_out(tmp_path: Path) -> None:
    (write(tmp_path) / "extra.YAML").write_text("rules: []")

    assert "extra.YAML: is not read, since its ending is not in small letters; call it extra.yaml" in refusal(tmp_path)


def test_the_lock_of_an_editor_is_no_policy(tmp_path: Path) -> None:
    (write(tmp_path) / ".#models.yaml").symlink_to("ann@desk.4711")

    assert load_folder(tmp_path, {}).targets


def test_a_policy_below_the_folder_is_not_read_and_that_is_told(tmp_path: Path) -> None:
    (write(tmp_path) / "more").mkdir()
    (tmp_path / "more" / "limits.yaml").write_text(LIMITS)
    (tmp_path / "more" / "compose.yaml").write_text("services: {}")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "limits.yaml").write_text(LIMITS)

    warnings = [str(one) for one in check_folder(tmp_path, {}).warnings]

    assert [line for line in warnings if "below the folder" in line] == [
        f"{tmp_path}/more/limits.yaml:1:1: this is a policy below the folder, and only those at its top are read;"
        " move it up, or take it away"
    ]


def test_a_word_for_a_boolean_is_recognised(tmp_path: Path) -> None:
    text = swap(MODELS, "external: true", "external: NO")

    assert "(did you mean false?)" in refusal(write(tmp_path, models=text))


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        models=swap(MODELS, "{target: far}", "{target: fra}"),
        routes=swap(ROUTES, 'match: "true"', "match: req.x"),
        residency=swap(RESIDENCY, "req.data_class", "req.dataclass"),
    )

    lines = refusal(folder).splitlines()

    assert [line.split(":")[0] for line in lines] == ["models.yaml", "residency.yaml", "routes.yaml"]


def test_a_broken_file_does_not_make_its_names_missing_elsewhere(tmp_path: Path) -> None:
    text = swap(MODELS, "region: here", "regoin: here")

    assert "no such variant" not in refusal(write(tmp_path, models=text))


# ---------------------------------------------------------------- the set as a whole


@pytest.mark.parametrize("kind", ["models", "routes", "residency", "limits"])
def test_every_kind_of_file_must_be_there(tmp_path: Path, kind: str) -> None:
    write(tmp_path)
    (tmp_path / f"{kind}.yaml").unlink()

    assert f"there is no file of kind {kind.capitalize()}" in refusal(tmp_path)


@pytest.mark.parametrize("kind", ["residency", "limits"])
def test_some_kinds_must_be_there_once_only(tmp_path: Path, kind: str) -> None:
    write(tmp_path)
    (tmp_path / "zz.yaml").write_text((tmp_path / f"{kind}.yaml").read_text())

    assert "zz.yaml:2:7: kind: there is a second file" in refusal(tmp_path)


def test_names_are_defined_once_over_all_files(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "more-models.yaml").write_text(MODELS)
    (tmp_path / "more-routes.yaml").write_text(ROUTES)

    text = refusal(tmp_path)

    assert "near is defined in" in text
    assert "a route chat stands in" in text


def test_routes_of_several_files_are_asked_in_the_order_of_the_file_names(tmp_path: Path) -> None:
    write(tmp_path)
    first = swap(swap(ROUTES, "name: chat", "name: first"), '"true"', "req.has_schema")
    (tmp_path / "a-routes.yaml").write_text(first)

    assert [route.spec.name for route in load_folder(tmp_path, {}).routes] == ["first", "chat"]


def test_a_rule_id_stands_once(tmp_path: Path) -> None:
    rule = RESIDENCY[RESIDENCY.index("  - id") :]

    assert "the id stays stands twice" in refusal(write(tmp_path, residency=RESIDENCY + rule))


def test_a_folder_that_is_missing_or_empty_is_refused(tmp_path: Path) -> None:
    assert "there is no such folder" in refusal(tmp_path / "absent")
    assert "there is no policy file" in refusal(tmp_path)


# ---------------------------------------------------------------- examples in the files


def test_a_set_whose_example_fails_is_refused(tmp_path: Path) -> None:
    examples = "examples:\n  - {given: {data_class: public}, target: far, expect: deny}\n"

    text = refusal(write(tmp_path, residency=RESIDENCY + examples))

    assert "residency.yaml:12:56: examples[0].expect: the example expects deny, and the rules say allow" in text


def test_an_example_of_a_route_is_tried_too(tmp_path: Path) -> None:
    routes = ROUTES + "  - {name: never, match: 'false', tiers: [{variants: {near: 1}}]}\n"
    examples = "examples:\n  - {given: {}, expect: never}\n"

    assert "the example expects never, and the routes say chat" in refusal(write(tmp_path, routes=routes + examples))


def test_an_example_that_names_nothing_real_is_refused(tmp_path: Path) -> None:
    examples = "examples:\n  - {given: {}, target: fra, expect: deny}\n"

    assert "no such target: fra (did you mean far?)" in refusal(write(tmp_path, residency=RESIDENCY + examples))


# ---------------------------------------------------------------- the environment


def models_with(endpoint: str = "http://x/v1", key: str = "${KEY}") -> str:
    return swap(MODELS, "endpoint: http://127.0.0.1:1/v1", f"endpoint: {endpoint}\n    api_key: {key}")


def test_variables_are_filled_in_and_defaults_hold_for_missing_and_empty_ones(tmp_path: Path) -> None:
    write(tmp_path, models=models_with("${URL:-http://default/v1}"))

    assert load_folder(tmp_path, {"KEY": "k"}).targets["near"].endpoint == "http://default/v1"
    assert load_folder(tmp_path, {"KEY": "k", "URL": ""}).targets["near"].endpoint == "http://default/v1"
    filled = load_folder(tmp_path, {"KEY": "k", "URL": "https://real/v1"}).targets["near"]
    assert (filled.endpoint, filled.api_key) == ("https://real/v1", "k")


def test_a_variable_that_is_not_set_is_named(tmp_path: Path) -> None:
    text = refusal(write(tmp_path, models=models_with("${URL}")), {"KEY": "k"})

    assert "models.yaml:5:15: targets.near.endpoint: the variable URL is not set" in text


@pytest.mark.parametrize("endpoint", ["http://user:hunter2@x/v1", "${URL}"])
def test_a_secret_is_never_in_an_error(tmp_path: Path, endpoint: str) -> None:
    environment = {"KEY": "hunter2", "URL": "ftp://hunter2@x"}

    text = refusal(write(tmp_path, models=models_with(endpoint)), environment)

    assert "a password does not belong into an address" in text
    assert "hunter2" not in text


def test_a_key_written_into_a_file_is_refused_unseen(tmp_path: Path) -> None:
    text = refusal(write(tmp_path, models=models_with(key="hunter2")))

    assert "a key does not belong into a file" in text
    assert "hunter2" not in text


# ---------------------------------------------------------------- the revision


def test_the_revision_is_the_same_for_the_same_content_in_another_form(tmp_path: Path) -> None:
    plain = load(tmp_path / "a").revision
    commented = load(tmp_path / "b", limits=LIMITS + "# a comment\nretry: {tries: 3}\n").revision
    tried = "examples:\n  - {given: {}, target: far, expect: allow}\n"

    assert plain == commented == load(tmp_path / "c", residency=RESIDENCY + tried).revision


@pytest.mark.parametrize(
    ("part", "old", "new"),
    [
        ("models", "far-model", "other-model"),
        ("routes", "{far: 1}", "{far: 0.5, near: 0.5}"),
        ("residency", "SECRET", "IBAN"),
        ("limits", "kind: Limits", "kind: Limits\nretry: {tries: 4}"),
    ],
)
def test_the_revision_changes_with_what_decides(tmp_path: Path, part: str, old: str, new: str) -> None:
    text = {"models": MODELS, "routes": ROUTES, "residency": RESIDENCY, "limits": LIMITS}[part]

    assert load(tmp_path / "a").revision != load(tmp_path / "b", **{part: swap(text, old, new)}).revision


def test_addresses_and_keys_of_one_machine_are_not_in_the_revision_but_the_model_is(tmp_path: Path) -> None:
    text = swap(models_with("${URL:-http://x/v1}"), "near-model", "${MODEL:-m}")
    write(tmp_path, models=text)
    base = load_folder(tmp_path, {"KEY": "one"}).revision

    assert load_folder(tmp_path, {"KEY": "two", "URL": "http://y/v1"}).revision == base
    assert load_folder(tmp_path, {"KEY": "one", "MODEL": "other"}).revision != base


# ---------------------------------------------------------------- what a policy forgot


def warnings(folder: Path) -> list[str]:
    return [str(warning) for warning in check_folder(folder, {}).warnings]


def test_a_set_that_says_everything_has_no_warning(tmp_path: Path) -> None:
    assert warnings(write(tmp_path)) == []


def test_a_rule_for_one_class_that_leaves_the_stricter_one_open_is_noticed(tmp_path: Path) -> None:
    text = swap(RESIDENCY, 'req.data_class != "public"', 'req.data_class in ["internal", "confidential"]')

    found = warnings(write(tmp_path, residency=text))

    assert len(found) == 1
    assert "residency.yaml:7:3: rules: no rule speaks about restricted data for the external target far" in found[0]


def test_a_rule_for_some_origins_leaves_the_others_open(tmp_path: Path) -> None:
    text = swap(RESIDENCY, 'req.data_class != "public"', 'req.origin == "EU"')

    assert len(warnings(write(tmp_path, residency=text))) == 3


def test_a_rule_that_allows_is_an_answer_too(tmp_path: Path) -> None:
    assert warnings(write(tmp_path, residency=swap(RESIDENCY, "action: deny", "action: allow"))) == []


def test_routes_that_do_not_take_everything_are_noticed(tmp_path: Path) -> None:
    found = warnings(write(tmp_path, routes=swap(ROUTES, '"true"', "req.has_schema")))

    assert "no route takes every request" in found[0]


# ---------------------------------------------------------------- what it decides


RULES = """\
apiVersion: stepwell/v1
kind: Residency
classes: {restricted: [SECRET], confidential: [PERSON], internal: [ORG]}
rules:
  - {id: fine, when: "true", action: allow, reason: all}
  - {id: here, when: target.external && req.data_class == "confidential", action: local_only, reason: near}
  - {id: never, when: target.external && "SECRET" in req.types, action: deny, reason: no}
  - {id: team, when: 'req.lane == "batch" && req.metadata.team == "x"', action: local_only, reason: team}
"""


def action(policy: Policy, target: str, **given: object) -> tuple[str, str | None]:
    found = {decided.target: decided for decided in policy.residency_actions(facts(**given))}[target]
    return found.action, found.rule


def test_the_strictest_rule_wins_whatever_the_order(tmp_path: Path) -> None:
    lines = RULES.splitlines(keepends=True)
    turned = "".join([*lines[:4], *reversed(lines[4:])])
    case = {"data_class": "confidential", "types": ("SECRET",)}

    for name, text in (("a", RULES), ("b", turned)):
        policy = load(tmp_path / name, residency=text)
        assert action(policy, "far", **case) == ("deny", "never")
        assert action(policy, "far", data_class="confidential") == ("local_only", "here")
        assert action(policy, "near", **case) == ("allow", "fine")


def test_of_equally_strict_rules_the_first_is_named(tmp_path: Path) -> None:
    second = "  - {id: again, when: target.external, action: deny, reason: second}\n"

    assert action(load(tmp_path, residency=RESIDENCY + second), "far", data_class="restricted") == ("deny", "stays")


def test_a_rule_without_an_answer_denies_under_its_own_id(tmp_path: Path) -> None:
    policy = load(tmp_path, residency=RULES)

    assert action(policy, "near", lane="batch") == ("deny", "team")
    assert action(policy, "near", lane="batch", metadata={"team": "x"}) == ("local_only", "team")
    assert action(policy, "near", lane="batch", metadata={"team": "y"}) == ("allow", "fine")


def test_an_answer_that_is_remembered_is_the_one_that_would_be_given(tmp_path: Path) -> None:
    policy = load(tmp_path, residency=RULES)
    cases = [{"lane": "batch", "metadata": {"team": team}} for team in "xyxyx"]

    first = [action(policy, "near", **case) for case in cases]

    assert first == [action(load(tmp_path, residency=RULES), "near", **case) for case in cases]
    assert first == [action(policy, "near", **case) for case in cases]


def test_a_route_without_an_answer_does_not_match_and_is_named(tmp_path: Path) -> None:
    routes = swap(
        ROUTES,
        "  - name: chat",
        "  - {name: team, match: req.metadata.team == 'x', tiers: [{variants: {near: 1}}]}\n  - name: chat",
    )
    routes = swap(routes, "routes:", "record_metadata: [team]\nroutes:")
    policy = load(tmp_path, routes=routes)

    assert policy.routes[0].matches(facts()) is None
    assert policy.routes[0].matches(facts(metadata={"team": "x"})) is True
    choice = policy.route_for(facts())
    assert choice.route is not None
    assert (choice.route.spec.name, choice.silent) == ("chat", ("team",))


@pytest.mark.parametrize(
    ("entity", "data_class"),
    [("SECRET", "restricted"), ("PERSON", "confidential"), ("ORG", "internal"), ("UNHEARD_OF", "confidential")],
)
def test_the_class_of_a_kind_of_data_is_the_list_it_stands_in_else_confidential(
    tmp_path: Path, entity: str, data_class: str
) -> None:
    assert load(tmp_path, residency=RULES).class_of(entity) == data_class


def test_a_list_is_not_called_empty_when_its_only_item_is_wrong(tmp_path: Path) -> None:
    lines = refusal(write(tmp_path, routes=swap(ROUTES, "match", "macth"))).splitlines()

    assert lines == ["routes.yaml:5:5: routes[0].macth: no such key (did you mean match?)"]


def test_a_list_that_is_empty_is_called_so(tmp_path: Path) -> None:
    text = ROUTES[: ROUTES.index("  - name")].replace("routes:", "routes: []")

    assert "routes.yaml:3:9: routes: " in refusal(write(tmp_path, routes=text))


# ---------------------------------------------------------------- facts that follow from others

EXAMPLE = "examples:\n  - {given: {%s}, target: far, expect: %s}\n"


@pytest.mark.parametrize("given", ["types: [SECRET]", "types: [SOMETHING_NEW]", "scan: failed", "data_class: internal"])
def test_the_class_of_an_example_follows_from_its_types(tmp_path: Path, given: str) -> None:
    load(tmp_path, residency=RESIDENCY + EXAMPLE % (given, "deny"))


def test_what_is_special_in_an_example_follows_from_its_types(tmp_path: Path) -> None:
    text = swap(RESIDENCY, "rules:", "special: {body: [PERSON]}\nrules:")
    text = swap(text, 'req.data_class != "public"', '"body" in req.special')

    load(tmp_path, residency=text + EXAMPLE % ("types: [PERSON]", "deny"))


def test_an_example_cannot_make_its_data_milder(tmp_path: Path) -> None:
    said = refusal(write(tmp_path, residency=RESIDENCY + EXAMPLE % ("types: [SECRET], data_class: public", "allow")))

    assert "residency.yaml:12:43: examples[0].given.data_class: data with SECRET found is restricted, not publ" in said


def test_a_language_that_there_is_not_is_refused(tmp_path: Path) -> None:
    text = swap(RESIDENCY, "classes:", "scan: {languages: [en, qq]}\nclasses:")

    assert "residency.yaml:3:24: scan.languages[1]: qq is no language of ISO 639-1" in refusal(
        write(tmp_path, residency=text)
    )


# ---------------------------------------------------------------- fields that are passed on


def test_what_stepwell_writes_itself_cannot_be_passed_on(tmp_path: Path) -> None:
    models = swap(MODELS, "    model: far-model\n", "    model: far-model\n    passes: [top_k, model]\n")
    assert "model is never passed on" in refusal(write(tmp_path, models=models))


def test_a_variant_gives_its_model_only_what_its_target_passes(tmp_path: Path) -> None:
    wants = swap(MODELS, "near: {target: near}", "near: {target: near, parameters: {extra: {top_k: 3}}}")
    assert "target near does not pass top_k" in refusal(write(tmp_path, models=wants))
    passes = swap(wants, "  near:\n    endpoint", "  near:\n    passes: [top_k]\n    endpoint")
    assert load(tmp_path, models=passes).passes == {"top_k"}
