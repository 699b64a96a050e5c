"""Every text that a model or a provider would see is a unit."""

from hypothesis import given
from hypothesis import strategies as st
from marked_texts import call_with

from pipeline.contracts import ImagePart, Message, Parameters, Request, TextPart, ToolCall
from pipeline.disclosure.units import MAX_DEPTH, MAX_VALUES, Units, fingerprint, units_of


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
