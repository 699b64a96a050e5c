"""The reply and the record, as functions of what happened."""

import pytest
from decisions import SECRET, attempt, envelope, step
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audit.chain import Chain, dump
from pipeline.contracts import (
    AuditRecord,
    CacheHit,
    Envelope,
    ErrorBody,
    Finding,
    Remembered,
    Request,
    Shielded,
    Step,
    TokenLogprob,
    ToolCall,
    Usage,
    Verdict,
    parse_envelope,
)
from pipeline.topology import STAGES, TRANSITIONS
from stages.audit.decide import chunks, conflict, decide, leads, record_fields, rememberable

HIT = CacheHit(
    content="remembered", variant="large", target="large", model="m2", request_id="r0", stored_at=5.0, confidence=0.8
)
ERROR = ErrorBody(code="residency_refused", message="no target may see this data", rule="eu-stays")


def _escalated(**changes: object) -> Envelope:
    verdict = Verdict(accepted=True, attempt=2, confidence=0.7, threshold=0.5, content="checked")
    return envelope(attempts=(attempt(1), attempt(2)), verdict=verdict).model_copy(update=changes)


def test_an_accepted_draft_is_the_answer() -> None:
    reply = decide(envelope(), 1000.0)
    assert (reply.status, reply.content, reply.error) == ("answered", f"{SECRET}, answer 1", None)
    assert reply.served is not None
    assert (reply.served.variant, reply.served.tier, reply.served.tiers, reply.served.route) == ("small", 0, 2, "chat")
    assert (reply.escalated, reply.confidence, reply.cache, reply.duration_ms) == (False, 0.9, "miss", 2000.0)
    assert reply.path == ("classify:classified", "plan:planned", "recall:miss")


def test_what_is_told_of_reasoning_is_that_of_the_answer_which_is_served_and_no_record_holds_it() -> None:
    both = (attempt(1, reasoning="of the draft"), attempt(2, reasoning="of the large one"))
    decided = _escalated(attempts=both)
    reply = decide(decided, 1000.0)
    assert reply.reasoning == "of the large one"
    assert "of the" not in str(record_fields(decided, reply))
    assert decide(_escalated(attempts=both, hit=HIT), 1000.0).reasoning is None, "a remembered answer has none"
    assert decide(_escalated(attempts=both, status="failed", error=ERROR), 1000.0).reasoning is None


def test_the_answer_is_what_check_left_of_it() -> None:
    """A repaired answer is served as repaired, from the attempt that the verdict speaks of."""
    reply = decide(_escalated(), 1000.0)
    assert reply.content == "checked"
    assert reply.served is not None
    assert (reply.served.variant, reply.served.tier) == ("large", 1)
    assert (reply.escalated, reply.attempts) == (True, 2)


def test_the_verdict_chooses_the_attempt_and_not_the_order() -> None:
    """When the larger model failed and the draft is served after all, the reply says so."""
    broken = attempt(2, error=ErrorBody(code="target_timeout", message="too slow"), text=None)
    reply = decide(
        _escalated(attempts=(attempt(1), broken), verdict=envelope().verdict, degraded="low_confidence"), 1.0
    )
    assert (reply.status, reply.degraded) == ("answered", "low_confidence")
    assert reply.served is not None
    assert reply.served.variant == "small"


def test_tool_calls_reach_the_reply() -> None:
    calls = (ToolCall(id="c1", function={"name": "f", "arguments": "{}"}),)
    reply = decide(envelope(attempts=(attempt(1, tool_calls=calls, text=None),)), 1000.0)
    assert (reply.status, reply.tool_calls, reply.content) == ("answered", calls, None)


def test_a_remembered_answer_names_who_gave_it_first() -> None:
    reply = decide(envelope(hit=HIT, attempts=(), verdict=None), 1000.0)
    assert (reply.status, reply.content, reply.cache, reply.confidence) == ("answered", "remembered", "hit", 0.8)
    assert reply.served is not None
    assert (reply.served.variant, reply.served.tier, reply.served.model) == ("large", 1, "m2")
    assert (reply.cost_usd, reply.usage) == (0.0, Usage())


@pytest.mark.parametrize("status", ["refused", "failed"])
def test_what_a_stage_ended_is_not_answered_even_when_an_answer_lies_there(status: str) -> None:
    reply = decide(envelope(status=status, error=ERROR), 1000.0)
    assert (reply.status, reply.error) == (status, ERROR)
    assert (reply.content, reply.served, reply.confidence, reply.parsed) == (None, None, None, None)


def test_what_ended_before_anything_was_found_out_has_a_reply() -> None:
    early = envelope(status="refused", error=ERROR, classification=None, plan=None, attempts=(), verdict=None, trail=())
    reply = decide(early, 1000.0)
    assert (reply.status, reply.cache, reply.path) == ("refused", "off", ())


