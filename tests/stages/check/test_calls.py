"""Calls of tools held against what the request offers."""

import orjson
import pytest

from pipeline.adapters.documents import TOO_LARGE
from pipeline.contracts import AMISS, ToolCall
from stages.check.calls import hold_calls

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}, "unit": {"enum": ["C", "F"]}},
            "required": ["city"],
        },
    },
}
OTHER = {"type": "function", "function": {"name": "other"}}


def call(arguments: str | None, name: str = "weather") -> ToolCall:
    return ToolCall(id="1", function={"name": name, **({} if arguments is None else {"arguments": arguments})})


def test_arguments_that_satisfy_the_parameters_are_left_as_they_came() -> None:
    held = hold_calls([call('{"city": "Ulm", "days": 3}')], [WEATHER])
    assert (held.state, held.calls, held.problems) == ("valid", None, ())


@pytest.mark.parametrize(
    ("arguments", "served", "told"),
    [
        ("{city: 'Ulm', days: 3,}", {"city": "Ulm", "days": 3}, "quotes added to keys"),
        ('{"city": "Ulm", "days": "3"}', {"city": "Ulm", "days": 3}, "text converted to integer"),
        ('{"city": "Ulm", "unit": "c"}', {"city": "Ulm", "unit": "C"}, "values brought to the spelling of the schema"),
    ],
)
def test_arguments_that_can_be_repaired_are_served_repaired(arguments: str, served: dict, told: str) -> None:
    held = hold_calls([call(arguments), call('{"city": "Bonn"}')], [WEATHER])
    assert held.state == "repaired"
    assert held.calls is not None
    assert orjson.loads(str(held.calls[0].function["arguments"])) == served
    assert held.calls[1] == call('{"city": "Bonn"}')
    assert told in held.repairs


@pytest.mark.parametrize(
    ("calls", "problem"),
    [
        ([call("{}")], "tools/weather/required"),
        ([call(None)], "tools/weather/required"),
        ([call('{"city": 7.5}')], "tools/weather/properties/city/type"),
        ([call("[1]")], "tools/weather/type"),
        ([call("[1]", "other")], "tools/other/type"),
        ([call("Ulm")], "tools/weather/no JSON"),
        ([call('{"city": "Ulm"}'), call("{}", "unheard_of")], "a call of a tool that was not offered"),
    ],
)
def test_what_cannot_is_invalid_and_its_places_are_told(calls: list[ToolCall], problem: str) -> None:
    held = hold_calls(calls, [WEATHER, OTHER])
    assert (held.state, held.calls) == ("invalid", None)
    assert held.problems == (problem,)


def test_half_an_argument_is_not_completed() -> None:
    assert hold_calls([call('{"city": "New Yo')], [WEATHER], cut_off=True).state == "invalid"


@pytest.mark.parametrize(
    ("calls", "choice", "state"),
    [
        ([], None, "none"),
        ([], "auto", "none"),
        ([], "required", "invalid"),
        ([], {"type": "function", "function": {"name": "weather"}}, "invalid"),
        ([call('{"city": "Ulm"}')], "none", "invalid"),
        ([call('{"city": "Ulm"}')], "required", "valid"),
        ([call("{}", "other")], {"type": "function", "function": {"name": "weather"}}, "invalid"),
        ([call("{}", "other")], {"type": "function", "function": {"name": "other"}}, "valid"),
    ],
)
def test_what_the_request_chose_is_honoured(calls: list[ToolCall], choice: object, state: str) -> None:
    assert hold_calls(calls, [WEATHER, OTHER], choice).state == state  # type: ignore[arg-type]


def test_types_by_the_names_of_python_are_understood() -> None:
    parameters = {"type": "dict", "properties": {"x": {"type": "float"}, "y": {"type": "any"}, "z": {"type": "tuple"}}}
    tool = {"name": "f", "parameters": parameters}
    assert hold_calls([call('{"x": 1.5, "y": [], "z": [1]}', "f")], [tool]).state == "valid"
    assert hold_calls([call('{"x": "much"}', "f")], [tool]).problems == ("tools/f/properties/x/type",)


def test_parameters_that_are_no_schema_take_every_object() -> None:
    tool = {"name": "f", "parameters": {"type": "object", "properties": {"x": {"minimum": "low"}}}}
    assert hold_calls([call('{"x": 1}', "f")], [tool]).state == "valid"
    assert hold_calls([call("[1]", "f")], [tool]).state == "invalid"


def test_after_a_call_that_takes_too_much_work_no_other_one_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr("stages.check.held.problems", lambda _, document: asked.append(document) or (TOO_LARGE,))
    calls = [ToolCall(id=str(i), function={"name": "f", "arguments": "{}"}) for i in range(3)]
    held = hold_calls(calls, [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}])
    assert (held.state, held.problems, len(asked)) == ("invalid", (f"tools/f/{TOO_LARGE}",), 1)


def test_several_calls_are_no_answer_where_one_at_a_time_was_wanted() -> None:
    two = [call('{"city": "Ulm"}'), call('{"city": "Bonn"}')]
    assert hold_calls(two, [WEATHER]).state == "valid"
    held = hold_calls(two, [WEATHER], alone=True)
    assert (held.state, held.problems) == ("invalid", (AMISS["several"],))
    assert hold_calls(two[:1], [WEATHER], alone=True).state == "valid"
