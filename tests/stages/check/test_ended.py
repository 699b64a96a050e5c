"""What the end of an answer has against it."""

import pytest
from fakes_models import policy
from fakes_stages import attempt, envelope, plan, scored

from pipeline.contracts import Parameters, Request, ToolCall
from pipeline.policy.source import FixedPolicy
from pipeline.ports import Run
from stages.check import Check
from stages.check.assess import assess
from stages.check.ended import with_ending
from stages.check.findings import Findings

CUT = attempt(1, text="Seven", finish_reason="length")


@pytest.mark.parametrize(
    ("wanted", "at_most", "ended"),
    [(None, 1024, "cut_off"), (None, None, "cut_off"), (8, 1024, None), (8, None, None), (2048, 1024, "cut_off")],
)
def test_what_stops_at_the_callers_own_limit_is_what_he_asked_for(
    wanted: int | None, at_most: int | None, ended: str | None
) -> None:
    assert with_ending(Findings(), CUT, wanted, at_most).unfit == ended


@pytest.mark.parametrize(("reason", "ended"), [("content_filter", "filtered"), ("stop", None), (None, None)])
def test_what_a_filter_kept_back_is_no_answer(reason: str | None, ended: str | None) -> None:
    assert with_ending(Findings(), attempt(1, text="Seven", finish_reason=reason), 8, 1024).unfit == ended


@pytest.mark.parametrize(
    ("text", "schema", "ended"),
    [
        ('{"a": 1}\n\n\n', {"type": "object"}, None),
        ('Here it is: {"a": 1} and', {"type": "object"}, None),
        ('"seven"', {"type": "string"}, None),
        ("sev", {"type": "string"}, "cut_off"),
    ],
)
def test_a_document_that_is_closed_is_whole(text: str, schema: dict[str, object], ended: str | None) -> None:
    cut = attempt(1, text=text, finish_reason="length")
    found = assess(cut, schema)  # type: ignore[arg-type]
    assert found.schema_state != "invalid"
    assert with_ending(found, cut, None, 1024).ended == ended


@pytest.mark.parametrize(("text", "empty"), [("<think>Hm.</think>\n", True), ("<think>Hm.</think> Seven", False)])
def test_reasoning_that_nothing_follows_is_empty(text: str, empty: bool) -> None:
    assert assess(attempt(1, text=text), None).empty is empty
    call = ToolCall(id="c", function={"name": "f", "arguments": "{}"})
    assert not assess(attempt(1, text=text, tool_calls=(call,)), None).empty


@pytest.mark.parametrize(("wanted", "kind"), [(None, "exhausted"), (8, "accepted")])
async def test_check_knows_whose_limit_it_was(wanted: int | None, kind: str) -> None:
    request = Request(input="x", parameters=Parameters(max_tokens=wanted))
    cut = CUT.model_copy(update={"tokens": scored(("Seven", -0.001))})
    before = envelope(cut, tiers=plan(1, threshold=0.5), request=request)
    outcome = await Check(FixedPolicy(policy({}))).handle(before, Run())
    assert outcome.kind == kind
    assert outcome.changes.get("degraded") == ("cut_off" if kind == "exhausted" else None)


async def test_an_answer_of_nothing_is_never_sure() -> None:
    nothing = attempt(1, text="", finish_reason="stop", tokens=scored(("", 0.0)))
    outcome = await Check(FixedPolicy(policy({}))).handle(envelope(nothing, tiers=plan(1, threshold=0.5)), Run())
    assert (outcome.kind, outcome.reasons, outcome.facts["confidence"]) == ("exhausted", ("empty",), 0.0)
    assert outcome.changes["degraded"] == "empty"
