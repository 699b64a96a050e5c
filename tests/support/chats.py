"""Conversations and replies by chance, as chat completions hold them, for what translates them."""

from typing import Any

import orjson
from hypothesis import strategies as st

from pipeline.contracts import Reply, Served, ToolCall, Usage

words = st.text(min_size=1, max_size=12)
names = st.from_regex(r"[a-z_]{1,12}", fullmatch=True)
values = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=6) | st.lists(st.integers(0, 3), max_size=2)
objects = st.dictionaries(names, values, max_size=3)
urls = st.sampled_from(["https://example.org/a.png", "data:image/png;base64,aGk=", "data:image/webp;base64,"])
text_parts = st.builds(lambda text: {"type": "text", "text": text}, words)
image_parts = st.builds(lambda url: {"type": "image_url", "image_url": {"url": url}}, urls)


def contents(parts: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[Any]:
    """A text or parts; one text alone is written as a text everywhere."""
    alone = st.lists(parts, min_size=1, max_size=3).filter(lambda found: len(found) > 1 or found[0]["type"] != "text")
    return words | alone


@st.composite
def turns(draw: st.DrawFn) -> list[dict[str, Any]]:
    """What the assistant said or called, and, where it called, what the tools answered."""
    ids = draw(st.lists(names, unique=True, max_size=2))
    turn: dict[str, Any] = {"role": "assistant"}
    if not ids or draw(st.booleans()):
        turn["content"] = draw(words)
    if ids:
        turn["tool_calls"] = [
            {
                "id": call,
                "type": "function",
                "function": {"name": draw(names), "arguments": orjson.dumps(draw(objects)).decode()},
            }
            for call in ids
        ]
    answers = contents(text_parts | image_parts)
    return [turn, *({"role": "tool", "tool_call_id": call, "content": draw(answers)} for call in ids)]


def users() -> st.SearchStrategy[dict[str, Any]]:
    """A message of the user."""
    return contents(text_parts | image_parts).map(lambda content: {"role": "user", "content": content})


@st.composite
def conversations(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A system prompt or none, then turns of both; the last word is not the assistant's."""
    messages: list[dict[str, Any]] = []
    if draw(st.booleans()):
        messages.append({"role": "system", "content": draw(words)})
    messages.append(draw(users()))
    for turn in draw(st.lists(turns(), max_size=3)):
        messages += turn
        if turn[-1]["role"] == "assistant" or draw(st.booleans()):
            messages.append(draw(users()))
    return messages


@st.composite
def tools(draw: st.DrawFn) -> dict[str, Any]:
    """Functions and how to choose among them; none where there are none."""
    offered = draw(st.lists(names, unique=True, max_size=3))
    if not offered:
        return {}
    functions = [
        {"name": name, "parameters": {"type": "object", "properties": {}}}
        | draw(st.sampled_from([{}, {"description": "adds"}, {"strict": True}]))
        for name in offered
    ]
    named = {"type": "function", "function": {"name": offered[0]}}
    choice = draw(st.sampled_from([None, "auto", "required", "none", named]))
    fields: dict[str, Any] = {"tools": [{"type": "function", "function": function} for function in functions]}
    fields |= {} if choice is None else {"tool_choice": choice}
    return fields | draw(st.sampled_from([{}, {"parallel_tool_calls": False}]))


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    """A reply that answers, with text, calls, reasoning, or some of them."""
    calls = [
        ToolCall(id=call, function={"name": draw(names), "arguments": orjson.dumps(draw(objects)).decode()})
        for call in draw(st.lists(names, unique=True, max_size=2))
    ]
    return Reply(
        id=draw(names),
        tenant="acme",
        status="answered",
        content=draw(st.none() | words),
        reasoning=draw(st.none() | words),
        tool_calls=tuple(calls) or None,
        finish_reason=draw(st.sampled_from(["stop", "length", "content_filter"])) if not calls else "tool_calls",
        served=Served(route="chat", variant="small", target="small", model="qwen2.5", tier=0, tiers=2),
        usage=Usage(input_tokens=12, output_tokens=3, cached_tokens=4, cache_write_tokens=1, reasoning_tokens=1),
        policy_revision="0123456789abcdef",
        fingerprint="f",
    )
