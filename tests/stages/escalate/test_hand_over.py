"""What the next tier is told of the answer before it: nothing, the answer, or also what was wrong with it."""

import pytest
from fakes_stages import attempt, envelope, verdict

from stages.escalate.hand_over import handed_over

DRAFT = attempt(1, text='{"depth": "deep"}')
JUDGED = verdict(schema_state="invalid", problems=("/depth: type",))


def test_by_default_the_next_tier_starts_clean() -> None:
    assert handed_over(envelope(DRAFT, verdict=JUDGED), "nothing") is None


def test_it_may_see_the_answer_before_and_what_was_wrong_with_it() -> None:
    draft = handed_over(envelope(DRAFT, verdict=JUDGED), "draft")
    errors = handed_over(envelope(DRAFT, verdict=JUDGED), "errors")
    assert draft is not None
    assert errors is not None
    assert (draft.kind, draft.answer, draft.problems, draft.source) == ("answer", DRAFT.text, (), "small")
    assert errors.problems == ("/depth: type",)


@pytest.mark.parametrize("text", [None, "", "  "])
def test_where_there_is_no_text_there_is_nothing_to_see(text: str | None) -> None:
    assert handed_over(envelope(attempt(1, text=text), verdict=JUDGED), "errors") is None


def test_a_draft_that_was_left_early_is_not_handed_over() -> None:
    assert handed_over(envelope(attempt(1, text="a part", left_early=True)), "errors") is None


def test_who_gives_a_label_has_not_seen_the_answer() -> None:
    assert handed_over(envelope(DRAFT, verdict=verdict(explored=0.1, stays=True)), "errors") is None
