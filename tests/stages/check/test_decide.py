"""Accepted, rejected, exhausted: the table of what follows."""

import pytest
from fakes_stages import attempt, envelope, plan, scored, verdict
from hypothesis import given
from hypothesis import strategies as st

from pipeline.contracts import Budget, Plan, Request, ToolCall
from pipeline.policy.models import Accept
from pipeline.topology import outcomes_of
from stages.check.decide import Findings, Rules, decide

FIRST = attempt(1, text="42")
SECOND = attempt(2, text="43")


def judged(found: Findings, *attempts, tiers: Plan | None = None, cap: int | None = None, **others):
    tiers = tiers or plan(threshold=0.6)
    request = Request(input="x", budget=Budget(max_escalations=cap))
    return decide(envelope(*(attempts or (FIRST,)), tiers=tiers, request=request, **others), tiers, found)


def test_a_sure_draft_stays() -> None:
    outcome = judged(Findings(confidence=0.6))
    assert outcome.kind == "accepted"
    assert outcome.changes["verdict"].accepted
    assert (outcome.facts["confidence"], outcome.facts["threshold"]) == (0.6, 0.6)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (Findings(confidence=0.59), "below_threshold"),
        (Findings(confidence=None), "no_confidence"),
        (Findings("invalid", confidence=1.0), "schema"),
        (Findings("invalid", confidence=1.0, problems=("a call of a tool that was not offered",)), "calls"),
        (Findings(confidence=1.0, empty=True), "empty"),
    ],
)
def test_a_draft_that_does_not_suffice_goes_one_tier_further(found: Findings, reason: str) -> None:
    outcome = judged(found)
    assert (outcome.kind, outcome.reasons) == ("rejected", (reason,))
    assert not outcome.changes["verdict"].accepted
    assert "status" not in outcome.changes


def test_without_a_threshold_the_schema_alone_decides() -> None:
    for state, kind in (("valid", "accepted"), ("repaired", "accepted"), ("none", "accepted"), ("invalid", "rejected")):
        assert judged(Findings(state, confidence=None), tiers=plan(threshold=None)).kind == kind


def test_with_a_threshold_a_valid_document_alone_is_not_enough() -> None:
    assert judged(Findings("valid", confidence=None)).kind == "rejected"


def test_to_the_last_tier_no_threshold_applies() -> None:
    for confidence in (None, 0.01):
        outcome = judged(Findings("valid", confidence=confidence), FIRST, SECOND)
        assert outcome.kind == "accepted"
        assert "degraded" not in outcome.changes


@pytest.mark.parametrize("on_exhausted", ["degrade", "fail"])
def test_the_last_tier_has_to_satisfy_the_schema(on_exhausted: str) -> None:
    tiers = plan(threshold=0.6, on_exhausted=on_exhausted)
    outcome = judged(
        Findings("invalid", confidence=1.0), FIRST, SECOND, tiers=tiers, verdict=verdict(schema_state="invalid")
    )
    assert outcome.kind == "exhausted"
    assert outcome.changes["status"] == "failed"
    assert outcome.changes["error"].code == "schema_not_satisfied"


def test_an_earlier_answer_that_satisfied_the_schema_is_served_before_none() -> None:
    earlier = verdict(1, schema_state="valid", confidence=0.3, parsed={"a": 1})
    outcome = judged(Findings("invalid"), FIRST, SECOND, verdict=earlier)
    assert outcome.kind == "exhausted"
    assert (outcome.changes["status"], outcome.changes["degraded"]) == ("answered", "below_threshold")
    assert outcome.changes["verdict"] == earlier


def test_unless_the_route_would_rather_fail() -> None:
    earlier = verdict(1, schema_state="valid", confidence=0.3)
    tiers = plan(threshold=0.6, on_exhausted="fail")
    outcome = judged(Findings("invalid"), FIRST, SECOND, tiers=tiers, verdict=earlier)
    assert outcome.changes["error"].code == "schema_not_satisfied"


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        ("a call of a tool that was not offered", "the last answer has a call of a tool that was not offered"),
        ("tools/weather/required", "arguments that hold its schema"),
        ("required", "satisfies the response schema"),
    ],
)
def test_the_error_says_whether_calls_their_arguments_or_the_document_were_wrong(problem: str, told: str) -> None:
    error = judged(Findings("invalid", problems=(problem,)), FIRST, SECOND).changes["error"]
    assert error.code == "schema_not_satisfied"
    assert told in error.message


