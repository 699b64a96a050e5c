"""Names are looked for exactly when they could change what happens."""

from pathlib import Path

import pytest
from policies_pii import policy

from pipeline.contracts import Classification, DataClass, Finding, Origin, Request
from pipeline.policy import Policy, request_facts
from stages.classify.names import NamesQuestion, names_matter

CONFIDENTIAL = 'req.data_class in ["confidential", "restricted"]'


def ask(rules: Policy, origin: Origin | None = None, data_class: DataClass = "public", *types: str) -> bool:
    findings = tuple(Finding(type=kind, count=1) for kind in types)
    found = Classification(data_class=data_class, findings=findings, origin=origin, scan="complete", engine="e")
    facts = request_facts(Request(input="hi", origin=origin), found)
    answer = names_matter(facts, found, rules)
    assert NamesQuestion().matter(facts, found, rules) is answer
    return answer


def deny(folder: Path, when: str) -> Policy:
    return policy(folder, [{"when": when, "action": "deny"}])


@pytest.mark.parametrize(
    ("when", "needed"),
    [
        ("target.external", False),
        ('req.data_class == "restricted"', False),
        ('"SECRET" in req.types', False),
        ('"health" in req.special', False),
        ('"PERSON" in req.types', True),
        ("req.types.size() > 0", True),
        ('req.types.exists(t, t.startsWith("PER"))', True),
        ('"belief" in req.special', True),
        ('req.data_class != "public"', True),
        (CONFIDENTIAL, True),
    ],
)
def test_the_policy_itself_says_whether_a_name_would_change_an_action(tmp_path: Path, when: str, needed: bool) -> None:
    assert ask(deny(tmp_path, when)) is needed


def test_it_depends_on_the_request_when_the_rule_does(tmp_path: Path) -> None:
    rules = deny(tmp_path, f'req.origin == "EU" && {CONFIDENTIAL}')
    assert ask(rules, "EU")
    assert not ask(rules, "US")


def test_what_is_restricted_already_does_not_get_stricter(tmp_path: Path) -> None:
    rules = deny(tmp_path, CONFIDENTIAL)
    assert ask(rules, None, "public")
    assert not ask(rules, None, "restricted", "SECRET")


def test_a_rule_that_only_allows_changes_no_action(tmp_path: Path) -> None:
    assert not ask(policy(tmp_path, [{"when": CONFIDENTIAL, "action": "allow"}]))


def test_a_rule_that_takes_two_names_together_is_not_overlooked(tmp_path: Path) -> None:
    assert ask(deny(tmp_path, '"PERSON" in req.types && "ORG" in req.types'))


def test_a_route_that_depends_on_findings_needs_names(tmp_path: Path) -> None:
    rules = policy(tmp_path, route='req.data_class == "public"')
    assert ask(rules)


def test_answers_of_an_earlier_revision_are_forgotten(tmp_path: Path) -> None:
    found = Classification(data_class="public", scan="complete", engine="e")
    facts = request_facts(Request(input="hi"), found)
    question = NamesQuestion()
    for name, when, needed in (("a", CONFIDENTIAL, True), ("b", "target.external", False), ("c", CONFIDENTIAL, True)):
        (tmp_path / name).mkdir()
        assert question.matter(facts, found, deny(tmp_path / name, when)) is needed


@pytest.mark.parametrize(
    ("when", "action", "types", "answer"),
    [
        ("target.external", "mask", "[PERSON]", True),
        ("target.external", "pseudonymise", '["*"]', True),
        ("target.external", "mask", "[EMAIL]", False),
        ('req.origin == "US"', "mask", '["*"]', False),
        ('"EMAIL" in req.types', "mask", '["*"]', False),
        ('"PERSON" in req.types', "mask", "[EMAIL]", True),
        ("req.identifiable", "mask", "[EMAIL]", False),
    ],
)
def test_names_matter_where_they_would_be_hidden(
    tmp_path: Path, when: str, action: str, types: str, answer: bool
) -> None:
    rule = {"when": when, "action": f"{action}, types: {types}"}
    assert ask(policy(tmp_path, [rule])) is answer


def test_a_name_beside_a_contact_matters_where_identification_does(tmp_path: Path) -> None:
    rules = policy(tmp_path, [{"when": "req.identifiable && target.external", "action": "deny"}])
    assert not ask(rules)
    assert ask(rules, None, "confidential", "EMAIL")


def test_names_do_not_matter_to_a_target_that_is_denied_anyway(tmp_path: Path) -> None:
    rules = [{"when": "target.external", "action": "deny"}, {"when": "target.external", "action": "mask"}]
    assert not ask(policy(tmp_path, rules))


def test_names_matter_where_their_class_is_not_kept(tmp_path: Path) -> None:
    assert not ask(policy(tmp_path))
    assert ask(policy(tmp_path, more="visibility: {sinks: {cache: {up_to: internal}}}"))


def test_an_answer_that_is_remembered_depends_on_who_may_see_the_request_at_all(tmp_path: Path) -> None:
    """A target that may not see tools is denied; the next request has none, and names matter to it."""
    rules = [{"when": '"ORG" in req.types', "action": "deny"}]
    strict = policy(tmp_path, rules, more="visibility: {providers: {default: [messages]}}")
    question = NamesQuestion()
    found = Classification(data_class="public", scan="complete", engine="e")
    tools = Request.model_validate({"input": "x", "tools": ({"type": "function"},)})
    assert not question.matter(request_facts(tools, found), found, strict)
    assert question.matter(request_facts(Request(input="x"), found), found, strict)
