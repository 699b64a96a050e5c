"""What rules hide from a target: joined over all rules that hold, and refused where it cannot be hidden."""

from pathlib import Path

import pytest
from fakes_models import target
from policy_files import MODELS, swap, write

from pipeline.contracts import Classification, Finding, Request, Residency
from pipeline.policy import Policy, decided, permits
from pipeline.policy.facts import facts_of_example, request_facts
from pipeline.policy.feasible import feasible
from pipeline.policy.load import check_folder, load_folder
from pipeline.policy.models import Given

HEAD = """\
apiVersion: stepwell/v1
kind: Residency
classes: {restricted: [SECRET], confidential: [PERSON, EMAIL], internal: [ORG]}
"""
OWN, FOREIGN = target("m"), target("m", external=True, jurisdiction="US")


def rules(*lines: str, head: str = HEAD) -> str:
    written = (f"  - {{id: r{number}, reason: because, {line}}}\n" for number, line in enumerate(lines))
    return head + "rules:\n" + "".join(written)


def loaded(folder: Path, *lines: str) -> Policy:
    return load_folder(write(folder, residency=rules(*lines)), {})


def at(policy: Policy, name: str, **given: object) -> Residency:
    actions = policy.residency_actions(facts_of_example(Given.model_validate(given)))
    return next(entry for entry in actions if entry.target == name)


def warnings(folder: Path, residency: str) -> str:
    checked = check_folder(write(folder, residency=residency), {})
    assert checked.policy is not None, checked.problems
    return "\n".join(str(warning) for warning in checked.warnings)


# ---------------------------------------------------------------- what rules say


def test_the_types_of_all_rules_that_hold_are_joined(tmp_path: Path) -> None:
    policy = loaded(
        tmp_path,
        "when: target.external, action: pseudonymise, types: [PERSON]",
        "when: target.external, action: pseudonymise, types: [EMAIL, PERSON]",
        'when: req.lane == "batch", action: pseudonymise, types: [PHONE]',
    )
    assert at(policy, "far").pseudonymise == ("PERSON", "EMAIL")
    assert at(policy, "far", lane="batch").pseudonymise == ("PERSON", "EMAIL", "PHONE")
    assert (at(policy, "near").action, at(policy, "near").pseudonymise) == ("allow", ())


def test_what_is_both_masked_and_given_a_pseudonym_is_masked(tmp_path: Path) -> None:
    policy = loaded(
        tmp_path,
        "when: target.external, action: pseudonymise, types: [PERSON, EMAIL]",
        "when: target.external, action: mask, types: [EMAIL]",
    )
    found = at(policy, "far")
    assert (found.action, found.rule, found.pseudonymise, found.mask) == ("mask", "r1", ("PERSON",), ("EMAIL",))


def test_a_mask_of_everything_leaves_nothing_for_pseudonyms(tmp_path: Path) -> None:
    policy = loaded(tmp_path, "when: 'true', action: mask", "when: 'true', action: pseudonymise, types: [EMAIL]")
    assert (at(policy, "far").pseudonymise, at(policy, "far").mask) == ((), ("*",))


def test_a_mask_of_one_type_beside_pseudonyms_for_all_keeps_both(tmp_path: Path) -> None:
    policy = loaded(tmp_path, "when: 'true', action: pseudonymise", "when: 'true', action: mask, types: [SECRET]")
    assert (at(policy, "far").pseudonymise, at(policy, "far").mask) == (("*",), ("SECRET",))


def test_a_target_of_ours_that_local_only_lets_through_is_still_kept_from_what_other_rules_hide(tmp_path: Path) -> None:
    policy = loaded(tmp_path, "when: 'true', action: local_only", "when: 'true', action: mask, types: [SECRET]")
    near = at(policy, "near")
    assert (near.action, near.rule, near.mask) == ("local_only", "r0", ("SECRET",))


@pytest.mark.parametrize(
    ("weaker", "stronger"),
    [("allow", "pseudonymise"), ("pseudonymise", "mask"), ("mask", "local_only"), ("local_only", "deny")],
)
def test_the_strongest_action_wins_in_any_order(tmp_path: Path, weaker: str, stronger: str) -> None:
    for number, (one, other) in enumerate([(weaker, stronger), (stronger, weaker)]):
        policy = loaded(tmp_path / str(number), f"when: 'true', action: {one}", f"when: 'true', action: {other}")
        assert at(policy, "far").action == stronger