@pytest.mark.parametrize(
    ("on_exhausted", "status", "word"),
    [("degrade", "answered", "below_threshold"), ("fail", "failed", "quality_not_reached")],
)
def test_a_capped_draft_that_is_not_sure_is_marked_or_fails(on_exhausted: str, status: str, word: str) -> None:
    outcome = judged(Findings(confidence=0.1), tiers=plan(threshold=0.6, on_exhausted=on_exhausted), cap=0)
    assert outcome.kind == "exhausted"
    assert outcome.changes["status"] == status
    assert word == (outcome.changes["degraded"] if status == "answered" else outcome.changes["error"].code)


def test_the_tokens_are_dropped_once_they_have_been_weighed() -> None:
    first = FIRST.model_copy(update={"tokens": scored(("42", -0.1))})
    outcome = judged(Findings(confidence=0.9), first)
    assert outcome.changes["attempts"] == (FIRST,)


def test_the_verdict_holds_all_that_was_found() -> None:
    found = Findings("repaired", "{}", {}, ("syntax repaired",), (), 0.7, {"cut_off": 0.0})
    made = judged(found).changes["verdict"]
    assert (made.attempt, made.schema_state, made.content, made.parsed) == (1, "repaired", "{}", {})
    assert (made.repairs, made.signals, made.confidence, made.threshold) == (found.repairs, {"cut_off": 0.0}, 0.7, 0.6)


@given(
    state=st.sampled_from(["none", "valid", "repaired", "invalid"]),
    confidence=st.none() | st.floats(0, 1),
    threshold=st.none() | st.floats(0, 1),
    empty=st.booleans(),
    made=st.integers(1, 3),
    tiers=st.integers(1, 3),
    allowed=st.integers(0, 3),
    on_exhausted=st.sampled_from(["degrade", "fail"]),
    earlier=st.sampled_from([None, "none", "valid", "invalid"]),
)
def test_what_always_holds(state, confidence, threshold, empty, made, tiers, allowed, on_exhausted, earlier) -> None:
    made = min(made, tiers, allowed + 1)
    stairs = plan(tiers, threshold=threshold, max_escalations=allowed, on_exhausted=on_exhausted)
    before = envelope(
        *(attempt(number, text="x") for number in range(1, made + 1)),
        tiers=stairs,
        verdict=None if earlier is None or made == 1 else verdict(1, schema_state=earlier),
    )
    outcome = decide(before, stairs, Findings(state, confidence=confidence, empty=empty))
    assert outcome.kind in outcomes_of("check")
    served = outcome.kind == "accepted" or outcome.changes.get("status") == "answered"
    if served:
        assert outcome.changes["verdict"].schema_state != "invalid"
    if outcome.kind == "accepted":
        assert "degraded" not in outcome.changes
        if made < tiers and threshold is not None:
            assert confidence is not None
            assert confidence >= threshold
    if outcome.kind == "rejected":
        assert made - 1 < before.last_tier
    if outcome.kind == "exhausted":
        assert made - 1 == before.last_tier
        assert served == ("degraded" in outcome.changes) != ("error" in outcome.changes)
        assert not served or on_exhausted == "degrade"


@pytest.mark.parametrize("cut", ["budget", "max_cost"])
def test_where_money_took_the_deeper_tiers_the_last_one_is_judged_and_the_caller_told(cut: str) -> None:
    tiers = plan(1, threshold=0.6, cut=cut)
    unsure = judged(Findings(confidence=0.1), tiers=tiers)
    assert (unsure.kind, unsure.changes["status"], unsure.changes["degraded"]) == ("exhausted", "answered", cut)
    assert not unsure.changes["verdict"].accepted
    sure = judged(Findings(confidence=0.9), tiers=tiers)
    assert (sure.kind, sure.changes.get("degraded")) == ("accepted", None)
    strict = judged(Findings(confidence=0.1), tiers=plan(1, threshold=0.6, cut=cut, on_exhausted="fail"))
    assert (strict.changes["status"], strict.changes["error"].code) == ("failed", "quality_not_reached")


@pytest.mark.parametrize(("tiers", "place"), [({"relieved": True}, 0), ({}, 1)])
def test_who_answers_because_a_budget_is_used_up_is_marked(tiers: dict[str, bool], place: int) -> None:
    made = attempt(1, text="42", fallback=place)
    sure = judged(Findings(confidence=0.9), made, tiers=plan(1, threshold=0.6, **tiers))
    assert (sure.kind, sure.changes["degraded"]) == ("accepted", "budget")
    unsure = judged(Findings(confidence=0.1), made, tiers=plan(1, threshold=0.6, cut="budget", **tiers))
    assert unsure.changes["degraded"] == "budget"


