"""Texts in which something is planted, and the marks on it."""

from hypothesis import strategies as st

from pipeline.contracts import Mark, Message, Request, ToolCall
from pipeline.disclosure.units import Units

NEEDLE = "odalys@example.org"
words = st.sampled_from(["", "a", "so ", "é☃", '"', "\\", "name", "12", "{", "\n"])
planted = st.sampled_from([NEEDLE, "4111111111111111", "Brandvold"])
texts = st.lists(words | planted, max_size=4).map("".join)


def spans(units: Units, *needles: str) -> list[Mark]:
    """A mark on every occurrence of each needle in every text."""
    return [
        Mark(number, at, at + len(needle), "PLANTED", 1.0)
        for number, text in enumerate(units.texts)
        for needle in needles
        for at in range(len(text))
        if text.startswith(needle, at)
    ]


def call_with(arguments: str) -> Request:
    call = ToolCall(id="1", function={"name": "f", "arguments": arguments})
    return Request(messages=(Message(role="assistant", tool_calls=(call,)),))
