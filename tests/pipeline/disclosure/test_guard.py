"""No target without a permit, no permit against the policy, and nothing in a permit that its target may not see."""

import ast
import copy
from pathlib import Path

import pytest
from fakes_models import classified, permitted, policy, target
from policy_files import FILES, write

from pipeline.contracts import Classification, DataClass, Finding, Mark, Message, Request, Shielded, ToolCall
from pipeline.disclosure.guard import Permit, Reference, View, governing, judged, may_keep, permit
from pipeline.disclosure.pseudonyms import Pseudonyms, conversation_of
from pipeline.disclosure.units import fingerprint, units_of
from pipeline.errors import ResidencyRefused
from pipeline.policy import Policy, decided
from pipeline.policy.load import load_folder
from pipeline.policy.models import Variant
from pipeline.policy.source import FixedPolicy

ROOT = Path(__file__).parents[3]
TARGETS = {"near": target("near-model"), "far": target("far-model", external=True, jurisdiction="US")}
POLICY = policy(TARGETS)
HELLO = Request(input="hello")
REFERENCE = Reference("acme.r1.draft-1", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
MAIL, CARD = "odalys@example.org", "4111111111111111"


def plain(found: Classification | None, name: str, rules: Policy = POLICY, request: Request = HELLO) -> Permit:
    return permit(request, found, name, rules, Variant(target=name), None, REFERENCE)


# ---------------------------------------------------------------- who is called


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
        made = plain(found, name)
        assert (made.target, made.spec) == (name, TARGETS[name])
        return
    with pytest.raises(ResidencyRefused) as caught:
        plain(found, name)
    assert caught.value.rule == "a-rule"


def test_a_target_that_nobody_decided_about_is_refused() -> None:
    with pytest.raises(ResidencyRefused, match="nobody decided"):
        plain(classified("near"), "far")


def test_an_unclassified_request_and_an_unknown_target_are_refused() -> None:
    with pytest.raises(ResidencyRefused, match="classified"):
        plain(None, "near")
    with pytest.raises(ResidencyRefused, match="no such target"):
        plain(classified("elsewhere"), "elsewhere")


def test_a_request_goes_on_under_the_revision_it_began_with() -> None:
    found = classified("near")
    assert governing(FixedPolicy(POLICY), POLICY.revision, HELLO, found) == (POLICY, found)


def test_when_that_revision_is_gone_the_one_in_force_decides_anew(tmp_path: Path) -> None:
    """An old decision about a name says nothing about the target that bears it now."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    now = load_folder(tmp_path, {})
    old = Classification(
        data_class="confidential", scan="complete", engine="x", residency=classified("near", "far").residency
    )
    current, decision = governing(FixedPolicy(now), "f" * 16, HELLO, old)
    assert current is now
    assert decision is not None
    assert decision.action_for("near") == "allow"
    assert decision.action_for("far") == "deny"


def test_an_unclassified_request_stays_so_under_another_revision() -> None:
    assert governing(FixedPolicy(POLICY), "f" * 16, HELLO, None) == (POLICY, None)


# ---------------------------------------------------------------- nobody else opens the door


def test_nobody_else_makes_a_permit_or_a_view() -> None:
    with pytest.raises(TypeError, match="guard"):
        Permit(object(), "near", TARGETS["near"], permitted("near", TARGETS["near"]).view)
    with pytest.raises(TypeError, match="guard"):
        View(object(), dict.fromkeys(View.__slots__))


def test_a_permit_and_its_view_cannot_be_changed_copied_or_printed() -> None:
    allowed = permitted("near", TARGETS["near"], input=MAIL)
    for sealed, name in ((allowed, "view"), (allowed.view, "messages")):
        with pytest.raises(AttributeError, match="sealed"):
            setattr(sealed, name, ())
        with pytest.raises(AttributeError, match="sealed"):
            delattr(sealed, name)
        with pytest.raises(TypeError, match="copied"):
            copy.copy(sealed)
        assert MAIL not in repr(sealed)


def sources() -> list[tuple[str, ast.Module]]:
    files = [*ROOT.glob("pipeline/**/*.py"), *ROOT.glob("stages/**/*.py")]
    return [(str(path.relative_to(ROOT)), ast.parse(path.read_text())) for path in files]


def test_only_the_guard_holds_the_seal() -> None:
    holders = {
        path
        for path, tree in sources()
        for node in ast.walk(tree)
        if (
            isinstance(node, ast.Name | ast.alias)
            and (getattr(node, "id", None) or getattr(node, "name", "")) == "GUARD"
        )
        or (isinstance(node, ast.Attribute) and node.attr == "GUARD")
    }
    assert holders == {"pipeline/disclosure/view.py", "pipeline/disclosure/guard.py"}


def imports(tree: ast.Module) -> set[str]:
    """Modules that are imported anywhere, those under TYPE_CHECKING too."""
    found = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return found | {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


CLIENTS = {"aiohttp", "httpx", "urllib3", "requests", "http.client", "urllib.request", "openai", "websockets"}
SPEAK_HTTP = {
    "pipeline/adapters/models/exchange.py": "posts the view of a permit",
    "pipeline/adapters/models/posting.py": "writes to connections what exchange hands it",
    "pipeline/adapters/models/probes.py": "asks a target how it fares, and knows no request",
    "pipeline/adapters/provider_batches/provider.py": "stores files of calls, each the view of a permit",
}
NOT_TO_TARGETS = ("pipeline/gateway/", "pipeline/embedded/", "pipeline/telemetry/", "pipeline/cli/")
"""Servers, the fetching of weights, metrics and health: they hold no request on its way to a model."""


def test_no_adapter_but_the_exchange_can_send() -> None:
    """Where an adapter speaks HTTP, it is the model client; and there one line posts."""
    able = {
        path
        for path, tree in sources()
        if any(name.split(".")[0] in CLIENTS or name in CLIENTS for name in imports(tree))
    }
    assert {path for path in able if not path.startswith(NOT_TO_TARGETS)} == set(SPEAK_HTTP)
    posts = [
        path
        for path, tree in sources()
        if path in SPEAK_HTTP or path.startswith("pipeline/adapters/models/")
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in {"post", "get", "put", "patch", "request", "ws_connect", "_request"}
        and isinstance(node.value, ast.Attribute)
        and "session" in node.value.attr
    ]
    assert posts == ["pipeline/adapters/models/exchange.py", "pipeline/adapters/provider_batches/provider.py"]


def test_what_lies_on_the_shelf_for_a_provider_is_the_view_of_a_permit() -> None:
    """One place puts a call there, and its body is made of the permit's view; those who gather make no body."""
    folder = "pipeline/adapters/provider_batches/"
    made = {
        path
        for path, tree in sources()
        if path.startswith(folder)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"Line", "call_body"}
    }
    assert made == {f"{folder}shelving.py"}
    shelving = (ROOT / folder / "shelving.py").read_text()
    assert "body = call_body(permit.view, " in shelving
    for path, tree in sources():
        if path.startswith(folder):
            known = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
            assert known.isdisjoint({"Request", "Envelope", "Classification"}), path


