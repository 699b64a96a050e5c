"""The score sees the whole conversation, explains itself, and cannot be talked down."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.contracts import Message, Request, TextPart, ToolCall
from pipeline.signals.complexity import PARTS, complexity
from pipeline.signals.reading import BUDGET, HEAD, TAIL

PLAIN = "What is the capital of France?"
HARD = (
    "Prove that the algorithm below is correct, derive its complexity, and compare it with the alternative.\n"
    "1. You must not assume sorted input.\n2. First state the invariant, then justify each step.\n"
    "```python\ndef f(x):\n    return x\n```"
)


def asked(*texts: str, **more: object) -> Request:
    """A conversation in which the user says these, and is answered each time but the last."""
    said = [Message(role="user", content=text) for text in texts]
    answers = [Message(role="assistant", content="Yes.")] * (len(said) - 1)
    messages = [message for pair in zip(said, [*answers, None], strict=True) for message in pair if message]
    return Request.model_validate({"messages": tuple(messages), **more})


def test_a_plain_question_is_easy_and_a_demanding_one_is_hard() -> None:
    assert complexity(Request(input=PLAIN)).score == 0.0
    assert complexity(Request(input=HARD)).score > 0.6


def test_the_score_says_what_makes_it() -> None:
    found = complexity(Request(input=HARD))

    assert {"reasoning", "constraints", "depth", "code"} <= set(found.parts)
    assert found.sentence().startswith(f"complexity {found.score:.2f}: reasoning 0.50, ")
    assert complexity(Request(input=PLAIN)).sentence() == "complexity 0.00: a short plain question"


def test_parts_are_within_their_weights_and_give_the_score() -> None:
    found = complexity(Request(input=HARD))
    easy = 1.0
    for name, part in found.parts.items():
        assert 0.0 < part <= PARTS[name]
        easy *= 1.0 - part

    assert found.score == pytest.approx(1.0 - easy, abs=1e-4)


@pytest.mark.parametrize(
    ("part", "request_"),
    [
        ("length", Request(input="word " * 400)),
        ("turns", asked(PLAIN, PLAIN)),
        ("constraints", Request(input="Answer in exactly three lines:\n- short\n- without names")),
        ("depth", Request(input="Who? When? Where?")),
        ("reasoning", Request(input="Begründe das und vergleiche beide.")),
        ("reasoning", Request(input="请证明这个定理")),
        ("code", Request(input="```\nx\n```")),
        ("formulas", Request(input=r"Evaluate \frac{1}{2} ≤ √2")),
        ("tools", Request(input=PLAIN, tools=({"type": "function"},))),
        ("schema", Request(input=PLAIN, response_schema={"type": "object"})),
        ("languages", Request(input="What does Здравствуйте, мир mean?")),
        ("unread", asked(*["word " * 600] * 5)),
    ],
)
def test_each_part_is_found(part: str, request_: Request) -> None:
    assert part in complexity(request_).parts


def test_code_in_an_earlier_answer_counts() -> None:
    told = Message(role="assistant", content="```\nx\n```")
    request = Request(messages=(Message(role="user", content=PLAIN), told, Message(role="user", content="And now?")))

    assert "code" in complexity(request).parts


def test_texts_in_parts_and_half_a_surrogate_pair_are_read() -> None:
    whole = Message(role="user", content=(TextPart(type="text", text="Prove"), TextPart(type="text", text="\ud800 it")))

    assert complexity(Request(messages=(whole,))).parts == {"reasoning": 0.125}


def test_what_a_tool_returned_is_no_question() -> None:
    call = ToolCall(id="1", function={"name": "f"})
    messages = (
        Message(role="user", content=PLAIN),
        Message(role="assistant", tool_calls=(call,)),
        Message(role="tool", content=HARD, tool_call_id="1"),
    )

    assert "reasoning" not in complexity(Request(messages=messages)).parts


def test_the_end_of_a_long_message_is_read_and_its_middle_is_not() -> None:
    filler = "word " * HEAD
    at_the_end = Request(input=filler + "Prove it.")
    in_the_middle = Request(input=filler + "Prove it." + "word " * TAIL)

    assert "reasoning" in complexity(at_the_end).parts
    assert "reasoning" not in complexity(in_the_middle).parts


def test_a_hard_question_behind_more_than_is_read_counts_as_hard() -> None:
    filler = ["word " * 600] * (BUDGET // (HEAD + TAIL))

    assert complexity(asked(*filler, HARD)).score >= complexity(asked(*filler)).score >= PARTS["length"] / 2
    assert "unread" in complexity(asked(*filler, HARD)).parts


TEXTS = st.lists(
    st.sampled_from([PLAIN, HARD, "ok", "", "Why?", "w " * 2000, "√2 ≤ π", "Ж" * 40]), min_size=1, max_size=8
)
LAST = st.text(max_size=40) | st.sampled_from(["and now?", "thanks", HARD])


@given(TEXTS, LAST)
def test_a_further_turn_never_makes_a_conversation_easier(texts: list[str], last: str) -> None:
    before, after = complexity(asked(*texts)), complexity(asked(*texts, last))

    assert 0.0 <= before.score <= after.score <= 1.0
    assert all(after.parts[name] >= part for name, part in before.parts.items())


@given(st.text(max_size=300))
def test_any_text_has_the_same_score_each_time(text: str) -> None:
    first = complexity(Request(input=text))

    assert first == complexity(Request(input=text))
    assert 0.0 <= first.score <= 1.0
