"""A text scanned in pieces holds what the whole text holds."""

import re

import pytest
from fakes_pii import EXAMPLES
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.adapters.pii import PatternScanner, Span
from pipeline.adapters.pii.steps import CONTEXT, LONGEST, PIECE, Ask, Plain, Scanned, Steps, drive, piecewise

WORDS = re.compile(r"x+")


def words(text: str) -> list[Span]:
    return [Span("X", at.start(), at.end(), 1.0) for at in WORDS.finditer(text)]


def whole(text: str) -> list[Span]:
    return list(drive(Plain(words, "words").steps(text), list).spans)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3 * PIECE), st.integers(1, LONGEST // 3)), max_size=6))
def test_no_finding_is_cut_lost_or_counted_twice(parts: list[tuple[int, int]]) -> None:
    text = "".join("." * gap + "x" * length + "." for gap, length in parts)
    assert whole(text) == words(text)


@pytest.mark.parametrize("at", range(PIECE - 40, PIECE + 10, 3))
def test_what_stands_across_a_border_is_found_whole(at: int) -> None:
    text = "the rest of it " * 1000
    for example in ("card 4111 1111 1111 1111", "write to odalys@mail.example.org"):
        torn = text[: at - len(example) // 2] + f" {example} " + text
        assert drive(Plain(PatternScanner().scan_text, "").steps(torn), list).spans == tuple(
            PatternScanner().scan_text(torn)
        )


def test_a_long_text_holds_in_pieces_what_it_holds_as_a_whole() -> None:
    examples = [text for kind, texts in EXAMPLES.items() for text in texts if kind != "ADDRESS"]
    text = "\n\nand then they said that this was all of it:\n\n".join(examples * 3)
    assert len(text) > 2 * PIECE
    found = drive(Plain(PatternScanner().scan_text, "").steps(text), list).spans
    assert found == tuple(PatternScanner().scan_text(text))


def test_no_step_reads_more_than_a_piece_and_its_context_while_nothing_long_is_found() -> None:
    steps = piecewise("." * (20 * PIECE), words)
    assert max(steps) <= PIECE + 2 * CONTEXT


def test_the_work_on_one_endless_finding_grows_with_its_length_alone() -> None:
    def read(length: int) -> int:
        return sum(piecewise("x" * length, words))

    assert read(16 * LONGEST) < 6 * 16 * LONGEST


def test_a_wish_is_answered_where_it_was_made() -> None:
    def steps() -> Steps:
        found = yield Ask("en", ("text",))
        return Scanned(tuple(found[0]))

    span = Span("PERSON", 0, 4, 0.9)
    assert drive(steps(), lambda ask: [[span] for text in ask.texts if text == "text"]) == Scanned((span,))
