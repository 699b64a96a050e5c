"""Our way through the layers gives the numbers that thinc gives."""

from typing import Any

import numpy as np
import pytest
from spacy.language import Language

from pipeline.adapters.pii import vectors
from pipeline.adapters.pii.models import load
from pipeline.adapters.pii.vectors import Vectors

pytestmark = pytest.mark.nlp

TEXTS = [
    "Dear Odalys,\nthey don't know, she's gonna call Bram Achterberg.",
    "",
    "a",
    " \n ",
    "They do not know whether SHE is going to call 0121 496 0000; don't!",
]


@pytest.fixture(scope="module")
def pipeline() -> Language:
    return load()


def layers(pipeline: Language) -> Any:
    component: Any = pipeline.get_pipe("ner")
    return component.model.get_ref("tok2vec")


def test_they_are_those_of_thinc_the_first_time_and_from_memory(pipeline: Language) -> None:
    ours = Vectors(layers(pipeline))
    docs = [pipeline.make_doc(text) for text in TEXTS]
    theirs = layers(pipeline).predict(docs)
    for _ in range(2):
        np.testing.assert_allclose(ours.predict(docs), theirs, atol=1e-4)


def test_a_text_by_itself_has_the_vectors_that_it_has_among_others(pipeline: Language) -> None:
    ours = Vectors(layers(pipeline))
    docs = [pipeline.make_doc(text) for text in TEXTS]
    whole, at = ours.predict(docs), 0
    for doc in docs:
        if len(doc):
            np.testing.assert_allclose(ours.predict([doc]), whole[at : at + len(doc)], atol=1e-4)
        at += len(doc)


@pytest.mark.parametrize("most", [3, 20])
def test_a_full_memory_is_emptied(pipeline: Language, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(vectors, "_MOST", most)
    ours = Vectors(layers(pipeline))
    for _ in range(2):
        for text in filter(None, TEXTS):
            docs = [pipeline.make_doc(text)]
            np.testing.assert_allclose(ours.predict(docs), layers(pipeline).predict(docs), atol=1e-4)


def test_other_layers_are_refused(pipeline: Language) -> None:
    with pytest.raises(ValueError, match="unknown layers"):
        Vectors(layers(pipeline).layers[0])
