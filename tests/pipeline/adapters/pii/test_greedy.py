"""Our search over a name component finds what spaCy's own finds."""

import random

import pytest
from spacy.language import Language

from pipeline.adapters.pii.greedy import Greedy, Range, searchable
from pipeline.adapters.pii.models import best, load
from pipeline.adapters.pii.training import Recipe, generate

pytestmark = pytest.mark.nlp


@pytest.fixture(scope="module", params=["shipped", "stock"])
def pipeline(request: pytest.FixtureRequest) -> Language:
    return best()[0] if request.param == "shipped" else load()


def theirs(pipeline: Language, texts: list[str]) -> list[list[Range]]:
    return [[Range(one.label_, one.start, one.end) for one in seen.ents] for seen in pipeline.pipe(texts)]


def ours(pipeline: Language, texts: list[str]) -> list[list[Range]]:
    return Greedy(pipeline.get_pipe("ner")).ranges([pipeline.make_doc(text) for text in texts])


LETTERS = [
    "Dear Odalys,\nBram Achterberg of Larch and Sons moved from Gdansk to 12 Alder Lane, Fairview on 3 May 2019.",
    "ingeborg lindqvist paid 40 euros to wanjiru njoroge in nairobi, said the BBC.",
    "Tomasz",
    "Meera Iyer",
    "Cosimo Peralta, Liv Brandvold and Haruto Vance met Siemens in Berlin",
]


def test_it_finds_what_spacy_finds_in_letters(pipeline: Language) -> None:
    assert ours(pipeline, LETTERS) == theirs(pipeline, LETTERS)
    assert any(ours(pipeline, LETTERS))


@pytest.mark.slow
def test_it_finds_what_spacy_finds(pipeline: Language) -> None:
    texts = [document.text for document in generate(Recipe(documents=300), 3)]
    assert ours(pipeline, texts) == theirs(pipeline, texts)
    assert sum(map(len, ours(pipeline, texts))) > 300


@pytest.mark.slow
def test_it_finds_what_spacy_finds_in_heaps_of_words(pipeline: Language) -> None:
    draw = random.Random(5)
    words = [word for document in generate(Recipe(documents=100), 4) for word in document.text.split(" ")]
    texts = [" ".join(draw.choices(words, k=draw.randint(1, 60))) for _ in range(60)]
    assert ours(pipeline, texts) == theirs(pipeline, texts)


@pytest.mark.parametrize("texts", [[], [""], ["", ""], [" "], ["\n\n"], ["", "Anna", ""], ["New", "York"]])
def test_texts_with_nothing_or_one_word_are_read_like_others(pipeline: Language, texts: list[str]) -> None:
    assert ours(pipeline, texts) == theirs(pipeline, texts)


def test_no_text_changes_what_is_found_in_its_neighbour(pipeline: Language) -> None:
    alone = ours(pipeline, ["Yesterday Odalys Brandvold met us in"])
    assert ours(pipeline, ["Yesterday Odalys Brandvold met us in", "Berlin Mitte"])[:1] == alone


def test_a_component_with_another_search_is_left_to_spacy(pipeline: Language) -> None:
    component = pipeline.get_pipe("ner")
    assert searchable(component)
    kept = component.cfg.get("beam_width", 1)
    component.cfg["beam_width"] = 4
    try:
        assert not searchable(component)
    finally:
        component.cfg["beam_width"] = kept
