"""Labels out of records: what an escalated, an explored and a kept draft say, and with which propensity."""

from math import log
from typing import Any

import orjson
import pytest

from pipeline.calibrate.recorded import labels_of
from pipeline.contracts import AuditRecord, OutcomeEvent
from pipeline.errors import InvalidRequest


def record(request: str, tier: int, **more: Any) -> AuditRecord:
    """A request that this tier answered, with the draft before it."""
    attempts = [
        {"number": n, "stage": ("draft", "escalate")[n], "tier": n, "variant": "v", "target": "t", "model": "m"}
        | {"usage": {}, "cost_usd": None, "calls": 1, "latency_ms": 1.0}
        for n in range(tier + 1)
    ]
    fields = {
        "producer": "p", "n": 0, "prev": "0" * 64, "at": 2.0, "tenant": "default", "request_id": request,
        "fingerprint": "f", "lane": "interactive", "status": "answered", "attempts": attempts,
        "served": {"route": "chat", "variant": "v", "target": "t", "model": "m", "tier": tier, "tiers": 2},
        "policy_revision": "r", "received_at": 1.0, "deadline_at": 2.0,
        "signals_seen": {"tenant": "default", "task": "faq"}, "signals": {"logprob_mean": log(0.8), "coverage": 1.0},
    }  # fmt: skip
    if tier:
        fields["drafted"] = {"logprob_mean": log(0.3), "agrees_with_next": 0.0}
    return AuditRecord.model_validate_json(orjson.dumps({**fields, **more}))


def outcome(request: str, reward: float) -> OutcomeEvent:
    return OutcomeEvent(id=f"o{request}{100 * reward:.0f}", request_id=request, reward=reward)


def test_a_draft_that_went_on_is_right_where_the_next_answer_says_the_same() -> None:
    same = {"logprob_mean": log(0.3), "agrees_with_next": 0.9}
    first, second = labels_of([record("a", 1), record("b", 1, drafted=same)], [])
    assert (first.right, first.confidence, first.task, first.large_right) == (False, pytest.approx(0.3), "faq", None)
    assert second.right
    assert "agrees_with_next" not in second.signals
    assert second.propensity == 1.0


def test_an_outcome_that_calls_the_next_answer_wrong_says_so_of_a_draft_that_is_the_same() -> None:
    same = {"agrees_with_next": 1.0, "logprob_mean": -1.0}
    (label,) = labels_of([record("a", 1, drafted=same)], [outcome("a", 0.0)])
    assert (label.right, label.large_right) == (False, False)
    assert labels_of([record("a", 1)], [outcome("a", 0.0)]) == []
    (good,) = labels_of([record("a", 1, drafted=same)], [outcome("a", 1.0)])
    assert (good.right, good.large_right) == (True, True)


def test_explored_drafts_stand_for_those_that_stayed_with_their_propensity() -> None:
    """Outcomes of kept answers are not counted beside them: their propensity is not known."""
    explored = record("a", 1, explored=0.1, stays=True)
    labels = labels_of([explored, record("b", 1), record("c", 0)], [outcome("c", 1.0)])
    assert [(label.key, label.propensity) for label in labels] == [("b", 1.0), ("a", 0.1)]


def test_without_exploring_outcomes_judge_those_that_stayed() -> None:
    records = [record("a", 0), record("b", 0), record("c", 1)]
    labels = {label.key: label for label in labels_of(records, [outcome("a", 0.4), outcome("a", 0.2)])}
    assert set(labels) == {"a", "c"}
    assert (labels["a"].right, labels["a"].propensity, labels["a"].confidence) == (False, 0.5, pytest.approx(0.8))
    assert labels["c"].propensity == 1.0


def test_drafts_that_stayed_and_were_never_judged_are_no_basis_for_a_promise() -> None:
    with pytest.raises(InvalidRequest, match=r"1 drafts stayed and none of them was judged: set accept\.explore"):
        labels_of([record("a", 0), record("b", 1)], [])


@pytest.mark.parametrize(
    "more",
    [{"cache": "hit"}, {"degraded": "below_threshold"}, {"skipped": "cost"}, {"status": "failed"}, {"chose": ["only"]}],
)
def test_what_says_nothing_of_a_draft_is_left_out(more: dict[str, Any]) -> None:
    assert labels_of([record("a", 1, **more)], []) == []


def test_only_the_route_that_was_asked_for_counts() -> None:
    def trail(route: str) -> list[dict[str, Any]]:
        step = {"stage": "plan", "outcome": "planned", "facts": {"route": route}, "at": 1.0, "duration_ms": 1.0}
        return [{**step, "worker": "w"}]

    records = [record("a", 1, trail=trail("chat")), record("b", 1, trail=trail("faq"))]
    assert [label.key for label in labels_of(records, [], "faq")] == ["b"]