def test_a_rejected_answer_is_never_served_unless_it_is_marked_as_degraded() -> None:
    rejected = Verdict(accepted=False, attempt=1, confidence=0.2, threshold=0.5)
    unmarked = decide(envelope(verdict=rejected), 1000.0)
    assert unmarked.status == "failed"
    assert unmarked.error is not None
    assert unmarked.error.code == "target_unavailable"
    marked = decide(envelope(verdict=rejected, degraded="low_confidence"), 1000.0)
    assert (marked.status, marked.degraded, marked.confidence) == ("answered", "low_confidence", 0.2)


def test_an_attempt_that_failed_is_no_answer_whatever_the_verdict_says() -> None:
    broken = attempt(1, error=ErrorBody(code="target_unavailable", message="it broke off"), text="half an answ")
    reply = decide(envelope(attempts=(broken,)), 1000.0)
    assert (reply.status, reply.content) == ("failed", None)


def test_without_an_answer_the_last_error_of_a_model_is_the_reason() -> None:
    broken = attempt(1, error=ErrorBody(code="target_timeout", message="too slow"))
    reply = decide(envelope(attempts=(broken,), verdict=None), 1000.0)
    assert reply.error is not None
    assert reply.error.code == "target_timeout"


def test_an_answer_that_breaks_its_schema_is_named_as_such() -> None:
    reply = decide(envelope(verdict=Verdict(accepted=False, attempt=1, schema_state="invalid")), 1000.0)
    assert reply.error is not None
    assert reply.error.code == "schema_not_satisfied"


def test_cost_and_usage_are_those_of_all_attempts() -> None:
    reply = decide(_escalated(), 1000.0)
    assert reply.cost_usd == 0.5
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (20, 10)


def test_one_unknown_price_makes_the_cost_unknown() -> None:
    assert decide(_escalated(attempts=(attempt(1, cost_usd=None), attempt(2))), 1000.0).cost_usd is None


@pytest.mark.parametrize(("cacheable", "seen"), [(True, "miss"), (False, "off")])
def test_the_cache_was_missed_only_where_the_plan_lets_it_be_asked(cacheable: bool, seen: str) -> None:
    plan = envelope().plan
    assert plan is not None
    assert decide(envelope(plan=plan.model_copy(update={"cacheable": cacheable})), 1000.0).cache == seen


def test_the_reply_says_which_answer_was_served_again_and_how_old_it_is() -> None:
    hit = HIT.model_copy(update={"kind": "semantic", "similarity": 0.93, "stored_at": 990.0})

    remembered = decide(envelope(hit=hit), 1000.0).remembered

    assert remembered == Remembered(request_id=HIT.request_id, kind="semantic", age_s=10.0, similarity=0.93)
    assert decide(envelope(), 1000.0).remembered is None


@pytest.mark.parametrize(("flight", "does"), [("leads", True), ("landed", False), (None, False)])
def test_a_request_leads_where_recall_took_the_lease_for_it(flight: str | None, does: bool) -> None:
    facts = {} if flight is None else {"flight": flight}
    step = Step(stage="recall", outcome="miss", facts=facts, at=1.0, duration_ms=1.0, worker="w")
    assert leads(envelope(trail=(step,))) is does


def test_a_clock_that_went_back_gives_no_negative_duration() -> None:
    assert decide(envelope(), 900.0).duration_ms == 0.0


def test_a_conflict_shows_nothing_of_either_answer() -> None:
    reply = conflict(envelope(hit=HIT), 1000.0)
    assert (reply.status, reply.content, reply.served) == ("failed", None, None)
    assert reply.error is not None
    assert reply.error.code == "idempotency_conflict"


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({}, True),
        ({"hit": HIT}, False),
        ({"degraded": "low_confidence"}, False),
        ({"status": "failed", "error": ERROR}, False),
        ({"verdict": Verdict(accepted=False, attempt=1)}, False),
        ({"plan": envelope().plan.model_copy(update={"cacheable": False})}, False),  # type: ignore[union-attr]  # it has one
        ({"request": Request(tenant="acme", input="?", cache="refresh")}, True),
    ],
)
def test_only_a_fresh_accepted_undegraded_answer_is_remembered(changes: dict[str, object], kept: bool) -> None:
    decided = envelope(**changes)
    assert rememberable(decided, decide(decided, 1000.0)) is kept


@given(st.text(max_size=2000), st.integers(1, 300))
def test_chunks_put_together_are_the_text(text: str, size: int) -> None:
    pieces = list(chunks(text, size))
    assert "".join(piece.text for piece in pieces) == text
    assert [piece.seq for piece in pieces] == list(range(len(pieces)))
    assert all(0 < len(piece.text) <= size for piece in pieces)


# ---------------------------------------------------------------- the record


def _record(decided: Envelope) -> AuditRecord:
    body = Chain("p").link(dump(record_fields(decided, decide(decided, 1000.0)))).body
    return AuditRecord.model_validate_json(body)