UNFIT = [
    (Findings(confidence=1.0, empty=True), "empty"),
    (Findings(confidence=1.0, ended="filtered"), "filtered"),
    (Findings(confidence=1.0, empty=True, ended="filtered"), "filtered"),
    (Findings(confidence=1.0, ended="cut_off"), "cut_off"),
    (Findings("valid", confidence=1.0, ended="cut_off"), "cut_off"),
]


@pytest.mark.parametrize("threshold", [None, 0.6])
@pytest.mark.parametrize(("found", "reason"), UNFIT)
def test_no_whole_answer_goes_further_and_is_marked_at_the_end(
    found: Findings, reason: str, threshold: float | None
) -> None:
    """Whatever the threshold; also where the last tier gave it."""
    tiers = plan(threshold=threshold)
    assert judged(found, tiers=tiers).reasons == (reason,)
    for attempts, cap in (((FIRST,), 0), ((attempt(1, error={"code": "c", "message": "m"}), SECOND), None)):
        end = judged(found, *attempts, tiers=tiers, cap=cap)
        assert (end.kind, end.reasons) == ("exhausted", (reason,))
        assert (end.changes["status"], end.changes["degraded"]) == ("answered", reason)
        assert not end.changes["verdict"].accepted
        strict = plan(threshold=threshold, on_exhausted="fail")
        assert judged(found, *attempts, tiers=strict, cap=cap).changes["error"].code == "quality_not_reached"


@pytest.mark.parametrize(("found", "reason"), UNFIT)
def test_nobody_is_sure_of_nothing_or_of_what_a_filter_kept_back(found: Findings, reason: str) -> None:
    sure = judged(found, FIRST, SECOND).changes["verdict"].confidence
    assert sure == (1.0 if reason == "cut_off" else 0.0)


@pytest.mark.parametrize(("found", "reason"), UNFIT[:3])
def test_an_earlier_answer_is_served_before_nothing(found: Findings, reason: str) -> None:
    earlier = verdict(1, confidence=0.3)
    end = judged(found, FIRST, SECOND, verdict=earlier)
    assert end.reasons == (reason,)
    assert (end.changes["verdict"], end.changes["degraded"]) == (earlier, "below_threshold")
    for nothing in (attempt(1, text=" "), attempt(1, text="So", finish_reason="content_filter")):
        end = judged(found, nothing, SECOND, verdict=earlier)
        assert (end.changes["verdict"].attempt, end.changes["degraded"]) == (2, reason)
    read = judged(found, FIRST, attempt(2, text="", streamed=True), verdict=earlier)
    assert read.changes["verdict"].attempt == 2


@pytest.mark.parametrize(("found", "reason"), UNFIT)
def test_a_draft_that_would_stay_is_what_it_was_where_the_answer_after_it_is_none(found: Findings, reason: str) -> None:
    stays = verdict(1, confidence=0.9, stays=True, explored=0.1)
    end = judged(found, FIRST, SECOND, verdict=stays)
    assert end.reasons == (reason,)
    assert (end.changes["verdict"], "degraded" in end.changes) == (stays, False)


CALLS = attempt(1, tool_calls=(ToolCall(id="c", function={"name": "f", "arguments": "{}"}),))


@pytest.mark.parametrize(
    ("state", "calls", "confidence", "kind"),
    [
        ("valid", "judged", None, "rejected"),
        ("valid", "judged", 0.7, "accepted"),
        ("valid", "valid", None, "accepted"),
        ("repaired", "valid", None, "accepted"),
        ("valid", "valid", 0.1, "accepted"),
        ("none", "valid", None, "rejected"),
        ("invalid", "valid", None, "rejected"),
    ],
)
def test_calls_are_judged_or_stay_by_their_schemas(state: str, calls: str, confidence: float | None, kind: str) -> None:
    """One of a tool that nobody offered is not held against any, and does not stay for that."""
    tiers, found = plan(threshold=0.6), Findings(state, confidence=confidence)  # type: ignore[arg-type]
    rules = Rules(accept=Accept(confidence=0.6, calls=calls, corrective_turns=0))  # type: ignore[arg-type]
    assert decide(envelope(CALLS, tiers=tiers), tiers, found, rules).kind == kind


def test_documents_do_not_stay_as_calls_do() -> None:
    tiers, rules = plan(threshold=0.6), Rules(accept=Accept(confidence=0.6, calls="valid"))
    assert decide(envelope(FIRST, tiers=tiers), tiers, Findings("valid"), rules).reasons == ("no_confidence",)
