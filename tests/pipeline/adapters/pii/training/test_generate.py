"""Generated texts: the same again for the same seed, labelled where the names stand, of many shapes."""

import subprocess
import sys
from dataclasses import replace
from random import Random

import pytest

from pipeline.adapters.pii.training.generate import Recipe, generate
from pipeline.adapters.pii.training.slots import Slots
from pipeline.adapters.pii.training.templates import Template, all_templates, parts

pytestmark = pytest.mark.nlp
PLAIN = Recipe(documents=40, prose=0.0, together=0.0, cases={})
LETTER = Template("t/1", "Dear {first},\n[[yes|no]]. {name} lives at {street}.")


def test_recipe_and_seed_decide_every_letter() -> None:
    recipe = replace(Recipe(), documents=300)
    assert generate(recipe, 4) == generate(recipe, 4)
    assert generate(recipe, 4) != generate(recipe, 5)


PRINTED = """
from pipeline.adapters.pii.training import Recipe, generate
from pipeline.adapters.pii.training.train import digest
print(digest(generate(Recipe(documents=200), 7)))
"""


@pytest.mark.slow
def test_another_process_makes_the_same_texts() -> None:
    """Python orders sets anew in every process; nothing may depend on it."""

    def printed(order: str) -> str:
        environment = {"PATH": "", "PYTHONPATH": ".", "PYTHONHASHSEED": order}
        run = subprocess.run(
            [sys.executable, "-c", PRINTED], capture_output=True, text=True, check=True, env=environment
        )
        return run.stdout

    assert printed("1") == printed("2")


def test_every_template_can_be_filled() -> None:
    chance = Random(1)
    slots = Slots(chance)
    slots.begin()
    for template in all_templates():
        for choice in range(6):
            for part, slot in parts(template.chosen(Random(choice))):
                assert not slot or all(text for text, _ in slots.fill(part)), template.name


def test_labels_lie_on_what_filled_the_slots() -> None:
    for document in generate(PLAIN, 1, [LETTER]):
        kinds = [label for label, _, _ in document.labels]
        assert kinds == ["PERSON", "PERSON", "ADDRESS"]
        (_, start, end), (_, begin, finish), _ = document.labels
        assert document.text[:start] == "Dear "
        assert document.text[end] in ",;"
        assert document.text[begin - 2 : begin] in (". ", "\\n", "n ") or document.text[begin - 1] == " "
        assert document.text[finish:].startswith(" lives at ")


def test_no_label_begins_or_ends_with_a_space_or_overlaps_another() -> None:
    for document in generate(replace(Recipe(), documents=800), 2):
        end = 0
        for _, start, stop in document.labels:
            assert end <= start < stop <= len(document.text)
            assert document.text[start:stop] == document.text[start:stop].strip()
            end = stop


def test_some_texts_are_in_lower_case_throughout() -> None:
    texts = [document.text for document in generate(replace(Recipe(), documents=400, prose=0.0), 3)]
    assert any(text.islower() for text in texts)
    assert any(text.isupper() for text in texts)


def test_texts_without_a_name_are_among_them() -> None:
    documents = generate(replace(Recipe(), documents=400), 3)
    assert 0.1 < sum(not document.labels for document in documents) / len(documents) < 0.6


def test_a_capital_slot_begins_with_a_capital() -> None:
    slots = Slots(Random(1))
    assert all(slots.fill("Noun")[0][0][0].isupper() for _ in range(20))
    assert all(slots.fill("NOUN")[0][0].isupper() for _ in range(20))


def test_an_unknown_slot_is_an_error() -> None:
    with pytest.raises(KeyError):
        Slots(Random(1)).fill("nothing_of_the_kind")
