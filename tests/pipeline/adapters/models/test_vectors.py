"""Vectors asked of targets: the body they are sent, the answers they give, and the encoder inside the worker."""

import threading
from base64 import b64decode
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from fakes_models import permitted, target
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.embedding import minilm
from pipeline.adapters.models.answer import MalformedAnswer
from pipeline.adapters.models.vectors import embed_body, vectors
from pipeline.contracts import Embed
from pipeline.contracts.vectors import packed, unpacked
from pipeline.errors import PartMissing, TargetRejected, TargetTimeout, TargetUnavailable
from pipeline.policy.models import BUILTIN
from pipeline.ports import ModelCall

TEXTS = ("the cat sleeps", "a cat sleeps")
MAKES = {"capabilities": frozenset({"embedding"})}
ODD: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["index", "embedding"]), inner),
    max_leaves=12,
)


def call(model: str, url: str, *texts: str, deadline_s: float = 5.0, **spec: Any) -> ModelCall:
    made = target(model, url, **{**MAKES, **spec})
    asked = Embed(texts=texts or TEXTS, dimensions=spec.pop("asked", None))
    return ModelCall(permitted(model, made, embed=asked), deadline_s)


async def test_a_target_is_asked_at_its_own_page_and_answers_in_the_order_of_the_texts(desks, server) -> None:
    answer = await desks(url=server.url).client.complete(call("embedder", server.url))
    rows = [unpacked(row) for row in answer.embeddings or ()]
    assert (len(rows), len(rows[0]), answer.text) == (2, 64, None)
    assert (answer.usage.input_tokens, answer.usage.output_tokens, answer.usage_reported) == (6, 0, True)
    written = call("embedder", server.url, extra={"encoding_format": "base64"})
    again = await desks(url=server.url).client.complete(written)
    assert again.embeddings == answer.embeddings


async def test_a_target_that_always_streams_answers_vectors_in_one_piece(desks, server) -> None:
    patient = call("embedder", server.url, timeouts={"connect": 1, "first_token": 1, "idle": 1, "total": 5})
    assert len((await desks(url=server.url).client.complete(patient)).embeddings or ()) == 2


async def test_a_try_that_failed_is_made_again_and_one_that_hangs_ends(desks, server) -> None:
    desk = desks(url=server.url)
    done = [await desk.client.complete(call("flaky", server.url, f"text {n}")) for n in range(8)]
    assert {answer.calls for answer in done} <= {1, 2}
    with pytest.raises(TargetUnavailable):
        await desk.client.complete(call("error", server.url))
    with pytest.raises(TargetTimeout):
        await desk.client.complete(call("hang", server.url, deadline_s=0.05))


def test_texts_and_model_are_never_taken_from_extra() -> None:
    spec = target("m", extra={"model": "x", "input": "y", "truncate": "END"}, **MAKES)
    view = permitted("m", spec, embed=Embed(texts=TEXTS, dimensions=8)).view
    body = {"model": "m", "input": [*TEXTS], "truncate": "END"}
    assert orjson.loads(embed_body(view, Embed(texts=TEXTS, dimensions=8), spec)) == body
    able = target("m", vectors={"shortens": True}, **MAKES)
    assert orjson.loads(embed_body(view, Embed(texts=TEXTS, dimensions=8), able))["dimensions"] == 8


def test_rows_are_put_in_the_order_of_their_index() -> None:
    data = [{"index": 1, "embedding": [2, 2]}, {"index": 0, "embedding": packed([1.0, 1.0])}]
    assert vectors(orjson.dumps({"data": data}), "m").rows == (packed([1.0, 1.0]), packed([2.0, 2.0]))
    bare = [{"embedding": [1.0]}, {"embedding": [2.0]}]
    assert vectors(orjson.dumps({"data": bare}), "m").rows == (packed([1.0]), packed([2.0]))


@pytest.mark.parametrize(
    "data",
    [
        [{"index": 0, "embedding": [1.0]}, {"index": 0, "embedding": [2.0]}],
        [{"index": 1, "embedding": [1.0]}],
        [{"index": 0, "embedding": ["1"]}],
        [{"index": 0, "embedding": None}],
        [{"index": True, "embedding": [1.0]}],
        ["row"],
        None,
    ],
)
def test_what_is_no_list_of_vectors_is_malformed(data: object) -> None:
    with pytest.raises(MalformedAnswer):
        vectors(orjson.dumps({"data": data}), "m")


@given(st.one_of(st.binary(max_size=60), ODD.map(orjson.dumps), ODD.map(lambda odd: orjson.dumps({"data": odd}))))
def test_no_answer_breaks_the_reader(payload: bytes) -> None:
    try:
        made = vectors(payload, "m")
    except MalformedAnswer:
        return
    assert all(isinstance(row, str) for row in made.rows)


# ---------------------------------------------------------------- the encoder that comes along


async def test_without_the_extra_the_call_says_what_to_install(desks, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> object:
        raise PartMissing("onnxruntime is not installed; install the extra `embeddings`: stepwell[embeddings]")

    monkeypatch.setattr("pipeline.adapters.embedding.load", absent)
    with pytest.raises(TargetRejected, match=r"stepwell\[embeddings\]") as caught:
        await desks().client.complete(call("m", BUILTIN))
    assert not caught.value.charged


async def test_a_text_has_the_same_vector_in_any_company(desks) -> None:
    pytest.importorskip("onnxruntime")
    client = desks().client
    alone = await client.complete(call("m", BUILTIN, TEXTS[1]))
    together = await client.complete(call("m", BUILTIN, *TEXTS, "x " * 300))
    assert alone.embeddings is not None
    assert together.embeddings is not None
    assert together.embeddings[1] == alone.embeddings[0]
    assert len(b64decode(alone.embeddings[0])) == 4 * minilm.DIMENSIONS
    assert together.usage.input_tokens > 300


async def test_nobody_waits_for_an_encoder_beyond_the_deadline(desks, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, held = threading.Event(), threading.Event()

    class Slow:
        def whole(self, text: str) -> tuple[object, int]:
            begun.set()
            return held.wait(10), len(text)

    slow: Callable[[], object] = Slow
    monkeypatch.setattr("pipeline.adapters.embedding.load", slow)
    with pytest.raises(TargetTimeout):
        await desks().client.complete(call("m", BUILTIN, deadline_s=0.05))
    held.set()
    assert begun.is_set()
