"""Signals of calls of tools: what is named, grounded, complete; and how far two answers agree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.confidence.signals.calls import NAMES, calls_signals
from pipeline.confidence.signals.calls_agree import OPINION_NAMES, calls_agree, same_calls

TOOLS = [
    {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {
            "properties": {
                "city": {"type": "string", "description": "City and state, e.g. San Francisco, CA"},
                "days": {"type": "integer", "default": 1},
                "unit": {"enum": ["celsius", "fahrenheit"]},
            },
            "required": ["city"],
        },
    },
    {"name": "book_flight", "description": "Book a flight.", "parameters": {"properties": {}}},
]
QUESTION = "What is the weather in Paris for 3 days in celsius?"


def of(*calls: tuple[str, dict], question: str = QUESTION, state: str = "valid") -> dict[str, float | None]:
    return calls_signals(question, TOOLS, calls, state=state)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("call_known", ("get_weather", {"city": "Paris"}), ("guess", {"city": "Paris"})),
        ("call_lead", ("get_weather", {"city": "Paris"}), ("book_flight", {})),
        ("call_grounded", ("get_weather", {"city": "Paris"}), ("get_weather", {"city": "Lyon"})),
        ("call_strings", ("get_weather", {"city": "PARIS"}), ("get_weather", {"city": "Lyon"})),
        ("call_numbers", ("get_weather", {"city": "Paris", "days": 3}), ("get_weather", {"city": "Paris", "days": 8})),
        ("call_required", ("get_weather", {"city": "Paris"}), ("get_weather", {"days": 3})),
        ("call_optional_rare", ("get_weather", {"city": "Paris"}), ("get_weather", {"city": "Paris", "days": 3})),
        ("call_members", ("get_weather", {"unit": "celsius"}), ("get_weather", {"unit": "fahrenheit"})),
        ("call_formats", ("get_weather", {"city": "Paris, TX"}), ("get_weather", {"city": "Paris"})),
        ("call_numbers_used", ("get_weather", {"days": 3}), ("get_weather", {"days": 4})),
        ("call_names_used", ("get_weather", {"city": "Paris"}), ("get_weather", {"city": "x"})),
        ("call_unknown_arguments", ("get_weather", {"city": "Paris"}), ("get_weather", {"town": "Paris"})),
        ("call_blank", ("get_weather", {"city": "Paris"}), ("get_weather", {"city": ""})),
    ],
)
def test_the_better_call_has_the_higher_signal(name: str, good: tuple, bad: tuple) -> None:
    better, worse = of(good)[name], of(bad)[name]
    assert better is not None
    assert worse is not None
    assert better > worse


def test_a_default_is_grounded_also_where_the_request_says_nothing_of_it() -> None:
    assert of(("get_weather", {"days": 1}), question="Weather?")["call_grounded"] == 0.8
    assert of(("get_weather", {"days": 2}), question="Weather?")["call_grounded"] == 0.0


def test_without_a_call_only_the_request_is_told() -> None:
    found = of(state="none")
    assert found["call_made"] == 0.0
    assert found["call_grounded"] is None
    assert found["call_tools"] is not None


def test_calls_agree_whatever_their_order_and_spelling() -> None:
    ours = [("f", {"a": "New  York", "b": 1}), ("g", {})]
    assert same_calls(ours, [("g", {}), ("f", {"b": 1.0, "a": "new york"})])
    assert not same_calls(ours, ours[:1])
    assert not same_calls([], [])
    assert not same_calls([("f", {"a": True})], [("f", {"a": 1})])


def test_where_they_differ_it_is_told_whose_value_the_request_holds() -> None:
    found = calls_agree(QUESTION, [("f", {"city": "Paris", "days": 3})], [("f", {"city": "Lyon", "days": 3, "x": 1})])
    assert (found["opinion_same"], found["opinion_values"]) == (0.0, pytest.approx(1 / 3))
    assert (found["opinion_ours_grounded"], found["opinion_better_grounded"]) == (1.0, 1.0)
    assert found["opinion_theirs_only"] == 0.5


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
CALLS = st.lists(
    st.tuples(st.sampled_from(["get_weather", "x"]), st.dictionaries(st.sampled_from(["city", "days", "?"]), ANY)),
    max_size=3,
)


@given(st.text(max_size=30), CALLS, CALLS)
def test_every_signal_is_a_share_or_nothing_for_any_call(question: str, ours: list, theirs: list) -> None:
    found = calls_signals(question, TOOLS, ours) | calls_agree(question, ours, theirs)
    assert set(found) == {*NAMES, *OPINION_NAMES}
    assert all(value is None or 0.0 <= value <= 1.0 for value in found.values()), found
