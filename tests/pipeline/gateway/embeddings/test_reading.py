"""The body of `/v1/embeddings` is read whole, or refused by the name of the field that is wrong."""

import pytest
from fakes_door import answered
from hypothesis import given
from hypothesis import strategies as st

from pipeline.contracts import Json, JsonObject, Request, Usage
from pipeline.contracts.vectors import packed
from pipeline.errors import InvalidRequest, StepwellError, UnsupportedParameter
from pipeline.gateway.embeddings import embeddings_object, to_embed_call

HEADERS = {"x-stepwell-tenant": "acme", "idempotency-key": "key-1", "x-stepwell-pin": "one"}
VALUES: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
FIELDS = st.sampled_from(["model", "input", "encoding_format", "dimensions", "user", "provider", "stepwell", "other"])


def read(**fields: Json) -> Request:
    return to_embed_call({"model": "vectors", "input": "hello", **fields}, {}).request


def test_one_text_is_a_list_of_one() -> None:
    request = read()
    assert request.embed is not None
    assert (request.embed.texts, request.messages, request.route) == (("hello",), (), "vectors")
    assert Request.model_validate_json(request.model_dump_json(exclude_defaults=True)) == request


def test_who_asks_and_whom_stands_where_a_chat_completion_has_it() -> None:
    fields: JsonObject = {"input": ["a", "b"], "user": "ada", "stepwell": {"session": "s", "max_cost_usd": 0.5}}
    call = to_embed_call(fields, HEADERS)
    request = call.request
    assert (request.tenant, request.id, request.pin, request.user, request.session) == (
        "acme", "key-1", "one", "ada", "s",
    )  # fmt: skip
    assert request.budget.max_cost_usd == 0.5
    assert call.call.resumable


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": ["a"] * 2049}, "input"),
        ({"input": {}}, "input"),
        ({"input": ["a", ""]}, "input[1]"),
        ({"input": ["a", None]}, "input[1]"),
        ({"dimensions": 0}, "dimensions"),
        ({"dimensions": 1.5}, "dimensions"),
        ({"dimensions": True}, "dimensions"),
        ({"encoding_format": "int8"}, "encoding_format"),
    ],
)
def test_what_is_wrong_is_refused_by_name(fields: JsonObject, param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(**fields)
    assert refused.value.param == param


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": [1, 2, 3]}, "input"),
        ({"input": [[1, 2], [3]]}, "input"),
        ({"temperature": 0.5}, "temperature"),
        ({"stepwell": {"quality_floor": 0.5}}, "stepwell.quality_floor"),
    ],
)
def test_what_is_not_done_is_unsupported(fields: JsonObject, param: str) -> None:
    with pytest.raises(UnsupportedParameter) as refused:
        read(**fields)
    assert refused.value.param == param


@given(st.dictionaries(FIELDS, VALUES))
def test_no_body_breaks_it(fields: dict[str, Json]) -> None:
    try:
        request = to_embed_call(fields, {}).request
    except StepwellError as error:
        assert error.http_status < 500  # noqa: PT017
    else:
        assert request.embed is not None
        assert set(fields) <= {"model", "input", "encoding_format", "dimensions", "user", "provider", "stepwell"} or (
            fields["other"] is None
        )


def test_the_answer_holds_the_vectors_in_either_form() -> None:
    rows = (packed([1.0, 0.5]), packed([0.25, -1.0]))
    reply = answered(Request(input="x", id="r1"), None, embeddings=rows, usage=Usage(input_tokens=7))
    made = embeddings_object(reply, "base64")
    assert [entry["embedding"] for entry in made["data"]] == list(rows)
    assert [entry["index"] for entry in made["data"]] == [0, 1]
    assert made["usage"] == {"prompt_tokens": 7, "total_tokens": 7}
    assert [entry["embedding"] for entry in embeddings_object(reply, "float")["data"]] == [[1.0, 0.5], [0.25, -1.0]]
