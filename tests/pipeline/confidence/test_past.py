"""Whether a draft was right, as far as that is known."""

import pytest
from accepted import envelope

from pipeline.confidence.past import Past, draft_of, judged
from pipeline.contracts import Attempt, CacheHit, Envelope

BIG = {"number": 2, "stage": "escalate", "tier": 1, "variant": "large", "target": "large", "model": "l", "text": "4"}


def escalated(drafted: dict[str, float | None], **verdict: object) -> Envelope:
    before = envelope(verdict={"attempt": 2, "drafted": drafted, **verdict})
    return before.model_copy(update={"attempts": (*before.attempts, Attempt.model_validate(BIG))})


def test_of_a_draft_that_was_served_nobody_knows() -> None:
    assert draft_of(envelope()) == Past("small", right=None, served=True)


@pytest.mark.parametrize(("agrees", "right"), [(1.0, True), (0.4, False), (None, None)])
def test_one_that_went_on_is_right_where_the_next_answer_says_the_same(
    agrees: float | None, *, right: bool | None
) -> None:
    found = draft_of(escalated({"agrees_with_next": agrees}))
    assert found == Past("small", right=right, served=False, agrees=right)


def test_one_that_broke_its_schema_is_wrong_whatever_came_after_it() -> None:
    found = draft_of(escalated({"agrees_with_next": 1.0, "schema_ok": 0.0}))
    assert found is not None
    assert found.right is False
    ended = draft_of(envelope(verdict={"accepted": False, "schema_state": "invalid"}))
    assert ended == Past("small", right=False, served=False)


def test_one_that_was_escalated_by_lot_stands_for_those_that_were_not() -> None:
    found = draft_of(escalated({"agrees_with_next": 1.0}, explored=0.1, stays=True))
    assert found is not None
    assert found.stands_for == pytest.approx(10.0)
    unsure = draft_of(escalated({"agrees_with_next": 1.0}, explored=0.1))
    assert unsure is not None
    assert unsure.stands_for == 1.0


def test_without_a_draft_there_is_nothing_to_judge() -> None:
    made = envelope()
    hit = CacheHit.model_validate(
        {
            "request_id": "r0",
            "variant": "small",
            "target": "small",
            "model": "m",
            "tier": 0,
            "text": "4",
            "stored_at": 0,
        }
    )
    assert draft_of(made.model_copy(update={"verdict": None})) is None
    assert draft_of(made.model_copy(update={"attempts": ()})) is None
    assert draft_of(made.model_copy(update={"hit": hit})) is None
    assert draft_of(envelope(attempt={"left_early": True})) is None


@pytest.mark.parametrize(
    ("past", "reward", "right"),
    [
        (Past("small", right=None, served=True), 0.0, False),
        (Past("small", right=None, served=True), 1.0, True),
        (Past("small", right=True, served=True), 0.2, False),
        (Past("small", right=True, served=False, agrees=True), 0.0, False),
        (Past("small", right=False, served=False, agrees=False), 0.0, None),
        (Past("small", right=False, served=False, agrees=False), 1.0, False),
        (Past("small", right=False, served=False), 0.0, False),
    ],
)
def test_an_outcome_speaks_of_the_answer_that_was_served(past: Past, reward: float, *, right: bool | None) -> None:
    assert judged(past, reward).right is right
