"""Floors of recall and precision on labelled texts, read in place and nowhere copied. `make eval-pii` prints all."""

from collections import Counter

import pytest
from outside_data import DATA, needs

from bench.pii import engines, score
from bench.pii.made import made
from bench.pii.rows import PRESIDIO, Data, Row

pytestmark = pytest.mark.nlp

labels = needs("pii-presidio-research")
THRESHOLD = 0.5


def tally(engine: engines.Engine, rows: list[Row]) -> score.Tally:
    total: score.Tally = Counter()
    for row in rows:
        total.update(score.count(row, [span for span in engine.scan(row.text) if span.score >= THRESHOLD]))
    return total


def labelled() -> list[Row]:
    return [row for name in PRESIDIO for row in Data(DATA).presidio(name)]


@pytest.fixture(scope="module")
def structured() -> score.Tally:
    return tally(engines.patterns(), labelled())


@labels
@pytest.mark.parametrize(
    ("kind", "recall", "precision"),
    [
        ("CREDIT_CARD", 0.99, 0.99),
        ("EMAIL", 0.99, 0.99),
        ("IP", 0.99, 0.99),
        ("US_SSN", 0.99, 0.99),
        ("PHONE", 0.97, 0.97),
        ("ADDRESS", 0.98, 0.95),
    ],
)
def test_what_has_a_form_is_found_and_little_else(
    structured: score.Tally, kind: str, recall: float, precision: float
) -> None:
    assert structured[kind, "gold"] > 0
    assert (score.recall(structured, kind) or 0) >= recall
    assert (score.precision(structured, kind) or 0) >= precision


@pytest.mark.parametrize("name", ["IBAN, whole", "IBAN, in groups", "IBAN, lower case"])
def test_ibans_are_found(name: str) -> None:
    found = tally(engines.patterns(), made(name, 100, seed=7))
    assert (score.recall(found, "IBAN") or 0) >= 0.99
    assert (score.precision(found, "IBAN") or 0) >= 0.99


@needs("gsm8k-four-systems")
def test_arithmetic_word_problems_raise_next_to_no_alarm() -> None:
    engine = engines.patterns()
    texts = Data(DATA).texts("gsm8k-four-systems")
    flagged = sum(any(span.score >= THRESHOLD for span in engine.scan(text)) for text in texts)
    assert flagged <= 0.002 * len(texts)


@pytest.mark.timeout(300)
@labels
def test_most_names_of_people_are_found() -> None:
    found = tally(engines.names(), labelled())
    assert (score.recall(found, "PERSON") or 0) >= 0.87
    assert (score.precision(found, "PERSON") or 0) >= 0.82
