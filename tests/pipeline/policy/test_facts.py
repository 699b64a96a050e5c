"""Facts are the same whether they come from a request or from its signals, and nobody works out what nobody asks."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_files import RESIDENCY, write

import pipeline.signals.asked as asked_module
from pipeline.contracts import (
    BudgetStanding,
    Classification,
    Finding,
    ImagePart,
    Message,
    Parameters,
    Request,
    Signals,
    Snapshot,
    TextPart,
    ToolCall,
)
from pipeline.policy import decided_about
from pipeline.policy.conditions import compile_condition, known
from pipeline.policy.facts import REQUEST_FACTS, UNSTABLE, facts_of_example, facts_of_signals, request_facts
from pipeline.policy.load import load_folder
from pipeline.policy.models import Given
from pipeline.policy.observed import budget_left, signals_of

KEPT = ("team",)


@dataclass(frozen=True)
class Rules:
    """The part of a policy that signals depend on."""

    record_metadata: tuple[str, ...] = KEPT
    attached: dict[str, bytes] = field(default_factory=dict)
    difficulty_file: str | None = None

    def user_tier(self, tenant: str, user: str | None) -> str | None:
        return "gold" if user else None


def signals(request: Request, found: Classification | None = None) -> Signals:
    return signals_of(request, found, Rules(), secret=b"secret", request_id="r1", deadline_left_ms=900)


TEXT = st.sampled_from(
    ["", "hi", "How many sheep?", "Prove it. Write a python function.", "json", "Ж" * 9, "\ud800", "w " * 99]
)
CONTENT = st.one_of(
    TEXT,
    st.none(),
    st.lists(
        TEXT.map(lambda text: TextPart(type="text", text=text)) | st.just(ImagePart(type="image_url", image_url={})),
        max_size=3,
    ).map(tuple),
)
MESSAGES = st.lists(
    st.builds(
        Message,
        role=st.sampled_from(["system", "developer", "user", "assistant", "tool"]),
        content=CONTENT,
        tool_calls=st.none() | st.just((ToolCall(id="1", function={"name": "f", "arguments": "{}"}),)),
    ),
    min_size=1,
    max_size=5,
).map(tuple)
OBJECT = st.none() | st.just({"type": "object"})
REQUESTS = st.builds(
    lambda messages, text, **more: Request(**({"input": text} if text is not None else {"messages": messages}), **more),
    messages=MESSAGES,
    text=st.none() | TEXT,
    tenant=st.sampled_from(["default", "acme"]),
    user=st.none() | st.just("u"),
    session=st.none() | st.sampled_from(["", "s"]),
    lane=st.sampled_from(["interactive", "batch"]),
    origin=st.none() | st.just("EU"),
    tools=st.none() | st.just(({"type": "function"},)),
    response_schema=OBJECT,
    parameters=st.builds(Parameters, max_tokens=st.none() | st.integers(1, 9)),
    metadata=st.dictionaries(st.sampled_from(["task", "language", *KEPT]), st.text(max_size=3)),
)
FOUND = st.none() | st.builds(
    Classification,
    data_class=st.sampled_from(["public", "confidential"]),
    findings=st.lists(st.sampled_from(["PERSON", "EMAIL_ADDRESS"]), unique=True).map(
        lambda kinds: tuple(Finding(type=kind, count=1) for kind in kinds)
    ),
    special=st.sampled_from([(), ("health",)]),
    scan=st.sampled_from(["complete", "partial"]),
    engine=st.just("e"),
    names_covered=st.booleans(),
)
STABLE = tuple(name for name in REQUEST_FACTS if name not in UNSTABLE)


@given(REQUESTS, FOUND)
def test_facts_of_a_request_and_of_its_signals_are_equal(request: Request, found: Classification | None) -> None:
    tier = Rules().user_tier(request.tenant, request.user)
    own, recorded = request_facts(request, found, tier), facts_of_signals(signals(request, found))

    assert own.some(STABLE) == recorded.some(STABLE)
    assert own.key(STABLE) == recorded.key(STABLE)


@given(REQUESTS, FOUND)
def test_signals_survive_being_written_down(request: Request, found: Classification | None) -> None:
    seen = signals(request, found)
    read = Signals.model_validate_json(seen.model_dump_json())

    assert read == seen
    assert facts_of_signals(read, 0.5) == facts_of_signals(seen, 0.5)


@given(REQUESTS)
def test_every_fact_is_of_the_type_it_is_declared_with(request: Request) -> None:
    kinds = {
        "text": str, "boolean": bool, "integer": int, "number": float, "list": list, "map": dict
    }  # fmt: skip
    for facts in (request_facts(request), facts_of_signals(signals(request)), facts_of_example(Given())):
        for name, kind in REQUEST_FACTS.items():
            value = facts.values[name]
            if kind.endswith(" or null"):
                assert value is None or isinstance(value, kinds[kind.removesuffix(" or null")]), name
            else:
                assert isinstance(value, kinds[kind]), name
                assert kind != "integer" or not isinstance(value, bool), name


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        ("req.complexity > 0.2 && req.wants_code", True),
        ("req.turns == 1 && req.tokens < 100", True),
        ("req.max_tokens != null && req.max_tokens < 50", True),
        ("req.difficulty != null && req.difficulty > 0.5", False),
        ("req.budget_left < 0.3 && req.deadline_left_ms < 1000", True),
        ('req.user_tier == "gold" && !req.has_session && req.modalities.size() == 0', True),
        ('"team" in req.metadata || "secret" in req.metadata', False),
    ],
)
def test_conditions_see_the_facts_of_signals(source: str, answer: bool) -> None:
    request = Request(
        input="Prove it. Write a python function.",
        user="u",
        parameters=Parameters(max_tokens=9),
        metadata={"secret": "x"},
    )
    facts = facts_of_signals(signals(request), 0.25)
    condition = compile_condition(source, targets=False)

    assert condition.ask(known(facts.some(condition.names), targets=False)) is answer


def test_signals_hold_no_text_no_user_no_session_and_no_other_metadata() -> None:
    request = Request(
        input="canary-text " * 100,
        user="canary-user",
        session="canary-session",
        metadata={"task": "labels", "team": "red", "note": "canary-note"},
    )
    written = signals(request).model_dump_json()

    assert "canary" not in written
    assert signals(request).metadata == {"task": "labels", "team": "red"}


def test_words_are_not_read_where_no_fact_needs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(conversation: object) -> object:
        raise AssertionError("nobody asked for the words")

    monkeypatch.setattr(asked_module, "read", refuse)
    cheap = tuple(name for name in STABLE if not name.startswith(("req.wants", "req.complexity")))
    facts = request_facts(Request(input="x"))

    facts.key(cheap)
    facts.some(cheap)
    with pytest.raises(AssertionError, match="nobody asked"):
        facts.some(["req.complexity"])


def test_facts_can_be_replaced_without_touching_the_others() -> None:
    facts = request_facts(Request(input="x", tenant="acme"))
    changed = facts.but(data_class="public", types=("PERSON",))

    assert changed.some(["req.data_class", "req.types", "req.tenant"]) == {
        "req.data_class": "public", "req.types": ["PERSON"], "req.tenant": "acme"
    }  # fmt: skip
    assert facts.values["req.data_class"] == "restricted"
    assert changed != facts


@pytest.mark.parametrize("names", [(), ("req.tenant",), ("req.metadata",), ("req.tenant", "req.metadata")])
def test_a_key_has_a_part_for_each_name(names: tuple[str, ...]) -> None:
    key = request_facts(Request(input="x", metadata={"b": "1", "a": "2"})).key(names)

    assert len(key) == len(names)
    assert hash(key) == hash(request_facts(Request(input="y", metadata={"a": "2", "b": "1"})).key(names))


def test_an_example_with_images_has_their_modality() -> None:
    assert facts_of_example(Given(has_images=True)).values["req.modalities"] == ["image"]
    assert facts_of_example(Given()).values["req.modalities"] == []


def test_what_is_left_of_budgets_is_the_smallest_share() -> None:
    standings = (BudgetStanding(name="a", left=0.5), BudgetStanding(name="b", left=0.2))

    assert budget_left(Snapshot(budgets=standings)) == 0.2
    assert budget_left(Snapshot()) == 1.0


def test_without_a_classification_signals_count_as_restricted_and_unscanned() -> None:
    seen = signals(Request(input="x"))

    assert (seen.data_class, seen.scan, seen.names_covered, seen.names_scanned) == (
        "restricted",
        "failed",
        False,
        False,
    )


def test_a_residency_rule_sees_the_tier_of_a_user_wherever_it_is_asked(tmp_path: Path) -> None:
    rule = RESIDENCY.replace('req.data_class != "public"', 'req.user_tier != "gold"')
    tenants = "apiVersion: stepwell/v1\nkind: Tenants\ntenants:\n  default: {user_tiers: {ann: gold}}\n"
    folder = write(tmp_path, residency=rule)
    (folder / "tenants.yaml").write_text(tenants)
    policy = load_folder(folder, {})
    found = Classification(data_class="public", scan="complete", engine="e")

    for user, action in (("ann", "allow"), ("bob", "deny"), (None, "deny")):
        assert decided_about("far", Request(input="x", user=user), found, policy).action == action
