"""Training: nothing learnt is scored on, the same again for the same seed, and better than the stock model."""

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.adapters.pii.models import activate, best, install
from pipeline.adapters.pii.names import SmallEngine
from pipeline.adapters.pii.training import Document, Recipe, generate, score, split, train
from pipeline.adapters.pii.training.templates import Template

SMALL = replace(Recipe(), documents=60, epochs=1, prose=0.0)


def test_no_template_is_learnt_and_scored_on() -> None:
    documents = [Document("", (), f"t/{n}") for n in range(40)] + [
        Document("", (), f"t/{n} t/{n + 1}") for n in range(39)
    ]
    learnt, held = split(documents, 0.2, 1)
    names = [{name for document in side for name in document.template.split()} for side in (learnt, held)]
    assert not names[0] & names[1]
    assert len(names[1]) == 8


def test_without_a_share_nothing_is_held_out() -> None:
    documents = [Document("", (), "t/1")] * 3
    assert split(documents, 0.0, 1) == (documents, [])


@pytest.mark.nlp
@pytest.mark.slow
def test_the_same_seed_gives_the_same_model_and_another_one_another() -> None:
    documents = generate(SMALL, 3)
    one, two, three = (train(documents, SMALL, seed) for seed in (1, 1, 2))
    assert one.digest == two.digest != three.digest


@pytest.mark.nlp
@pytest.mark.slow
def test_a_few_texts_of_ones_own_teach_what_the_stock_model_does_not_know(tmp_path: Path) -> None:
    own = [Template("own/1", "zq: {name} zq"), Template("own/2", "zq: {name}, zq")]
    recipe = replace(SMALL, documents=160, epochs=3, together=0.0, held_out=0.0)
    trained = train(generate(recipe, 1, own), recipe, 1)
    activate(tmp_path, install(tmp_path, trained).name)
    unseen = generate(recipe, 9, own)
    engines = [SmallEngine.of(best(roots)[0]) for roots in ((), (tmp_path,))]
    before, after = (score(unseen, engine.entities_of([text for text, _, _ in unseen])) for engine in engines)
    assert after["PERSON"]["recall"] > before["PERSON"]["recall"] + 0.1
