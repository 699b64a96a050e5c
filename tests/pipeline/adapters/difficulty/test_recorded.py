"""Recorded decisions and outcomes label questions that their owner kept."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from pipeline.adapters.difficulty.examples import Fields
from pipeline.adapters.difficulty.recorded import labelled, labels_of
from pipeline.contracts import AuditRecord, OutcomeEvent
from pipeline.errors import InvalidRequest


def record(number: str, tier: int = 0, **changed: Any) -> AuditRecord:
    attempts = [
        {
            "number": n,
            "stage": "draft" if n == 0 else "escalate",
            "tier": n,
            "variant": "v",
            "target": "t",
            "model": "m",
        }
        | {"usage": {}, "cost_usd": None, "calls": 1, "latency_ms": 1.0}
        for n in range(tier + 1)
    ]
    served = {"route": "chat", "variant": "v", "target": "t", "model": "m", "tier": tier, "tiers": 2}
    body = {
        "producer": "p", "n": 0, "prev": "0" * 64, "at": 1.0, "tenant": "default", "request_id": number,
        "fingerprint": "f", "lane": "interactive", "status": "answered", "served": served, "attempts": attempts,
        "policy_revision": "r", "received_at": 1.0, "deadline_at": 2.0, "latency_ms": 1.0,
    }  # fmt: skip
    return AuditRecord.model_validate_json(orjson.dumps(body | changed))


def outcome(request: str, reward: float, tenant: str = "default") -> OutcomeEvent:
    return OutcomeEvent(id=f"{request}-{reward}".replace(".", "_"), request_id=request, tenant=tenant, reward=reward)


def test_an_escalation_is_a_failure_and_a_draft_is_as_good_as_its_outcomes() -> None:
    records = [record("kept"), record("praised"), record("mixed"), record("escalated", tier=1)]
    outcomes = [outcome("praised", 1.0), outcome("mixed", 0.0), outcome("mixed", 0.5), outcome("escalated", 1.0)]

    assert labels_of(records, outcomes) == {"kept": 1.0, "praised": 1.0, "mixed": 0.25, "escalated": 0.0}


@pytest.mark.parametrize(
    "changed",
    [
        {"status": "failed"},
        {"cache": "hit"},
        {"degraded": "budget"},
        {"skipped": "cost"},
        {"attempts": []},
        {"served": None},
    ],
)
def test_records_that_say_nothing_of_the_first_tier_are_left_out(changed: dict[str, Any]) -> None:
    assert labels_of([record("r", **changed)], []) == {}


def test_an_outcome_of_another_tenant_is_none_of_this_request() -> None:
    assert labels_of([record("r")], [outcome("r", 0.0, tenant="other")]) == {"r": 1.0}


def test_questions_get_the_label_of_their_id(tmp_path: Path) -> None:
    file = tmp_path / "asked.jsonl"
    file.write_text('{"id": "a", "text": "one"}\n{"custom_id": "b", "input": "two"}\n{"id": "c", "text": "three"}\n')

    found = labelled([file], {"a": 1.0, "b": 0.25}, Fields())

    assert [(example.text, example.weak, example.strong) for example in found] == [
        ("one", 1.0, None),
        ("two", 0.25, None),
    ]


def test_questions_nobody_asked_here_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "asked.jsonl"
    file.write_text('{"id": "a", "text": "one"}\n')
    with pytest.raises(InvalidRequest, match="no line has the id of a recorded request"):
        labelled([file], {"b": 1.0}, Fields())

    file.write_text('{"text": "one"}\n')
    with pytest.raises(InvalidRequest, match=r"asked.jsonl:1: there is no id"):
        labelled([file], {"b": 1.0}, Fields())
