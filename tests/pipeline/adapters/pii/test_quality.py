"""Modest floors of recall and precision on labelled texts, read in place and nowhere copied."""

import pytest
from outside_data import DATA, needs

from bench.pii_quick import Scan, alarms, ibans, labelled, measure, read, with_names
from pipeline.adapters.pii import PatternScanner

pytestmark = pytest.mark.nlp

labels = needs("pii-presidio-research")


@pytest.fixture(scope="module")
def deep() -> Scan:
    return with_names()


@labels
@pytest.mark.parametrize(
    ("kind", "recall", "precision"),
    [
        ("CREDIT_CARD", 0.99, 0.98),
        ("EMAIL", 0.99, 0.98),
        ("IP", 0.99, 0.98),
        ("US_SSN", 0.99, 0.95),
        ("PHONE", 0.85, 0.80),
        ("ADDRESS", 0.30, 0.95),
    ],
)
def test_what_has_a_form_is_found_and_little_else(kind: str, recall: float, precision: float) -> None:
    row = measure(labelled(DATA), PatternScanner().scan_text)[kind]
    assert row["labels"] > 0
    assert row["recall"] >= recall
    assert row["precision"] >= precision


def test_ibans_are_found() -> None:
    row = measure(ibans(), PatternScanner().scan_text)["IBAN"]
    assert row["recall"] >= 0.99
    assert row["precision"] >= 0.99


@needs("gsm8k-four-systems")
def test_arithmetic_word_problems_raise_next_to_no_alarm() -> None:
    prompts = [row["prompt"] for row in read(DATA / "gsm8k-four-systems" / "solutions.jsonl.gz")]
    share, _ = alarms(prompts, PatternScanner().scan_text)
    assert share <= 0.01


@labels
def test_names_of_people_are_found_more_often_than_not(deep: Scan) -> None:
    row = measure(labelled(DATA), deep)["PERSON"]
    assert row["recall"] >= 0.58
    assert row["precision"] >= 0.70