def test_a_probe_knows_nothing_of_a_request() -> None:
    """It makes its own GET, with what a target's definition says and nothing else."""
    tree = ast.parse((ROOT / "pipeline/adapters/models/probes.py").read_text())
    known = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert known.isdisjoint({"Request", "Envelope", "Classification", "View", "Permit", "ModelCall", "call_body"})
    sent = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and "_open" in ast.unparse(node.func)]
    given = {keyword.arg for node in sent for keyword in node.keywords}
    assert given <= {"headers", "timeout", "allow_redirects"}, "no body and no parameters"


def test_a_body_and_headers_are_made_of_a_view_alone() -> None:
    """They take a view, and none of their modules knows a request or an envelope."""
    for name in ("body", "endpoint", "exchange", "http"):
        tree = ast.parse((ROOT / f"pipeline/adapters/models/{name}.py").read_text())
        known = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
        assert known.isdisjoint({"Request", "Envelope", "Classification"}), name
    body = ast.parse((ROOT / "pipeline/adapters/models/body.py").read_text())
    (made,) = [node for node in body.body if isinstance(node, ast.FunctionDef) and node.name == "call_body"]
    assert [ast.unparse(argument.annotation) for argument in made.args.args if argument.annotation] == [
        "View",
        "Template",
    ]


# ---------------------------------------------------------------- what is sent


RESIDENCY = """\
apiVersion: stepwell/v1
kind: Residency
classes: {restricted: [CREDIT_CARD], confidential: [PERSON, EMAIL], internal: [ORG]}
visibility: {providers: {hosted: [messages, system, tools, tool_results, response_schema]}}
rules:
  - {id: cards, when: target.external && "CREDIT_CARD" in req.types, action: mask, types: [CREDIT_CARD], reason: r}
  - {id: mails, when: target.external && "EMAIL" in req.types, action: pseudonymise, types: [EMAIL], reason: r}
"""


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    return load_folder(write(tmp_path_factory.mktemp("guard"), residency=RESIDENCY), {})


