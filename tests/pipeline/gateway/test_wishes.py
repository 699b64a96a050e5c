"""What a caller may ask of the routing, in the body and in headers."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.contracts import Request
from pipeline.errors import InvalidRequest, UnsupportedParameter
from pipeline.gateway.openai import to_request

ASK = [{"role": "user", "content": "2 + 2?"}]
PROVIDER = {
    "order": ["eu-cloud", "us-cloud"],
    "only": ["eu-cloud", "us-cloud"],
    "ignore": ["house"],
    "allow_fallbacks": False,
    "data_collection": "deny",
    "sort": "price",
    "max_price": {"prompt": 1, "completion": 2.5},
}


def read(headers: dict[str, str] | None = None, **fields: Any) -> Request:
    return to_request(orjson.dumps({"model": "auto", "messages": ASK, **fields}), headers or {})


def test_the_provider_object_is_read_at_the_top_and_under_our_key_alike() -> None:
    top, ours = read(provider=PROVIDER), read(stepwell={"provider": PROVIDER})
    assert top == ours
    assert top.provider is not None
    assert top.provider.order == ("eu-cloud", "us-cloud")
    assert top.provider.only == ("eu-cloud", "us-cloud")
    assert (top.provider.allow_fallbacks, top.provider.data_collection) == (False, "deny")
    assert top.provider.max_price is not None
    assert top.provider.max_price.completion == 2.5
    assert read(provider=PROVIDER, stepwell={"provider": PROVIDER}) == top


def test_what_asks_for_nothing_else_than_what_happens_anyway_is_let_pass() -> None:
    """Clients of OpenRouter send such fields; no parameter of a request is ever dropped here."""
    said = {"order": None, "require_parameters": True, "zdr": False, "quantizations": None, "only": ["eu-cloud"]}
    assert read(provider=said).provider == read(provider={"only": ["eu-cloud"]}).provider
    assert read(provider=None).provider is None


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"provider": {"quantizations": ["fp8"]}}, "provider.quantizations"),
        ({"provider": {"zdr": True}}, "provider.zdr"),
        ({"provider": {"require_parameters": 1}}, "provider.require_parameters"),
        ({"stepwell": {"provider": {"orders": ["a"]}}}, "stepwell.provider.orders"),
    ],
)
def test_what_nobody_here_can_do_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(UnsupportedParameter, match=r"known are allow_fallbacks.*require_parameters") as raised:
        read(**fields)
    assert raised.value.param == param


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"provider": {"order": ["a/b"]}}, "provider.order[0]"),
        ({"stepwell": {"provider": {"order": ["a/b"]}}}, "stepwell.provider.order[0]"),
        ({"provider": {"sort": "throughput"}}, "provider.sort"),
        ({"provider": {"max_price": {"prompt": "1"}}}, "provider.max_price.prompt"),
        ({"provider": ["a"]}, "provider"),
        ({"stepwell": {"disable_fallbacks": "yes"}}, "stepwell.disable_fallbacks"),
        ({"provider": {"sort": "price"}, "stepwell": {"provider": {"sort": "latency"}}}, "provider"),
    ],
)
def test_a_wish_that_breaks_its_contract_is_named_where_it_stands(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        read(**fields)
    assert raised.value.param == param


def test_programs_that_cannot_change_the_body_say_it_in_headers() -> None:
    request = read(
        {
            "x-stepwell-pin": "large",
            "X-Stepwell-Disable-Fallbacks": "TRUE",
            "x-stepwell-disable-fallbacks": "TRUE",
            "X-Stepwell-Meta-Task": "labels",
        },
        metadata={"language": "de"},
    )
    assert (request.pin, request.disable_fallbacks) == ("large", True)
    assert request.metadata == {"language": "de", "task": "labels"}
    assert read(stepwell={"disable_fallbacks": True}).disable_fallbacks
    assert not read({"x-stepwell-disable-fallbacks": "0"}).disable_fallbacks


def test_the_same_said_twice_is_said_once() -> None:
    headers = {"x-stepwell-pin": "large", "x-stepwell-meta-task": "t", "x-stepwell-disable-fallbacks": "1"}
    request = read(headers, metadata={"task": "t"}, stepwell={"pin": "large", "disable_fallbacks": True})
    assert (request.pin, request.metadata, request.disable_fallbacks) == ("large", {"task": "t"}, True)


@pytest.mark.parametrize(
    ("headers", "fields"),
    [
        ({"x-stepwell-pin": "large"}, {"stepwell": {"pin": "small"}}),
        ({"x-stepwell-disable-fallbacks": "false"}, {"stepwell": {"disable_fallbacks": True}}),
        ({"x-stepwell-meta-task": "a"}, {"metadata": {"task": "b"}}),
        ({"x-stepwell-disable-fallbacks": "maybe"}, {}),
        ({"x-stepwell-meta-": "a"}, {}),
        ({"x-stepwell-pin": "no name"}, {}),
        ({"x-stepwell-pin": "\udcff"}, {}),
        ({"x-session-id": "\udcff"}, {}),
        ({"x-stepwell-meta-task": "\udcff"}, {}),
        ({"x-stepwell-meta-task": "a"}, {"metadata": "b"}),
        ({f"x-stepwell-meta-{number}": "a" for number in range(17)}, {}),
    ],
)
def test_contradictions_and_what_cannot_be_read_are_the_callers_to_mend(
    headers: dict[str, str], fields: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequest):
        read(headers, **fields)


@given(st.dictionaries(st.sampled_from(["x-stepwell-pin", "x-stepwell-meta-a", "x-session-id"]), st.text(max_size=8)))
def test_no_header_crashes_the_door(headers: dict[str, str]) -> None:
    try:
        request = read(headers)
    except InvalidRequest:
        return
    assert request.metadata.get("a", "") == headers.get("x-stepwell-meta-a", "")


# ---------------------------------------------------------------- memory


@pytest.mark.parametrize(
    ("said", "cache", "age"),
    [
        ("no-cache", "refresh", None),
        ("No-Cache, no-store", "off", None),
        ("no-store", "off", None),
        ("max-age=60", "use", 60.0),
        ('max-age="60" , no-transform', "use", 60.0),
        ("max-age=0", "use", 0.0),
        ("private, stale-if-error=3", "use", None),
        ("", "use", None),
    ],
)
def test_cache_control_says_what_memory_may_do(said: str, cache: str, age: float | None) -> None:
    request = read({"cache-control": said})
    assert (request.cache, request.cache_max_age_s) == (cache, age)


def test_the_body_says_the_same() -> None:
    asked = {"cache": "refresh", "cache_max_age_s": 60.0, "cache_similarity": 0.9}
    request = read(stepwell=asked)
    assert {name: getattr(request, name) for name in asked} == asked
    assert read({"cache-control": "no-cache, max-age=60"}, stepwell=asked) == request


@pytest.mark.parametrize(
    ("said", "body"),
    [
        ("max-age=soon", {}),
        ("max-age=-1", {}),
        ("max-age=" + "9" * 20, {}),
        ("max-age", {}),
        ("no-cache", {"cache": "off"}),
        ("max-age=60", {"cache_max_age_s": 61.0}),
    ],
)
def test_what_cannot_be_read_or_contradicts_the_body_is_refused(said: str, body: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="cache-control"):
        read({"cache-control": said}, stepwell=body)


@given(st.text(max_size=60))
def test_whatever_cache_control_holds_it_is_read_or_refused_in_a_sentence(said: str) -> None:
    refused = ""
    try:
        assert read({"cache-control": said}).cache in ("use", "refresh", "off")
    except InvalidRequest as error:
        refused = error.message
    assert not refused or "cache-control" in refused
