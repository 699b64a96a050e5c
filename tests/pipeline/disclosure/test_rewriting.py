"""A mark is replaced where it stands, in every text of a request, and nothing else changes."""

import contextlib
import json
from collections.abc import Iterator, Sequence

from hypothesis import given
from hypothesis import strategies as st
from marked_texts import NEEDLE, call_with, spans, texts

from pipeline.contracts import Mark, Message, Parameters, Request, TextPart, ToolCall
from pipeline.disclosure.rewriting import rewritten
from pipeline.disclosure.units import Place, units_of


def masked(text: str, places: Sequence[Place]) -> str:
    for place in reversed(places):
        text = f"{text[: place.start]}[X]{text[place.end :]}"
    return text


def hidden(request: Request, *needles: str) -> Request:
    units = units_of(request, SEEN)
    return rewritten(request, units, spans(units, *needles), masked)


SEEN = ("user", "session")


def test_a_mark_is_replaced_where_it_stands_and_nothing_else_changes() -> None:
    request = Request(
        messages=(Message(role="user", content=f"write to {NEEDLE} now"), Message(role="user", content="thanks")),
    )
    changed = hidden(request, NEEDLE)
    assert [message.content for message in changed.messages] == ["write to [X] now", "thanks"]
    assert changed.messages[1] is request.messages[1]


def test_what_holds_no_mark_is_the_very_same_request() -> None:
    request = call_with('{ "spaced" : 1.50 }')
    assert hidden(request, NEEDLE) is request


def test_a_value_inside_arguments_is_replaced_and_the_rest_keeps_its_meaning() -> None:
    request = call_with('{"to": "odalys@example.\\u006frg", "cc": ["x", "odalys@example.org"], "n": 3, "é": null}')
    (call,) = hidden(request, NEEDLE).messages[0].tool_calls or ()
    assert call.function == {"name": "f", "arguments": '{"to":"[X]","cc":["x","[X]"],"n":3,"é":null}'}


def test_a_number_that_is_marked_becomes_a_text_and_its_neighbour_stays_a_number() -> None:
    request = Request(input="pay", response_schema={"enum": [4111111111111111, 42, 1.5]})
    assert hidden(request, "4111111111111111").response_schema == {"enum": ["[X]", 42, 1.5]}


def test_a_key_is_replaced_once_for_all_the_values_it_announces_and_never_swallows_another() -> None:
    request = Request(input="x", response_schema={NEEDLE: [1, 2], f"{NEEDLE}!": 3, "[X]": 4})
    assert hidden(request, NEEDLE).response_schema == {"[X]": [1, 2], "[X]!": 3, "[X]_": 4}


def test_a_mark_over_key_and_value_is_split_between_them() -> None:
    request = Request(input="x", metadata={"name": "Odalys", "other": "y"})
    units = units_of(request)
    (at,) = [number for number, text in enumerate(units.texts) if "Odalys" in text]
    whole = Mark(at, 0, len("name: Odalys"), "PERSON", 1.0)
    assert rewritten(request, units, [whole], masked).metadata == {"[X]": "[X]", "other": "y"}


def test_half_of_a_surrogate_pair_in_arguments_is_written_as_an_escape() -> None:
    request = call_with('{"a": "\\ud800", "b": "odalys@example.org"}')
    (call,) = hidden(request, NEEDLE).messages[0].tool_calls or ()
    assert call.function["arguments"] == '{"a":"\\ud800","b":"[X]"}'


keys = texts.filter(bool)
documents = st.recursive(
    st.none() | st.booleans() | st.just(4111111111111111) | st.just(4111111111111111.0) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(keys, documents, min_size=1, max_size=3)
arguments = texts | documents.map(json.dumps)
calls = st.builds(
    lambda name, given: ToolCall(id="c", function={"name": name, "arguments": given}), name=keys, given=arguments
)
contents = texts | st.lists(st.builds(TextPart, text=texts), max_size=3).map(tuple)
messages = st.builds(
    Message,
    role=st.sampled_from(["system", "user", "assistant", "tool"]),
    content=contents,
    name=st.none() | texts,
    tool_calls=st.none() | st.lists(calls, min_size=1, max_size=2).map(tuple),
)
requests = st.builds(
    Request,
    messages=st.lists(messages, min_size=1, max_size=3).map(tuple),
    tools=st.none() | st.lists(objects, max_size=2).map(tuple),
    tool_choice=st.none() | st.just("auto") | texts | objects,
    response_schema=st.none() | objects,
    metadata=st.dictionaries(keys, texts, max_size=3),
    parameters=st.builds(Parameters, stop=st.none() | st.lists(texts, max_size=2).map(tuple)),
    user=st.none() | texts,
    session=st.none() | texts,
)


def plain(value: object) -> Iterator[str]:
    """Every text of a document, those that escapes in a text with JSON mean too."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield str(key)
            yield from plain(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from plain(part)
    elif isinstance(value, float):
        yield str(int(value)) if value.is_integer() else str(value)
    elif isinstance(value, str):
        yield value
        with contextlib.suppress(ValueError):
            inner = json.loads(value)
            if not isinstance(inner, str):
                yield from plain(inner)
    else:
        yield str(value)


@given(requests)
def test_a_replacement_that_changes_nothing_gives_the_same_request(request: Request) -> None:
    units = units_of(request, SEEN)
    assert rewritten(request, units, spans(units, NEEDLE, "a"), lambda text, _: text) is request


@given(requests)
def test_no_marked_original_remains_anywhere(request: Request) -> None:
    changed = hidden(request, NEEDLE, "4111111111111111", "Brandvold")
    shown = "\n".join(plain(changed.model_dump()))
    for needle in (NEEDLE, "4111111111111111", "Brandvold"):
        assert needle not in shown


@given(requests)
def test_every_text_is_offered_once_with_the_places_in_it(request: Request) -> None:
    units = units_of(request, SEEN)
    offered: list[str] = []

    def note(text: str, places: Sequence[Place]) -> str:
        offered.append(text)
        assert all(text[place.start : place.end] == NEEDLE for place in places)
        return text

    rewritten(request, units, spans(units, NEEDLE), note)
    assert all(any(text.startswith(part) for part in offered) for text in units.texts)
    assert sum(map(len, offered)) <= sum(map(len, units.texts))


def test_fields_of_the_models_own_are_scanned_and_what_stands_in_them_is_replaced() -> None:
    asked = Request(input="hi", parameters=Parameters(extra={"prediction": {"content": "Odalys lives here"}}))
    units = units_of(asked)
    at = next(number for number, text in enumerate(units.texts) if "Odalys" in text)
    start = units.texts[at].index("Odalys")
    mark = Mark(at, start, start + 6, "PERSON", 1.0)

    def hide(text: str, places: Sequence[Place]) -> str:
        return "".join(["X" if any(p.start <= i < p.end for p in places) else c for i, c in enumerate(text)])

    hidden = rewritten(asked, units, [mark], hide)
    assert hidden.parameters.extra == {"prediction": {"content": "XXXXXX lives here"}}