def test_the_record_holds_who_found_decided_paid_and_why() -> None:
    decided = _escalated()
    record = _record(decided)
    assert record.data_class == "confidential"
    assert [(finding.type, finding.count) for finding in record.findings] == [("PERSON", 1)]
    assert record.residency[0].rule == "eu-stays"
    assert (record.propensities, record.weights_version) == ({"small": 0.75, "large": 1.0}, 3)
    assert (record.confidence, record.threshold, record.signals) == (0.7, 0.5, {})
    assert [(paid.number, paid.variant, paid.cost_usd) for paid in record.attempts] == [
        (1, "small", 0.25),
        (2, "large", 0.25),
    ]
    assert record.trail == decided.trail
    assert (record.status, record.cost_usd, record.usage.input_tokens) == ("answered", 0.5, 20)


def test_the_record_holds_no_word_of_request_or_answer() -> None:
    """Neither in any form: the whole record is searched for pieces of what was asked and answered."""
    for decided in (_escalated(), envelope(hit=HIT.model_copy(update={"content": SECRET})), conflict_of(SECRET)):
        body = dump(record_fields(decided, decide(decided, 1000.0)))
        for word in SECRET.split():
            if len(word) > 3:
                assert word.encode() not in body


def conflict_of(text: str) -> Envelope:
    return envelope(request=Request(id="r1", tenant="acme", input=text, metadata={"note": text}, user=text))


def test_a_record_of_an_early_refusal_is_complete() -> None:
    early = envelope(status="refused", error=ERROR, classification=None, plan=None, attempts=(), verdict=None, trail=())
    record = _record(early)
    assert (record.status, record.data_class, record.propensities) == ("refused", None, {})
    assert record.error == ERROR


def test_an_unknown_cost_stays_unknown_in_the_record() -> None:
    assert _record(envelope(attempts=(attempt(1, cost_usd=None),))).cost_usd is None


def test_fields_of_a_newer_version_are_kept_in_the_record() -> None:
    newer = step("check", "accepted").model_copy()
    travelled = parse_envelope(
        envelope(trail=(newer,)).model_dump_json().replace('"worker":"w1"', '"worker":"w1","x":1').encode()
    )
    assert _record(travelled).trail[0].model_extra == {"x": 1}


@given(
    st.sampled_from(sorted(TRANSITIONS)),
    st.sampled_from([None, "answered", "refused", "failed"]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_whatever_happened_there_is_one_reply_and_a_record_that_can_be_read(
    ended: tuple[str, str], status: str | None, accepted: bool, planned: bool, attempted: bool
) -> None:
    """Every combination of what the stages may leave behind ends in a reply: answered, or with a reason."""
    plain = envelope()
    decided = envelope(
        status=status,
        plan=plain.plan if planned else None,
        attempts=plain.attempts if attempted else (),
        verdict=Verdict(accepted=accepted, attempt=1),
        trail=(step(*ended),),
    )
    reply = decide(decided, 1000.0)
    assert (reply.status == "answered") == (reply.error is None)
    assert (reply.status == "answered") == (reply.served is not None)
    assert _record(decided).status == reply.status
    assert set(STAGES) >= {part.split(":")[0] for part in reply.path}


def test_the_record_tells_what_each_target_was_kept_from_and_what_models_brought_up() -> None:
    shielded = (Shielded(action="pseudonymise", what="PERSON", count=2),)
    found = (Finding(type="SECRET", count=1),)
    decided = envelope(attempts=(attempt(1, shielded=shielded, found=found),))
    (recorded,) = record_fields(decided, decide(decided, 1000.0))["attempts"]  # type: ignore[misc]
    assert (recorded.shielded, recorded.found) == (shielded, found)


TOKENS = (TokenLogprob(token=f"{SECRET}, ", logprob=-0.1), TokenLogprob(token="answer 1", logprob=-0.2))
CHANGES: dict[str, tuple[dict[str, object], dict[str, object]]] = {
    "mended": ({}, {"content": "mended"}),
    "masked": ({"found": (Finding(type="EMAIL", count=1),)}, {}),
    "put back": ({"shielded": (Shielded(action="pseudonymise", what="EMAIL", count=1),)}, {}),
}


def _scored(made: dict[str, object], judged: dict[str, object], wanted: int | None = 0) -> Envelope:
    verdict = Verdict(accepted=True, attempt=1, confidence=0.9, **judged)  # type: ignore[arg-type]
    found = envelope(attempts=(attempt(1, tokens=TOKENS, **made),), verdict=verdict)
    return found.model_copy(update={"request": found.request.model_copy(update={"logprobs": wanted})})


def test_log_probabilities_are_told_to_those_who_asked_and_kept_in_no_record() -> None:
    wanted = _scored({"shielded": (Shielded(action="omit", what="user", count=1),)}, {})
    reply = decide(wanted, 1000.0)
    assert reply.logprobs == TOKENS
    assert "logprob" not in str(record_fields(wanted, reply))
    assert decide(_scored({}, {}, wanted=None), 1000.0).logprobs is None
    assert decide(wanted.model_copy(update={"hit": HIT}), 1000.0).logprobs is None, "a remembered answer has none"


@pytest.mark.parametrize("change", CHANGES)
def test_of_an_answer_that_is_not_as_the_model_gave_it_there_are_none(change: str) -> None:
    reply = decide(_scored(*CHANGES[change]), 1000.0)
    assert reply.status == "answered"
    assert reply.logprobs is None