def scanned(request: Request, rules: Policy, **changes: object) -> Classification:
    """As classify would leave it, for the mail and the card in the request."""
    units = units_of(request, rules.sometimes_seen())
    marks = tuple(
        Mark(number, at, at + len(needle), kind, 1.0)
        for number, text in enumerate(units.texts)
        for needle, kind in ((MAIL, "EMAIL"), (CARD, "CREDIT_CARD"))
        for at in range(len(text))
        if text.startswith(needle, at)
    )
    types = sorted({mark.type for mark in marks})
    findings = tuple(Finding(type=kind, count=sum(mark.type == kind for mark in marks)) for kind in types)
    classes: dict[str, DataClass] = {"CREDIT_CARD": "restricted", "EMAIL": "confidential"}
    plain = Classification(
        data_class=max(
            (classes[kind] for kind in types), default="public", key=["public", "confidential", "restricted"].index
        ),
        findings=findings,
        scan="complete",
        engine="e",
        names_scanned=True,
        units=fingerprint(units),
        marks=marks,
    )
    return plain.model_copy(update={"residency": decided(request, plain, rules), **changes})


def sent(request: Request, rules: Policy, name: str = "far", found: Classification | None = None) -> View:
    shield = Pseudonyms(b"secret", request.tenant, conversation_of(request))
    found = found or scanned(request, rules)
    return permit(request, found, name, rules, Variant(target=name, system="Be brief."), shield, REFERENCE).view


LETTER = Request(input=f"Charge {CARD}, write to {MAIL}, and to {MAIL}.", metadata={"team": MAIL}, user="odalys")


def test_a_target_is_kept_from_what_rules_hide_and_gets_the_rest(rules: Policy) -> None:
    view = sent(LETTER, rules)
    prompt, question = (str(message.content) for message in view.messages)
    assert prompt == "Be brief."
    assert question.startswith("Charge [CARD], write to <EMAIL_")
    assert MAIL not in question
    assert view.shielded == (
        Shielded(action="pseudonymise", what="EMAIL", count=3),
        Shielded(action="mask", what="CREDIT_CARD", count=1),
        Shielded(action="omit", what="metadata", count=1),
        Shielded(action="omit", what="user", count=1),
    )


def test_a_target_of_ours_gets_it_as_it_is(rules: Policy) -> None:
    view = sent(LETTER, rules, "near")
    assert view.messages[-1].content == LETTER.input
    assert {entry.action for entry in view.shielded} == {"omit"}


def test_a_request_that_is_not_the_one_that_was_scanned_is_not_sent(rules: Policy) -> None:
    other = LETTER.model_copy(update={"input": f"{LETTER.input} {MAIL}"})
    with pytest.raises(ResidencyRefused, match="not the request that was scanned") as caught:
        sent(other, rules, found=scanned(LETTER, rules))
    assert caught.value.rule == "cards"


@pytest.mark.parametrize("changes", [{"marks": ()}, {"units": None}, {"units": None, "marks": ()}])
def test_what_is_not_marked_is_not_sent(rules: Policy, changes: dict[str, object]) -> None:
    with pytest.raises(ResidencyRefused, match="cannot be hidden"):
        sent(LETTER, rules, found=scanned(LETTER, rules).model_copy(update=changes))


def test_a_mark_that_was_taken_away_is_missed(rules: Policy) -> None:
    found = scanned(LETTER, rules)
    with pytest.raises(ResidencyRefused, match="where all of it stands"):
        sent(LETTER, rules, found=found.model_copy(update={"marks": found.marks[1:]}))


def test_without_anything_to_hide_with_nothing_is_sent(rules: Policy) -> None:
    with pytest.raises(ResidencyRefused, match="nothing to hide"):
        plain(scanned(LETTER, rules), "far", rules, LETTER)


def test_a_forged_decision_is_judged_again(rules: Policy) -> None:
    """Somebody writes `allow` into the queue; the findings still say what is in it."""
    forged = scanned(LETTER, rules, residency=classified("near", "far").residency)
    assert judged(LETTER, forged, "far", rules).action == "mask"
    assert CARD not in str(sent(LETTER, rules, found=forged).messages)


def test_a_class_below_that_of_the_findings_does_not_count(tmp_path: Path) -> None:
    rules = load_folder(write(tmp_path, residency=FILES["residency.yaml"]), {})
    found = Classification(
        data_class="public",
        findings=(Finding(type="SECRET", count=1),),
        scan="complete",
        engine="e",
        residency=classified("near", "far").residency,
    )
    with pytest.raises(ResidencyRefused) as caught:
        plain(found, "far", rules)
    assert caught.value.rule == "stays"
    with pytest.raises(ResidencyRefused):
        plain(found.model_copy(update={"findings": (), "marks": (Mark(0, 0, 5, "SECRET", 1.0),)}), "far", rules)
    with pytest.raises(ResidencyRefused):
        plain(found.model_copy(update={"findings": (), "scan": "failed"}), "far", rules)


def test_a_decision_that_travelled_and_is_stricter_than_the_one_made_now_holds(rules: Policy) -> None:
    found = scanned(HELLO, rules).model_copy(update={"residency": classified("far", action="deny").residency})
    with pytest.raises(ResidencyRefused):
        sent(HELLO, rules, found=found)


