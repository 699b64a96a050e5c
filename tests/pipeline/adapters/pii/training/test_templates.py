"""The templates are our own: they share no phrase with those that the evaluation data was made from."""

import gzip
import itertools
import json
import re

from outside_data import DATA, needs

from pipeline.adapters.pii.training.templates import Template, all_templates, parts

LONGEST = 4
"""Words in a row that any two English texts may share."""
_GAP = "\0"


def phrases(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"[a-z']+|\0", re.sub(r"\{+[^}]*\}+", _GAP, text).lower())
    rows = (tuple(words[at : at + LONGEST + 1]) for at in range(len(words) - LONGEST))
    return {row for row in rows if _GAP not in row}


def variants(template: Template) -> set[tuple[str, ...]]:
    """The phrases of a template, each choice with each of the next."""
    pieces = [piece.split("|") if place % 2 else [piece] for place, piece in enumerate(cut(template.text))]
    return {
        phrase
        for at in range(len(pieces))
        for choice in itertools.product(*pieces[at : at + 3])
        for phrase in phrases("".join(choice))
    }


def cut(text: str) -> list[str]:
    return re.split(r"\[\[(.*?)\]\]", text, flags=re.DOTALL)


@needs("pii-presidio-research")
def test_no_phrase_is_that_of_a_template_of_the_evaluation() -> None:
    theirs: set[tuple[str, ...]] = set()
    for name in ("synth_dataset_v2", "generated_large"):
        with gzip.open(DATA / "pii-presidio-research" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            theirs |= {phrase for line in lines for phrase in phrases(json.loads(line)["template"])}
    assert theirs
    alike = {template.name for template in all_templates() if not theirs.isdisjoint(variants(template))}
    assert not alike


def test_every_template_has_a_name_of_its_own() -> None:
    names = [template.name for template in all_templates()]
    assert len(names) == len(set(names)) > 300


def test_slots_and_literals_make_up_the_text() -> None:
    assert parts("Dear {first}, {Noun}!") == [
        ("Dear ", False),
        ("first", True),
        (", ", False),
        ("Noun", True),
        ("!", False),
    ]
