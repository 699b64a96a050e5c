"""The arithmetic of the evaluation of personal data, on cases small enough to count by hand."""

from collections import Counter

import pytest

from bench.pii import score
from bench.pii.rows import Row
from bench.pii.table import Figure
from pipeline.adapters.pii.spans import Span


def at(kind: str, start: int, end: int) -> Span:
    return Span(kind, start, end, 0.9)


@pytest.mark.parametrize(
    ("found", "counts"),
    [
        ([at("A", 0, 5)], True),
        ([at("A", 0, 4)], False),
        ([at("A", 0, 3), at("A", 8, 10)], True),
        ([at("A", 0, 4), at("A", 1, 4)], False),
        ([at("A", -5, 20)], True),
        ([], False),
    ],
)
def test_half_of_the_characters_must_be_covered_and_none_counts_twice(found: list[Span], counts: bool) -> None:
    assert score.covered(at("A", 0, 10), found) is counts


def test_recall_precision_and_f2_by_type() -> None:
    row = Row("x" * 100, (at("PERSON", 0, 10), at("PERSON", 20, 30), at("EMAIL", 40, 50)))
    tally = score.count(row, [at("PERSON", 0, 10), at("EMAIL", 20, 30), at("PERSON", 60, 70), at("EMAIL", 40, 50)])
    assert score.recall(tally, "PERSON") == 0.5
    assert score.recall(tally, "PERSON", "any") == 1.0
    assert score.precision(tally, "PERSON") == 0.5
    assert score.precision(tally, "EMAIL") == 0.5
    assert score.recall(tally, "EMAIL") == 1.0
    assert score.f2(tally, "EMAIL") == pytest.approx(5 * 0.5 * 1.0 / (4 * 0.5 + 1.0))


def test_what_is_not_there_has_no_figure_and_what_is_never_found_has_zero() -> None:
    tally = score.count(Row("x" * 20, (at("PHONE", 0, 10),)), [])
    assert score.f2(tally, "PHONE") == 0.0
    assert score.recall(tally, "IBAN") is None
    assert score.precision(tally, "PHONE") is None
    assert score.f2(tally, "IBAN") is None


def test_a_finding_that_is_mostly_beside_its_label_is_wrong() -> None:
    tally = score.count(Row("x" * 50, (at("ADDRESS", 0, 10),)), [at("ADDRESS", 4, 30)])
    assert score.recall(tally, "ADDRESS") == 1.0
    assert score.precision(tally, "ADDRESS") == 0.0


def test_a_document_leaks_by_one_span_of_the_types_that_matter() -> None:
    organisation, person, phone = at("ORG", 0, 10), at("PERSON", 20, 30), at("PHONE", 40, 50)
    tally = Counter[tuple[str, str]]()
    tally += score.count(Row("x" * 50, (organisation,)), [])
    tally += score.count(Row("x" * 50, (person, phone)), [person])
    tally += score.count(Row("x" * 50, (person, phone)), [person, at("US_SSN", 40, 50)])
    tally += score.count(Row("x" * 50), [])
    assert score.leak(tally) == 0.25
    assert score.leak(tally, "leaks typed") == 0.5


def test_places_and_addresses_also_count_as_one_type() -> None:
    tally = score.count(Row("x" * 50, (at("LOCATION", 0, 10), at("ADDRESS", 20, 40))), [at("ADDRESS", 0, 40)])
    assert score.recall(tally, "LOCATION") == 0.0
    assert score.recall(tally, "PLACE") == 1.0
    assert score.precision(tally, "PLACE") == 1.0


def test_an_interval_holds_the_figure_and_is_a_point_where_templates_agree() -> None:
    one = Counter({("A", "gold"): 4, ("A", "hit"): 3})
    other = Counter({("A", "gold"): 4, ("A", "hit"): 1})

    def recall(tally: object) -> float | None:
        return score.recall(tally, "A")  # type: ignore[arg-type]

    assert score.interval([one] * 9, recall, seed=1) == (0.75, 0.75)
    low, high = score.interval([one, other] * 10, recall, seed=1) or (0, 0)
    assert 0.25 < low < 0.5 < high < 0.75
    assert score.interval([], recall, seed=1) is None


def test_a_paired_interval_sees_a_difference_that_holds_in_every_template() -> None:
    theirs = [Counter({("A", "gold"): 10, ("A", "hit"): hit}) for hit in range(9)]
    ours = [Counter({("A", "gold"): 10, ("A", "hit"): hit + 1}) for hit in range(9)]

    def recall(tally: object) -> float | None:
        return score.recall(tally, "A")  # type: ignore[arg-type]

    assert score.paired(ours, theirs, recall, seed=1) == (pytest.approx(0.1), pytest.approx(0.1))


@pytest.mark.parametrize(
    ("value", "mark", "met"),
    [(0.99, ">= 0.99", True), (0.98, ">= 0.99", False), (0.08, "<= 0.08", True), (0.09, "<= 0.08", False),
     (1.0, "", None), (None, ">= 1", None)],
)  # fmt: skip
def test_a_mark_is_met_or_not_and_what_was_not_measured_is_neither(
    value: float | None, mark: str, met: bool | None
) -> None:
    assert Figure("s", "m", value, mark).met is met