@pytest.mark.parametrize("action", ["pseudonymise", "mask"])
@pytest.mark.parametrize("other", ["allow", "local_only"])
@pytest.mark.parametrize("travelled", [True, False], ids=["hidden before", "hidden now"])
def test_what_either_decision_hides_is_hidden_even_where_the_other_is_stricter(
    action: str, other: str, travelled: bool, tmp_path: Path
) -> None:
    rules = FILES["residency.yaml"].replace("target.external && ", "")
    hides = rules.replace("action: deny", f"action: {action}\n    types: [SECRET]")
    lets = rules.replace("action: deny", f"action: {other}")
    before, now = (hides, lets) if travelled else (lets, hides)
    found = Classification(
        data_class="confidential",
        findings=(Finding(type="SECRET", count=1),),
        marks=(Mark(0, 0, 5, "SECRET", 1.0),),
        units=fingerprint(units_of(HELLO)),
        scan="complete",
        engine="e",
        names_scanned=True,
    )
    older = load_folder(write(tmp_path / "before", residency=before), {})
    newer = load_folder(write(tmp_path / "now", residency=now), {})
    sent_on = found.model_copy(update={"residency": decided(HELLO, found, older)})
    joined = judged(HELLO, sent_on, "near", newer)

    assert getattr(joined, action) == ("SECRET",)
    assert joined.action == (other if other == "local_only" else action)


# ---------------------------------------------------------------- fields


def test_who_may_not_know_the_request_gets_no_trace_and_a_key_that_says_nothing(rules: Policy) -> None:
    far, near = sent(HELLO, rules), sent(HELLO, rules, "near")
    assert (near.idempotency_key, near.traceparent) == REFERENCE
    assert far.traceparent is None
    assert "acme" not in far.idempotency_key
    assert far.idempotency_key == sent(HELLO, rules).idempotency_key != ""


def test_user_session_and_metadata_are_shown_only_to_a_provider_that_may_see_them(tmp_path: Path) -> None:
    shown = "visibility: {providers: {hosted: [messages, user, session, metadata]}}"
    rules = load_folder(write(tmp_path, residency=FILES["residency.yaml"] + shown), {})
    request = Request(input="hi", user="u1", session="s1", metadata={"team": "x"})
    found = scanned(request, rules)
    far, near = sent(request, rules, found=found), sent(request, rules, "near", found)
    assert (far.user, far.session, far.metadata) == ("u1", "s1", {"team": "x"})
    assert (near.user, near.session, near.metadata) == (None, None, {})


def test_ids_of_tool_calls_are_numbered_anew_for_others_and_still_belong_together(rules: Policy) -> None:
    call = ToolCall(id=MAIL, function={"name": "f", "arguments": "{}"})
    request = Request(
        messages=(
            Message(role="assistant", tool_calls=(call,)),
            Message(role="tool", content="4", tool_call_id=MAIL, name="Odalys"),
        )
    )
    _, asked, answered = sent(request, rules).messages
    assert asked.tool_calls is not None
    assert (asked.tool_calls[0].id, answered.tool_call_id, answered.name) == ("call_1", "call_1", None)
    assert sent(request, rules, "near").messages[2].tool_call_id == MAIL


def test_where_a_schema_asks_for_a_form_what_is_hidden_keeps_its_form(rules: Policy) -> None:
    schema = {"type": "object", "properties": {"to": {"type": "string", "format": "email"}}}
    question = str(sent(LETTER.model_copy(update={"response_schema": schema}), rules).messages[-1].content)
    assert "<EMAIL" not in question
    assert MAIL not in question
    assert "@" in question


# ---------------------------------------------------------------- where else requests are kept


@pytest.mark.parametrize(
    ("data_class", "kept"),
    [("public", True), ("internal", True), ("confidential", False), ("restricted", False), (None, False)],
)
def test_what_is_above_the_ceiling_of_a_sink_is_not_kept_there(
    tmp_path: Path, data_class: DataClass | None, kept: bool
) -> None:
    ceiling = "visibility: {sinks: {cache: {up_to: internal}}}"
    rules = load_folder(write(tmp_path, residency=FILES["residency.yaml"] + ceiling), {})
    found = data_class and Classification(data_class=data_class, scan="complete", engine="e")
    assert may_keep("cache", found, rules) is kept
    assert may_keep("dead_letters", found, rules)


def test_a_class_that_is_milder_than_its_findings_is_not_believed(tmp_path: Path) -> None:
    ceiling = "visibility: {sinks: {cache: {up_to: internal}}}"
    rules = load_folder(write(tmp_path, residency=FILES["residency.yaml"] + ceiling), {})
    found = Classification(
        data_class="public", findings=(Finding(type="PERSON", count=1),), scan="complete", engine="e"
    )
    assert not may_keep("cache", found, rules)