def test_types_belong_to_a_rule_that_hides(tmp_path: Path) -> None:
    checked = check_folder(write(tmp_path, residency=rules("when: 'true', action: deny, types: [EMAIL]")), {})
    (problem,) = checked.problems
    assert "types belong to pseudonymise and mask" in str(problem)


@pytest.mark.parametrize(
    ("action", "own", "foreign"),
    [("allow", 1, 1), ("pseudonymise", 1, 1), ("mask", 1, 1), ("local_only", 1, 0), ("deny", 0, 0)],
)
def test_who_may_serve_under_each_action(action: str, own: int, foreign: int) -> None:
    assert (permits(action, OWN), permits(action, FOREIGN)) == (bool(own), bool(foreign))  # type: ignore[arg-type]


def test_an_example_may_say_what_is_hidden(tmp_path: Path) -> None:
    example = "examples:\n  - {given: {}, target: far, expect: mask, mask: [%s], pseudonymise: []}\n"
    written = rules("when: 'true', action: mask, types: [EMAIL]")
    assert check_folder(write(tmp_path, residency=written + example % "EMAIL"), {}).policy is not None
    (problem,) = check_folder(write(tmp_path, residency=written + example % "PHONE"), {}).problems
    assert "expects to mask PHONE, and the rules say EMAIL" in str(problem)


# ---------------------------------------------------------------- facts


def test_what_a_provider_promised_is_a_fact_and_nothing_is_promised_by_silence(tmp_path: Path) -> None:
    promised = swap(
        MODELS, "    external: true\n", "    external: true\n    properties: {baa: true, training: false}\n"
    )
    policy = load_folder(
        write(
            tmp_path,
            models=promised,
            residency=rules(
                "when: target.baa && !target.training, action: mask",
                "when: target.zdr || target.pci, action: deny",
            ),
        ),
        {},
    )
    assert (at(policy, "far").action, at(policy, "near").action) == ("mask", "allow")


@pytest.mark.parametrize(
    ("types", "answer"),
    [(("PERSON",), False), (("EMAIL",), False), (("EMAIL", "PERSON"), True), (("ORG", "PERSON"), False)],
)
def test_a_name_with_a_contact_identifies_somebody(types: tuple[str, ...], answer: bool) -> None:
    findings = tuple(Finding(type=kind, count=1) for kind in types)
    found = Classification(data_class="confidential", findings=findings, scan="complete", engine="e")
    assert request_facts(Request(input="x"), found).values["req.identifiable"] is answer
    assert facts_of_example(Given(types=types)).values["req.identifiable"] is answer


def test_without_a_classification_no_name_is_covered() -> None:
    assert request_facts(Request(input="x")).values["req.names_covered"] is False


# ---------------------------------------------------------------- what cannot be hidden


def known(**changes: object) -> Classification:
    plain = Classification(
        data_class="confidential", scan="complete", engine="e", units="u", names_scanned=True, names_covered=True
    )
    return plain.model_copy(update=changes)


EVERYTHING = Residency(target="far", action="pseudonymise", rule="r", pseudonymise=("*",))
MAILS = Residency(target="far", action="mask", rule="r", mask=("EMAIL",))


@pytest.mark.parametrize("decision", [EVERYTHING, MAILS])
def test_what_was_found_everywhere_can_be_hidden(decision: Residency) -> None:
    assert feasible(decision, FOREIGN, known()) is decision


@pytest.mark.parametrize("decision", [EVERYTHING, MAILS])
@pytest.mark.parametrize("changes", [{"scan": "failed"}, {"scan": "partial"}, {"units": None}])
@pytest.mark.parametrize("spec", [OWN, FOREIGN])
def test_what_was_not_found_everywhere_is_not_sent(
    decision: Residency, changes: dict[str, object], spec: object
) -> None:
    denied = feasible(decision, spec, known(**changes))  # type: ignore[arg-type]
    assert (denied.action, denied.rule, denied.mask, denied.pseudonymise) == ("deny", "r", (), ())
    assert "cannot be hidden" in str(denied.reason)


@pytest.mark.parametrize("changes", [{"names_scanned": False}, {"names_covered": False}])
def test_names_that_were_not_looked_for_cannot_be_hidden_but_addresses_can(changes: dict[str, object]) -> None:
    assert feasible(EVERYTHING, FOREIGN, known(**changes)).action == "deny"
    assert feasible(MAILS, FOREIGN, known(**changes)) is MAILS


def test_what_cannot_be_looked_into_cannot_be_hidden() -> None:
    found = known(findings=(Finding(type="OPAQUE", count=1),))
    assert feasible(EVERYTHING, FOREIGN, found).action == "deny"
    assert feasible(MAILS, FOREIGN, found) is MAILS


