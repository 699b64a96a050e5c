"""The stairs tell, line by line, what each stage decided and why."""

from pipeline.cli.stairs import stairs
from pipeline.contracts import AttemptRecord, AuditRecord, ErrorBody, Step, Usage
from pipeline.contracts.reply import Served


def step(stage, outcome, *reasons, **facts):
    return Step(stage=stage, outcome=outcome, reasons=reasons, facts=facts, at=1.0, duration_ms=1.5, worker="w")


def attempt(number, stage, variant, cost):
    usage = Usage(input_tokens=20, output_tokens=5)
    fields = {"number": number, "stage": stage, "variant": variant, "target": variant, "model": f"{variant}-model"}
    return AttemptRecord(**fields, usage=usage, cost_usd=cost, calls=1, latency_ms=100.0)


def record(*trail, **fields):
    body = {"producer": "w", "n": 0, "prev": "0" * 64, "at": 2.0, "tenant": "t", "request_id": "r", "fingerprint": "f"}
    times = {"received_at": 1.0, "deadline_at": 9.0, "lane": "interactive", "policy_revision": "p"}
    return AuditRecord(**body, **times, **{"status": "answered", **fields}, trail=trail)


def drawn(written):
    return [line.plain for line in stairs(written)]


def test_each_step_is_one_stair_lower_than_the_one_before():
    lines = drawn(record(step("classify", "classified"), step("plan", "planned"), step("recall", "miss")))
    assert [line.index(word) for line, word in zip(lines, ("classify", "plan", "recall"), strict=False)] == [0, 4, 6]


def test_a_check_shows_confidence_against_threshold_and_calls_show_who_answered_at_what_cost():
    trail = (
        step("draft", "drafted"),
        step("check", "rejected", "below the threshold", confidence=0.4, threshold=0.75),
        step("escalate", "escalated"),
    )
    calls = (attempt(1, "draft", "small", 0.000002), attempt(2, "escalate", "large", None))
    served = Served(route="chat", variant="large", target="large", model="large-model", tier=1, tiers=2)
    lines = drawn(record(*trail, attempts=calls, served=served, cost_usd=None))
    assert "small (small-model), 20 + 5 tokens, 100 ms, $0.000002" in lines[0]
    assert "confidence 0.40 against 0.75; below the threshold" in lines[1]
    assert "large (large-model), 20 + 5 tokens, 100 ms, price unknown" in lines[2]
    assert lines[-1] == "answered by large, 1000 ms, price unknown, request r, under revision p"


def test_a_refusal_ends_with_its_rule():
    error = ErrorBody(code="residency_refused", message="no target may see it", rule="eu-stays")
    lines = drawn(record(step("plan", "refused"), status="refused", error=error))
    assert lines[-1].startswith("refused: no target may see it (rule eu-stays)")


def test_a_wait_says_how_often_and_the_call_stands_where_it_was_made():
    trail = (
        step("draft", "postponed", "postponed", "team", times=3, until=9.0),
        step("draft", "drafted"),
    )
    failed = attempt(1, "draft", "small", 0.000001).model_copy(
        update={"error_code": "target_timeout", "estimated": True}
    )
    lines = drawn(record(*trail, attempts=(failed, attempt(2, "draft", "spare", 0.000002)), cost_usd=0.000003))
    assert "draft postponed" in lines[0]
    assert "waited 3 times; postponed; team" in lines[0]
    assert "small (small-model)" not in lines[0]
    assert "$0.000001 by estimate: target_timeout; spare (spare-model)" in lines[1]
