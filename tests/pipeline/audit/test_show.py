"""A record as a tree for people."""

from decisions import attempt, envelope, step
from rich.console import Console

from pipeline.audit.chain import Chain, dump
from pipeline.audit.show import row, tree
from pipeline.contracts import AuditRecord, Envelope, ErrorBody, Verdict
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
