"""A text scanned in pieces holds what the whole text holds."""

import re
from base64 import b64encode

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
    text = "".join("(" * gap + "x" * length + "(" for gap, length in parts)
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


def test_a_text_embedded_in_a_long_word_is_read_whole() -> None:
    hidden = b64encode(b"and so on, and on; " * 2500 + b"card 4111 1111 1111 1111").decode()
    for text in (f"see data:text/plain;base64,{hidden} for more", f"{'so ' * 1500}data:text/plain;base64,{hidden}"):
        found = drive(Plain(PatternScanner().scan_text, "").steps(text), list).spans
        assert [span.type for span in found] == ["CREDIT_CARD"]
        assert found == tuple(PatternScanner().scan_text(text))


def test_a_key_over_many_lines_is_marked_to_its_end() -> None:
    body = "\n".join("MIIEpAIBAAKCAQEA" * 4 for _ in range(120))
    key = f"-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----"
    for before in (0, 100, PIECE - 300, PIECE - 20, PIECE + 5):
        text = "x " * (before // 2) + key + "\nand more of it" * 300
        found = drive(Plain(PatternScanner().scan_text, "").steps(text), list).spans
        assert found == tuple(PatternScanner().scan_text(text))
        assert found[0].end - found[0].start >= len(key) - 2


def test_no_step_reads_more_than_a_piece_and_its_context_while_nothing_long_is_found() -> None:
    for text in ("(" * 20 * PIECE, "a word " * 3 * PIECE, "a." * LONGEST):
        assert max(list(piecewise(text, words))[:10]) <= PIECE + 2 * CONTEXT + 8


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
