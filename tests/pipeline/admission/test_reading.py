"""What admission reads of a request, and when two of them are the same."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.admission import fingerprint, parse_request
from pipeline.errors import InvalidRequest

WISHES = {
    "provider": {"only": ["eu-cloud"], "allow_fallbacks": False, "max_price": {"prompt": 1.0}},
    "disable_fallbacks": True,
    "pin": "small",
}


def digest(**fields: object) -> str:
    return fingerprint(parse_request(orjson.dumps({"input": "hello", **fields}), "shop"))


def test_wishes_about_who_answers_and_the_id_of_the_key_pass() -> None:
    request = parse_request(orjson.dumps({"input": "hello", "api_key": "k-1", **WISHES}), "shop")
    assert (request.api_key, request.pin, request.disable_fallbacks) == ("k-1", "small", True)
    assert request.provider is not None
    assert (request.provider.only, request.provider.allow_fallbacks) == (("eu-cloud",), False)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("provider", {"quantizations": ["int4"]}),
        ("provider", {"only": ["a b"]}),
        ("provider", {"max_price": {"prompt": -1}}),
        ("disable_fallbacks", "true"),
        ("api_key", "sk secret"),
    ],
)
def test_a_wish_that_breaks_the_contract_is_refused_with_its_place(field: str, value: object) -> None:
    with pytest.raises(InvalidRequest) as raised:
        parse_request(orjson.dumps({"input": "hello", field: value}), "shop")
    assert str(raised.value.param).startswith(field)
    assert "secret" not in raised.value.message


ADD = {"type": "function", "function": {"name": "add"}}
FLAT = {"type": "function", "name": "add"}


@pytest.mark.parametrize(
    ("choice", "tools"),
    [
        ("required", None),
        ("required", []),
        (ADD, None),
        (ADD, [{"type": "function", "function": {"name": "secret"}}]),
        (FLAT, [{"type": "function", "name": "secret"}]),
    ],
)
def test_a_call_of_a_tool_that_is_not_offered_is_refused_before_anything_is_called(
    choice: object, tools: object
) -> None:
    with pytest.raises(InvalidRequest, match="tool") as raised:
        parse_request(orjson.dumps({"input": "hello", "tool_choice": choice, "tools": tools}), "shop")
    assert raised.value.param == "tool_choice"
    assert "secret" not in raised.value.message


@pytest.mark.parametrize(
    ("choice", "tools"),
    [("auto", None), ("none", None), (None, [ADD]), ("required", [ADD]), (ADD, [ADD]), (FLAT, [ADD]), (ADD, [FLAT])],
)
def test_a_choice_among_what_is_offered_is_taken(choice: object, tools: object) -> None:
    assert parse_request(orjson.dumps({"input": "hello", "tool_choice": choice, "tools": tools}), "shop").messages


@pytest.mark.parametrize("name", WISHES)
def test_a_request_with_another_wish_is_another_request(name: str) -> None:
    """The same id with it must not be given the answer that was made without it."""
    assert digest(**{name: WISHES[name]}) != digest()


@pytest.mark.parametrize("fields", [{"parameters": {"extra": {"top_k": 3}}}, {"logprobs": 0}, {"logprobs": 2}])
def test_a_request_that_asks_the_model_or_its_scores_otherwise_is_another_one(fields: dict[str, object]) -> None:
    assert digest(**fields) != digest()


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "id": st.just("r1"),
            "stream": st.booleans(),
            "lane": st.sampled_from(["interactive", "batch"]),
            "api_key": st.sampled_from(["k-1", "k-2"]),
            "budget": st.sampled_from([{}, {"deadline_ms": 5}, {"max_cost_usd": 1.0}]),
            "disable_fallbacks": st.just(False),
        },
    )
)
def test_how_it_is_delivered_and_who_pays_makes_no_other_request(fields: dict[str, object]) -> None:
    assert digest(**fields) == digest()
