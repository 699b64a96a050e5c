"""Every text that a model or a provider would see is a unit, and can be replaced where it stands."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pipeline.contracts import ImagePart, Mark, Message, Parameters, Request, TextPart, ToolCall
from pipeline.disclosure.units import (
    MAX_DEPTH,
    MAX_VALUES,
    Place,
    Units,
    everywhere,
    fingerprint,
    rewritten,
    units_of,
)


def texts_of(**fields: object) -> str:
    return "\n".join(units_of(Request.model_validate({"input": "hello", **fields})).texts)


def test_the_short_form_is_one_unit() -> None:
    assert units_of(Request(input="hello")) == Units(("hello",))


def test_each_message_and_each_text_part_is_a_unit_of_its_own() -> None:
    parts = (TextPart(type="text", text="two"), TextPart(type="text", text="three"))
    request = Request(messages=(Message(role="system", content="one"), Message(role="user", content=parts)))
    assert units_of(request).texts == ("one", "two", "three")


def test_names_of_participants_are_units() -> None:
    request = Request(messages=(Message(role="user", content="hi", name="Odalys"),))
    assert units_of(request).texts == ("hi", "Odalys")


def test_images_are_counted_and_not_read() -> None:
    image = ImagePart(type="image_url", image_url={"url": "data:image/png;base64,AAAA"})
    request = Request(messages=(Message(role="user", content=(TextPart(type="text", text="what?"), image, image)),))
    assert units_of(request) == Units(("what?",), opaque=2)


def test_arguments_of_a_tool_call_are_lines_in_which_the_key_announces_the_value() -> None:
    call = ToolCall(id="1", function={"name": "pay", "arguments": '{"ssn": "536904399", "n": {"card": 42}}'})
    request = Request(messages=(Message(role="assistant", tool_calls=(call,)),))
    assert units_of(request).texts == ("name: pay\narguments\nssn: 536904399\nn\ncard: 42",)


def test_escapes_in_arguments_are_resolved() -> None:
    call = ToolCall(id="1", function={"name": "f", "arguments": '{"m": "a\\u0040example.org"}'})
    request = Request(messages=(Message(role="assistant", tool_calls=(call,)),))
    assert "a@example.org" in units_of(request).texts[0]


def test_arguments_that_are_no_json_are_a_text_like_any_other() -> None:
    call = ToolCall(id="1", function={"name": "f", "arguments": "{broken a@example.org"})
    request = Request(messages=(Message(role="assistant", tool_calls=(call,)),))
    assert "{broken a@example.org" in units_of(request).texts[0]


def test_tools_schema_metadata_and_stop_sequences_are_read() -> None:
    shown = texts_of(
        tools=({"type": "function", "function": {"name": "f", "description": "for Odalys"}},),
        response_schema={"properties": {"who": {"enum": ["Brandvold"], "default": 7}}},
        metadata={"contact": "a@example.org"},
        parameters=Parameters(stop=("Berlin",)),
    )
    for text in ("for Odalys", "Brandvold", "default: 7", "contact: a@example.org", "Berlin", "who"):
        assert text in shown


def test_keys_with_data_in_them_are_read() -> None:
    assert "a@example.org" in texts_of(response_schema={"properties": {"a@example.org": {"type": "string"}}})


def test_more_values_than_are_looked_at_make_the_request_excessive() -> None:
    schema = {"enum": list(range(MAX_VALUES + 1))}
    assert units_of(Request(input="hi", response_schema=schema)) == Units((), excessive=True)


def test_arguments_are_read_as_deep_as_is_looked_and_deeper_ones_are_excessive() -> None:
    for depth, read in ((MAX_DEPTH - 2, True), (MAX_DEPTH + 1, False), (900, False), (100_000, False)):
        call = ToolCall(id="1", function={"name": "f", "arguments": '{"a":' * depth + '"needle"' + "}" * depth})
        units = units_of(Request(messages=(Message(role="assistant", tool_calls=(call,)),)))
        assert units.excessive is not read
        assert any("needle" in text for text in units.texts) is read


def test_a_number_reads_without_a_fraction_when_it_has_none() -> None:
    call = ToolCall(id="1", function={"name": "pay", "arguments": '{"card": 4111111111111111.0, "n": 1.5}'})
    request = Request(messages=(Message(role="assistant", tool_calls=(call,)),))
    assert "card: 4111111111111111\nn: 1.5" in units_of(request).texts[0]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(min_size=1, max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(min_size=1, max_size=5), inner, max_size=4),
    max_leaves=12,
)


def leaves(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for key, part in value.items() for text in [str(key), *leaves(part)]]
    if isinstance(value, list):
        return [text for part in value for text in leaves(part)]
    return [] if value is None or isinstance(value, bool) else [str(value)]


@given(st.dictionaries(st.text(min_size=1, max_size=5), json_values, min_size=1, max_size=4))
def test_no_key_and_no_value_of_a_schema_is_left_out(schema: dict[str, object]) -> None:
    units = units_of(Request.model_validate({"input": "x", "response_schema": schema}))
    scanned = "\n".join(units.texts)
    assert all(text in scanned for text in leaves(schema))


# ---------------------------------------------------------------- duplicates and depth


def call_with(arguments: str) -> Request:
    call = ToolCall(id="1", function={"name": "f", "arguments": arguments})
    return Request(messages=(Message(role="assistant", tool_calls=(call,)),))


def test_arguments_in_which_a_key_stands_twice_are_excessive() -> None:
    """Who reads the first of the two sees another value than who reads the last."""
    assert units_of(call_with('{"ssn": "536-90-4399", "ssn": "none"}')).excessive


def test_user_and_session_are_read_only_where_a_provider_may_see_them() -> None:
    request = Request(input="hi", user="odalys@example.org", session="brandvold")
    assert units_of(request).texts == ("hi",)
    assert units_of(request, {"user", "metadata"}).texts == ("hi", "odalys@example.org")
    assert units_of(request, {"user", "session"}).texts == ("hi", "odalys@example.org", "brandvold")


# ---------------------------------------------------------------- fingerprint


def test_a_fingerprint_changes_with_every_character_and_every_border() -> None:
    marks = {
        fingerprint(units_of(Request(messages=tuple(Message(role="user", content=text) for text in texts))))
        for texts in (("ab", "c"), ("a", "bc"), ("abc",), ("abd",), ("ab", "c", "d"))
    }
    assert len(marks) == 5
    assert fingerprint(Units((), excessive=True)) is None
    assert fingerprint(Units(("a",), opaque=1)) != fingerprint(Units(("a",)))


# ---------------------------------------------------------------- rewriting


def spans(units: Units, *needles: str) -> list[Mark]:
    """A mark on every occurrence of each needle in every text."""
    return [
        Mark(number, at, at + len(needle), "PLANTED", 1.0)
        for number, text in enumerate(units.texts)
        for needle in needles
        for at in range(len(text))
        if text.startswith(needle, at)
    ]


def masked(text: str, places: Sequence[Place]) -> str:
    for place in reversed(places):
        text = f"{text[: place.start]}[X]{text[place.end :]}"
    return text


def hidden(request: Request, *needles: str) -> Request:
    units = units_of(request, SEEN)
    return rewritten(request, units, spans(units, *needles), masked)


SEEN = ("user", "session")
NEEDLE = "odalys@example.org"


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


words = st.sampled_from(["", "a", "so ", "é☃", '"', "\\", "name", "12", "{", "\n"])
planted = st.sampled_from([NEEDLE, "4111111111111111", "Brandvold"])
texts = st.lists(words | planted, max_size=4).map("".join)
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


# ---------------------------------------------------------------- once more


def test_what_is_hidden_once_is_hidden_wherever_it_stands_as_a_word() -> None:
    texts_of_all = ("Ask Odalys.", "odalys Odalys, Odalysson; Odalys", "name: Odalys")
    units = Units(texts_of_all)
    found = everywhere(units, [Mark(0, 4, 10, "PERSON", 0.9)])
    assert [(mark.unit, mark.start, mark.end) for mark in found] == [(0, 4, 10), (1, 7, 13), (1, 26, 32), (2, 6, 12)]
    assert {mark.type for mark in found} == {"PERSON"}


def test_what_is_short_or_marked_already_is_not_marked_again() -> None:
    units = Units(("May Odalys Brandvold", "May Brandvold"))
    marks = [Mark(0, 0, 3, "PERSON", 0.9), Mark(0, 4, 20, "PERSON", 0.9), Mark(1, 4, 13, "ORG", 0.9)]
    assert everywhere(units, marks) == marks


@given(st.lists(texts, min_size=1, max_size=4), st.data())
def test_marks_never_overlap(found: list[str], data: st.DataObject) -> None:
    units = Units(tuple(filter(None, found)) or ("x",))
    marks = spans(units, NEEDLE)[: data.draw(st.integers(0, 3))]
    taken = sorted((mark.unit, mark.start, mark.end) for mark in everywhere(units, marks))
    assert all(one[0] < other[0] or one[2] <= other[1] for one, other in pairwise(taken))


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
