"""What was read of a streamed answer goes on with the reply, or is told to be lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.begun import Begun, lost
from pipeline.contracts import Chunk, Reply


def read(*texts: str) -> Begun:
    begun = Begun()
    for seq, text in enumerate(texts):
        assert begun.takes(Chunk(seq=seq, text=text))
    return begun


def joined(pieces: tuple[Chunk, ...] | None) -> str:
    assert pieces is not None
    return "".join(piece.text for piece in pieces)


@given(st.text(max_size=40), st.text(max_size=40), st.integers(1, 5))
def test_what_was_read_and_the_rest_are_the_answer(first: str, then: str, size: int) -> None:
    begun = read(*(first[place : place + size] for place in range(0, len(first), size)))
    assert joined(begun.rest(first + then, "")) == then


def test_another_answer_has_no_rest() -> None:
    assert read("The sea ", "is").rest("The sky is blue", "") is None


def test_reasoning_that_was_another_is_another_answer() -> None:
    begun = Begun()
    begun.takes(Chunk(seq=0, text="", reasoning="first I"))
    assert begun.rest("yes", "then I") is None
    rest = begun.rest("yes", "first I count")
    assert rest is not None
    assert [(piece.seq, piece.reasoning, piece.text) for piece in rest] == [(1, " count", ""), (2, None, "yes")]


@pytest.mark.parametrize("seq", [0, 2, 7])
def test_after_a_gap_or_a_second_beginning_nothing_is_taken_and_the_reply_brings_the_rest(seq: int) -> None:
    begun = read("one ")
    assert not begun.takes(Chunk(seq=seq, text="?"))
    assert not begun.takes(Chunk(seq=1, text="two "))
    assert joined(begun.rest("one two three", "")) == "two three"


def test_who_read_another_answer_is_told_where_the_one_is_that_counts() -> None:
    reply = Reply(
        id="r1", tenant="t", status="answered", content="No.", confidence=0.9, policy_revision="0" * 16, fingerprint="f"
    )
    told = lost(reply)
    assert (told.status, told.content, told.confidence) == ("failed", None, None)
    assert told.error is not None
    assert told.error.code == "answer_lost"
    assert "r1" in told.error.message
