"""What translators of dialects share."""

import pytest
from fakes_door import answered, ended

from pipeline.contracts import Request
from pipeline.errors import InvalidRequest, UnsupportedParameter
from pipeline.gateway.translation import FieldTable, Lossy, Places, list_at, object_at, text_at

TABLE = FieldTable(
    carried=frozenset({"text"}),
    dropped=frozenset({"hint", "mistaken"}),
    echoed=frozenset({"id"}),
    neutral={"async": (False,), "mistaken": (False,)},
    refused=frozenset({"file"}),
    advice={"file": "send text"},
)


def test_fields_are_carried_left_out_let_pass_or_refused() -> None:
    lossy = Lossy()
    fields = {"text": "hi", "hint": {"a": 1}, "id": "x", "async": False, "file": None}
    assert TABLE.given(fields, lossy, "input[3]") == {"text": "hi"}
    assert lossy.names == ("input.hint",)


@pytest.mark.parametrize("empty", [None, [], {}, ""])
def test_an_empty_hint_is_no_loss(empty: object) -> None:
    lossy = Lossy()
    assert TABLE.given({"hint": empty, "mistaken": False}, lossy) == {}  # type: ignore[dict-item]
    assert lossy.names == ()


def test_a_hint_that_says_something_is_a_loss_also_where_one_of_its_values_is_none() -> None:
    lossy = Lossy()
    TABLE.given({"mistaken": True}, lossy)
    assert lossy.header() == {"x-stepwell-lossy": "mistaken"}


@pytest.mark.parametrize(
    "fields", [{"file": "f"}, {"async": True}, {"async": 0}, {"unheard_of": 1}, {"unheard_of": None}]
)
def test_everything_else_is_refused_with_its_place(fields: dict[str, object]) -> None:
    with pytest.raises(UnsupportedParameter) as refused:
        TABLE.given(fields, Lossy(), "input[3]")  # type: ignore[arg-type]
    assert refused.value.param == f"input[3].{next(iter(fields))}"


def test_a_loss_is_named_once_and_nothing_lost_is_not_named() -> None:
    lossy = Lossy()
    assert lossy.header() == {}
    for place in ("input[0].phase", "tools[1].output_schema", "input[7].phase"):
        lossy.leave_out(place)
    assert lossy.header() == {"x-stepwell-lossy": "input.phase, tools.output_schema"}


@pytest.mark.parametrize(
    ("param", "there"),
    [
        ("messages[1].content[0].text", "input[4]"),
        ("messages[9]", "messages[9]"),
        ("response_format.type", "text.format.type"),
        ("response_format.json_schema.schema", "text.format.schema"),
        ("response_formats", "response_formats"),
        ("stop[2]", "stop_sequences[2]"),
        ("temperature", "temperature"),
    ],
)
def test_an_error_speaks_of_the_callers_own_field(param: str, there: str) -> None:
    names = {"response_format": "text.format", "response_format.json_schema": "text.format", "stop": "stop_sequences"}
    error = InvalidRequest(f"{param}: too long", param=param)
    Places(names, ("instructions", "input[4]")).restate(error)
    assert (error.param, error.message) == (there, f"{there}: too long")


def test_a_reply_that_failed_speaks_of_the_callers_own_field_too() -> None:
    places = Places({"stop": "stop_sequences"}, ("input[4]",))
    request = Request(id="r1", input="hi")
    told = places.restated(ended(request, "failed", "invalid_request", param="messages[0].content"))
    assert told.error is not None
    assert told.error.param == "input[4]"
    for untouched in (answered(request), ended(request, "failed", "no_worker")):
        assert places.restated(untouched) is untouched


def test_what_has_to_be_an_object_a_list_or_a_text_is_one() -> None:
    assert object_at({}, "a") == {}
    assert list_at([], "a") == []
    assert text_at({"b": "c"}, "b", "a") == "c"
    for wrong, place in ((lambda: object_at([], "a"), "a"), (lambda: list_at({}, "a"), "a")):
        with pytest.raises(InvalidRequest) as refused:
            wrong()
        assert refused.value.param == place
    with pytest.raises(InvalidRequest) as refused:
        text_at({"b": 1}, "b", "a")
    assert refused.value.param == "a.b"
