"""A record as a tree for people."""

from decisions import attempt, envelope, step
from rich.console import Console

from pipeline.audit.chain import Chain, dump
from pipeline.audit.show import row, tree
from pipeline.contracts import AuditRecord, Envelope, ErrorBody, Step, Verdict
from stages.audit.decide import decide, record_fields


def _record(decided: Envelope) -> AuditRecord:
    body = Chain("p").link(dump(record_fields(decided, decide(decided, 1000.0)))).body
    return AuditRecord.model_validate_json(body)


def _shown(decided: Envelope) -> str:
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123  nobody reads it
    console.print(tree(_record(decided), 7))
    return console.export_text()


def test_the_tree_tells_every_step_its_reason_its_cost_and_its_time() -> None:
    told = step("check", "rejected", confidence=0.4321987).model_copy(update={"reasons": ("below the threshold",)})
    decided = envelope(
        attempts=(attempt(1), attempt(2, cost_usd=None)),
        verdict=Verdict(accepted=True, attempt=2, confidence=0.9, threshold=0.5),
        trail=(told, step("escalate", "escalated")),
    )
    shown = _shown(decided)
    for part in (
        "answered",
        "2000.0 ms",
        "served by large (m at large), tier 2 of 2 of route chat",
        "confidence 0.9, threshold 0.5",
        "check → rejected  1.50 ms",
        "below the threshold",
        "confidence=0.4322",
        "escalate → escalated",
        "PERSON × 1",
        "us-large: deny, EU data stays in the EU",
        "small with probability 0.75",
        "1. draft: small (m), 10 + 5 tokens, 12 ms, $0.250000, stop",
        "cost unknown",
        "record p.0 at place 7 of the log",
    ):
        assert part in shown, part


def test_a_refusal_names_its_rule() -> None:
    error = ErrorBody(code="residency_refused", message="no target may see this data", rule="eu-stays")
    shown = _shown(envelope(status="refused", error=error, plan=None, attempts=(), verdict=None, classification=None))
    assert "because residency_refused (rule eu-stays): no target may see this data" in shown


def test_what_looks_like_markup_is_shown_as_it_is() -> None:
    told = step("plan", "planned").model_copy(update={"reasons": ("[bold]loud[/bold]",)})
    assert "[bold]loud[/bold]" in _shown(envelope(trail=(told,)))


def test_a_row_is_one_line_of_facts() -> None:
    assert row(_record(envelope()), 7) == {
        "sequence": 7,
        "at": 1000.0,
        "tenant": "acme",
        "request": "r1",
        "status": "answered",
        "code": None,
        "served": "small",
        "cache": "miss",
        "confidence": 0.9,
        "cost_usd": 0.25,
        "duration_ms": 2000.0,
        "audit_id": "p.0",
    }


def _postponed(at: float) -> Step:
    facts: dict[str, str | float] = {"times": 1, "until": 1_795_305_651.25}
    return Step(
        stage="draft", outcome="postponed", reasons=("postponed", "provider_batch"), facts=facts, at=at,
        duration_ms=40_690.0, worker="w",
    )  # fmt: skip


def test_a_wait_is_told_by_how_long_it_was_and_not_by_how_long_it_might_have_been() -> None:
    ended = step("draft", "drafted").model_copy(update={"at": 1_007.5})
    shown = _shown(envelope(trail=(_postponed(1_000.0), ended)))
    assert "draft → postponed  waited 7.5 s, at the latest until 2026-11-22 00:00:51 UTC" in shown
    assert "40690" not in shown
    assert "until=" not in shown
    assert "times=1" in shown


def test_a_wait_after_which_nothing_is_told_has_no_length() -> None:
    assert "draft → postponed  waited, at the latest until 2026-11-22 00:00:51 UTC" in _shown(
        envelope(trail=(_postponed(1_000.0),))
    )


def test_a_call_that_went_by_its_providers_batch_says_so_beside_its_price() -> None:
    shown = _shown(envelope(attempts=(attempt(1, provider_batch="batch_7"),)))
    assert "$0.250000 by provider batch batch_7, stop" in shown
