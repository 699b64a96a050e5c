"""Scored tokens of the answer apart from those of the reasoning before it."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pipeline.confidence.reasoned import of_answer
from pipeline.contracts import TokenLogprob


def scored(*tokens: str) -> tuple[TokenLogprob, ...]:
    return tuple(TokenLogprob(token=token, logprob=-1.0) for token in tokens)


def joined(tokens: object) -> str:
    return "".join(token.token for token in tokens)  # type: ignore[attr-defined]


WORDS = st.text("ab é4{", min_size=1, max_size=30)


@given(
    WORDS, WORDS, st.sampled_from(["", "\n", "</think>", "\n</think>\n\n"]), st.sets(st.integers(1, 80), max_size=20)
)
def test_what_is_kept_ends_with_the_answer_and_holds_no_whole_token_of_the_reasoning(
    thought: str, text: str, between: str, cuts: set[int]
) -> None:
    said = thought + between + text
    tokens = scored(*(said[a:b] for a, b in pairwise(sorted({0, len(said), *(at for at in cuts if at < len(said))}))))
    kept = of_answer(tokens, thought, text)
    assert joined(kept).rstrip().endswith(text.strip())
    if thought.strip():
        before = len(said) - len(joined(kept))
        first = kept[0].token if kept else ""
        assert before + len(first) > len(thought.rstrip()), "the first that is kept reaches beyond the reasoning"


@given(WORDS, WORDS)
def test_scores_of_the_answer_alone_are_kept_as_they_are(thought: str, text: str) -> None:
    tokens = scored(*text)
    assert joined(of_answer(tokens, thought * 3 + text * 3, text)) == text


def test_the_answer_may_stand_in_the_reasoning_as_well() -> None:
    kept = of_answer(scored("Paris", " is", " it", "</think>", "Paris"), "Paris is it", "Paris")
    assert joined(kept) == "</think>Paris"


def test_reasoning_that_was_kept_in_part_is_told_from_the_answer_by_the_answer() -> None:
    kept = of_answer(scored("first", " thoughts", " and", " more", "Paris"), "first thoughts?", "Paris")
    assert joined(kept) == "Paris"


def test_where_nothing_is_found_nothing_is_weighed() -> None:
    assert of_answer(scored("one", "two", "three", "four"), "ONE TWO", "Paris") == ()
