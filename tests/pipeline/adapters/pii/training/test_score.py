"""The score: half of the characters, of the right type, on either side."""

import pytest

from pipeline.adapters.pii.entity import Entity
from pipeline.adapters.pii.training.generate import Document
from pipeline.adapters.pii.training.score import score

TEXT = "Odalys Brandvold in Oslo"
GOLD = Document(TEXT, (("PERSON", 0, 16), ("GPE", 20, 24)), "t/1")


def found(label: str, start: int, end: int) -> Entity:
    return Entity(label, start, end, TEXT[start:end])


def test_what_is_found_counts() -> None:
    assert score([GOLD], [[found("PERSON", 0, 16)]])["PERSON"] == {"labels": 1, "recall": 1, "precision": 1, "f2": 1}


@pytest.mark.parametrize(("end", "recall"), [(8, 1.0), (7, 0.0)])
def test_half_of_the_characters_are_enough(end: int, recall: float) -> None:
    assert score([GOLD], [[found("PERSON", 0, end)]])["PERSON"]["recall"] == recall


def test_another_type_does_not_count() -> None:
    scores = score([GOLD], [[found("ORG", 0, 16)]])
    assert scores["PERSON"]["recall"] == 0
    assert scores["ORG"]["precision"] == 0


def test_labels_of_one_type_are_one() -> None:
    assert score([GOLD], [[found("LOC", 20, 24)]])["LOCATION"]["recall"] == 1


def test_recall_weighs_more_than_precision() -> None:
    more = [found("PERSON", 0, 16), found("PERSON", 17, 19)]
    assert score([GOLD], [more])["PERSON"] == {"labels": 1, "recall": 1, "precision": 0.5, "f2": 0.8333}