def test_who_may_not_serve_anyway_keeps_the_reason_that_he_has() -> None:
    local = Residency(target="far", action="local_only", rule="r", reason="it stays", mask=("*",))
    assert feasible(local, FOREIGN, known(scan="failed")) is local
    assert feasible(local, OWN, known(scan="failed")).action == "deny"


def test_what_cannot_be_hidden_is_denied_for_the_request_too(tmp_path: Path) -> None:
    policy = loaded(tmp_path, "when: target.external, action: mask")
    near, far = decided(Request(input="x"), known(scan="failed"), policy)
    assert (near.action, far.action) == ("allow", "deny")


# ---------------------------------------------------------------- who sees which field


VISIBILITY = HEAD + "visibility: {providers: {%s}}\n"


@pytest.mark.parametrize(
    ("shown", "given", "missing"),
    [
        ("[messages]", {}, None),
        ("[system]", {}, "messages"),
        ("[messages]", {"has_tools": True, "has_schema": True}, "tools, response_schema"),
        ("[messages]", {"has_images": True}, "images"),
        ("[messages]", {"has_system": True}, "system"),
        ("[messages, tools]", {"has_tools": True, "has_tool_results": True}, "tool_results"),
    ],
)
def test_a_provider_that_may_not_see_what_the_request_needs_is_denied(
    tmp_path: Path, shown: str, given: dict[str, object], missing: str | None
) -> None:
    policy = load_folder(write(tmp_path, residency=VISIBILITY % f"hosted: {shown}"), {})
    found = at(policy, "far", **given)
    assert at(policy, "near", **given).action == "allow"
    if missing is None:
        assert found.action == "allow"
        return
    assert (found.action, found.rule) == ("deny", "visibility:hosted")
    assert f"may not see {missing} of" in str(found.reason)


def test_default_is_for_all_that_are_not_named(tmp_path: Path) -> None:
    policy = load_folder(write(tmp_path, residency=VISIBILITY % "default: [messages], local: [messages, user]"), {})
    assert (policy.sees("far"), policy.sees("near")) == (("messages",), ("messages", "user"))
    assert policy.sometimes_seen() == {"messages", "user"}


def test_a_provider_that_no_target_has_is_named_with_its_place(tmp_path: Path) -> None:
    checked = check_folder(write(tmp_path, residency=VISIBILITY % "hostde: [messages]"), {})
    (problem,) = checked.problems
    assert "no such provider: hostde (did you mean hosted?)" in str(problem)


# ---------------------------------------------------------------- warnings


@pytest.mark.parametrize(
    "written",
    [
        HEAD.replace("EMAIL", "EMIAL"),
        HEAD + "thresholds: {EMIAL: 0.5}\n",
        HEAD + "special: {mail: [EMIAL]}\n",
        HEAD + "output: {mask: [EMIAL]}\n",
        rules("when: 'false', action: mask, types: [EMIAL]"),
    ],
)
def test_a_misspelt_type_is_refused_and_one_of_ones_own_is_noticed(tmp_path: Path, written: str) -> None:
    misspelt = check_folder(write(tmp_path / "a", residency=written), {})
    own = warnings(tmp_path / "b", written.replace("EMIAL", "BADGE"))

    assert [problem.text for problem in misspelt.problems] == ["no such type: EMIAL (did you mean EMAIL?)"]
    assert "the scan itself finds no BADGE" in own


def test_hiding_after_a_failed_scan_is_noticed(tmp_path: Path) -> None:
    everywhere = warnings(tmp_path, rules("when: target.external, action: mask"))
    assert "when a scan failed, r0 has nothing to mask" in everywhere
    assert "in a language whose names are not known, r0 cannot hide names" in everywhere

    careful = warnings(
        tmp_path,
        rules(
            'when: target.external && req.scan == "complete" && req.names_covered, action: mask',
            "when: target.external, action: pseudonymise, types: [EMAIL]",
            'when: target.external && req.scan != "complete", action: local_only',
        ),
    )
    assert careful == ""


def test_hiding_names_that_are_not_looked_for_is_noticed(tmp_path: Path) -> None:
    written = rules(
        'when: target.external && req.scan == "complete", action: mask, types: [PERSON]',
        'when: target.external && req.scan != "complete", action: deny',
        head=HEAD + "scan: {names: false}\n",
    )
    assert "r0 hides names, but scan.names is false" in warnings(tmp_path, written)
