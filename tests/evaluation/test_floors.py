"""Floors of quality on recorded answers: what was promised, what was served, and the least that would have done."""

from pathlib import Path

import numpy as np
import pytest

from evaluation.data import Absent, Folder
from evaluation.protocols.floors import run
from evaluation.protocols.floors_cases import FLOORS, Case, least_escalated, measured, plain_threshold
from evaluation.protocols.floors_reach import reach
from evaluation.report import Options
from tests.evaluation.small_choices import PROBABILITIES, sure_rows, written

QUICK = Options(rounds=50, quick=True)


def case(scores: list[float], weak: list[float], strong: list[float]) -> Case:
    return Case("a → b", "set", np.array(scores), np.array(weak), np.array(strong))


def test_the_least_is_the_first_share_that_keeps_the_floor() -> None:
    own = case([0.1, 0.2, 0.3, 0.4], [0, 0, 1, 1], [1, 1, 1, 1])
    assert least_escalated(own, 1.0) == 0.5
    assert least_escalated(own, 0.75) == 0.25
    assert least_escalated(own, 0.5) == 0.0


def test_rows_of_one_score_are_escalated_together() -> None:
    own = case([0.1, 0.1, 0.1, 0.4], [0, 1, 1, 1], [1, 1, 1, 1])
    assert least_escalated(own, 1.0) == 0.75
    assert plain_threshold(own, 1.0) == 0.4


def test_what_was_served_is_told_as_a_part_of_the_strong_model() -> None:
    own = case([0.1, 0.2, 0.3, 0.4], [0, 0, 1, 1], [1, 1, 1, 0])
    half = measured(own, 0.9, 0.15)
    assert half.quality == pytest.approx(1.0)
    assert half.escalated == 0.25
    assert half.kept
    everything = measured(own, 0.98, None)
    assert (everything.quality, everything.escalated, everything.promised) == (1.0, 1.0, False)


def test_floors_are_kept_at_more_than_the_least_where_labels_and_rows_differ(tmp_path: Path) -> None:
    fit = written(tmp_path / "fit", PROBABILITIES, sure_rows(2000, 1))
    data = written(tmp_path / "data", PROBABILITIES, sure_rows(2000, 2, first=5000))
    report = run(fit, data, QUICK)
    kept, median, _ = report.figures
    assert kept.rows == 3 * 2 * len(FLOORS)
    assert kept.ours >= 0.85
    assert kept.ours > (kept.baseline or 0.0)
    assert 1.0 <= median.ours < 3.0
    assert "FIT to DATA" in report.title


def test_labels_of_the_scored_rows_set_no_threshold(tmp_path: Path) -> None:
    fit = written(tmp_path / "fit", PROBABILITIES, sure_rows(400, 1))
    rows = sure_rows(400, 2, first=5000)
    turned = [
        {**row, **{name: [1 - v[0], v[1], 1 - v[2], v[3]] for name, v in row.items() if isinstance(v, list)}}
        for row in rows
    ]
    tables = []
    for name, own in (("plain", rows), ("turned", turned)):
        report = run(fit, written(tmp_path / name, PROBABILITIES, own), QUICK)
        tables.append([each["escalated"] for each in report.tables["floors by set and pair"]])
    assert tables[0] == tables[1]


def test_more_labels_come_nearer_to_what_the_truth_would_leave() -> None:
    chance = np.random.default_rng(3)
    scores = chance.random(1500)
    weak, strong = (chance.random(1500) < 0.3 + 0.6 * scores) * 1.0, (chance.random(1500) < 0.9) * 1.0
    few, *_, many = reach([Case("a → b", "set", scores, weak, strong)], 8, 1)
    assert few["x least, median"] > many["x least, median"] > 1.0
    assert all(row["truth known: x least, median"] < row["x least, median"] for row in (few, many))
    assert few["truth known: kept"] > 0.8


def test_one_folder_is_split_into_halves(tmp_path: Path) -> None:
    folder = written(tmp_path, PROBABILITIES, sure_rows(600, 4))
    report = run(folder, folder, QUICK)
    assert report.figures[0].rows == 3 * 3 * 2 * len(FLOORS)
    assert any("not independent" in note for note in report.notes)
    assert len(report.tables["under shift of set (thresholds of the other sets of the pair)"]) == 2 * len(FLOORS)


def test_rows_of_both_folders_are_not_learned_from(tmp_path: Path) -> None:
    rows = sure_rows(60, 5)
    fit, data = written(tmp_path / "fit", PROBABILITIES, rows), written(tmp_path / "data", PROBABILITIES, rows)
    with pytest.raises(Absent, match="nothing is left"):
        run(fit, data, QUICK)


def test_a_missing_set_is_said(tmp_path: Path) -> None:
    with pytest.raises(Absent, match="rows"):
        run(Folder(tmp_path), Folder(tmp_path), QUICK)
