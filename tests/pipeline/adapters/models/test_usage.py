"""One way of counting out of many."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.models.usage import merged, read_usage
from pipeline.contracts import MAX_WHOLE, Usage
from pipeline.policy.models import Price

OPENAI = {
    "prompt_tokens": 1000,
    "completion_tokens": 300,
    "prompt_tokens_details": {"cached_tokens": 600, "audio_tokens": 50},
    "completion_tokens_details": {"reasoning_tokens": 200, "audio_tokens": 20},
}
ANTHROPIC = {
    "input_tokens": 400,
    "cache_read_input_tokens": 500,
    "cache_creation_input_tokens": 100,
    "output_tokens": 300,
}
DEEPSEEK = {
    "prompt_tokens": 1000,
    "prompt_cache_hit_tokens": 600,
    "prompt_cache_miss_tokens": 400,
    "completion_tokens": 3,
}


def price(**others: object) -> Price:
    return Price(input=2.0, output=8.0, source="a list", as_of="2026-01-31", **others)


def test_openai_counts_the_parts_inside() -> None:
    assert read_usage(OPENAI) == Usage(
        input_tokens=1000,
        output_tokens=300,
        cached_tokens=600,
        reasoning_tokens=200,
        audio_input_tokens=50,
        audio_output_tokens=20,
    )


def test_anthropic_counts_the_cached_beside() -> None:
    expected = Usage(input_tokens=1000, output_tokens=300, cached_tokens=500, cache_write_tokens=100)
    assert read_usage(ANTHROPIC) == expected
    assert read_usage(ANTHROPIC, price(cached="beside")) == expected, "and never twice"


def test_deepseek_counts_hits_and_misses() -> None:
    assert read_usage(DEEPSEEK) == Usage(input_tokens=1000, output_tokens=3, cached_tokens=600)


def test_a_server_with_openais_names_and_anthropics_counting_is_corrected_by_the_price() -> None:
    mixed = {"prompt_tokens": 400, "cache_read_input_tokens": 300, "completion_tokens": 7}
    assert read_usage(mixed, price()) == Usage(input_tokens=400, output_tokens=7, cached_tokens=300)
    assert read_usage(mixed, price(cached="beside")) == Usage(input_tokens=700, output_tokens=7, cached_tokens=300)


def test_reasoning_beside_the_answer_is_added() -> None:
    told = {"prompt_tokens": 5, "completion_tokens": 90, "completion_tokens_details": {"reasoning_tokens": 40}}
    assert (read_usage(told, price()) or Usage()).output_tokens == 90
    assert (read_usage(told, price(reasoning_counted="beside")) or Usage()).output_tokens == 130


def test_a_part_larger_than_its_whole_must_have_been_counted_beside_it() -> None:
    told = {
        "prompt_tokens": 100,
        "prompt_tokens_details": {"cached_tokens": 900},
        "completion_tokens": 10,
        "completion_tokens_details": {"reasoning_tokens": 70},
    }
    found = read_usage(told) or Usage()
    assert (found.input_tokens, found.output_tokens) == (1000, 80)


@pytest.mark.parametrize(
    "nothing",
    [
        {},
        {"tokens": 5},
        {"prompt_tokens": None},
        {"prompt_tokens": "12"},
        {"prompt_tokens": -1},
        {"prompt_tokens": True},
    ],
)
def test_what_counts_neither_side_is_no_report(nothing: dict[str, object]) -> None:
    assert read_usage(nothing) is None


def test_a_count_that_nothing_can_be_is_cut() -> None:
    assert (read_usage({"prompt_tokens": 10**30}) or Usage()).input_tokens == MAX_WHOLE


def test_a_stream_that_reports_one_side_at_a_time_is_put_together() -> None:
    begun, ended = read_usage({"input_tokens": 12, "output_tokens": 1}), read_usage({"output_tokens": 40})
    assert merged(begun, ended) == Usage(input_tokens=12, output_tokens=40)
    assert merged(None, begun) == begun
    assert merged(begun, None) == begun


COUNT = st.one_of(st.integers(-5, 5000), st.none(), st.text(max_size=3), st.floats(), st.booleans())
DETAILS = st.one_of(
    st.dictionaries(st.sampled_from(["cached_tokens", "reasoning_tokens", "audio_tokens"]), COUNT), COUNT
)


@given(
    st.dictionaries(
        st.sampled_from([*OPENAI, *ANTHROPIC, *DEEPSEEK]),
        st.one_of(COUNT, DETAILS),
    ),
    st.sampled_from(["inside", "beside"]),
)
def test_whatever_is_reported_no_part_is_larger_than_its_whole(reported: dict[str, object], way: str) -> None:
    found = read_usage(reported, price(cached=way, reasoning_counted=way))
    if found is not None:
        assert found.cached_tokens + found.cache_write_tokens <= found.input_tokens
        assert found.reasoning_tokens <= found.output_tokens


COUNTS = st.one_of(st.integers(-2, 2**60), st.none(), st.booleans(), st.just("7"), st.floats(0, 9))
NAMES = st.sampled_from(["prompt_tokens", "completion_tokens", "total_tokens"])


@given(st.dictionaries(NAMES, COUNTS))
def test_the_three_usual_names_are_read_like_all_others(reported: dict[str, object]) -> None:
    """A name that says nothing sends it the long way."""
    assert read_usage(reported) == read_usage({**reported, "else": 0})
    plain = read_usage(reported)
    assert plain is None or plain.model_dump_json() == Usage(**dict(plain)).model_dump_json()
