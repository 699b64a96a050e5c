"""Past errors at questions like one, on recorded answers: who may count, and that it runs only where it is named."""

import gzip
from pathlib import Path

import numpy as np
import orjson
import pytest

from evaluation.data import Absent, Folder
from evaluation.protocols import PROTOCOLS, USUAL, neighbours
from evaluation.protocols.routing_learned import Both, Side
from evaluation.report import Options


def test_it_is_no_part_of_what_runs_without_a_name() -> None:
    assert set(PROTOCOLS) - set(USUAL) == {"NEIGHBOURS"}


def test_only_what_was_learned_from_counts() -> None:
    """The row itself, right or wrong, says nothing about itself; what is near it does."""
    vectors = np.zeros((12, 4))
    vectors[:6, 0] = vectors[6:, 1] = 1.0
    right = np.array([1.0] * 6 + [0.0] * 6)
    known, scored = np.array([1, 2, 3, 4, 5, 7, 8, 9, 10, 11]), np.array([0, 6])
    near = neighbours._near(vectors, right, known, scored)
    assert near[0] > 0.8
    assert near[1] < 0.2
    turned = neighbours._near(vectors, np.where(np.isin(np.arange(12), scored), 1.0 - right, right), known, scored)
    assert np.array_equal(near, turned)


def test_where_nothing_is_near_it_says_nothing() -> None:
    vectors = np.eye(12)
    assert np.isnan(neighbours._near(vectors, np.ones(12), np.arange(11), np.array([11]))).all()


def test_sets_that_are_not_there_are_said(tmp_path: Path) -> None:
    with pytest.raises(Absent, match="gsm8k"):
        neighbours.run(Folder(tmp_path), Folder(tmp_path), Options(rounds=5, quick=True))


def _length(side: Side) -> dict[str, Both]:
    return {"length": side.plain([float(len(row["prompt"])) for row in side.rows])}


def test_figures_stand_beside_the_same_score_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that is wrong about wells and right about mills: neighbours tell, and are told apart from the rest."""
    pytest.importorskip("sklearn", reason="the extra train is not installed")
    rows = [
        {
            "id": f"q{n}",
            "prompt": f"{('How deep is well', 'How tall is mill')[n % 2]} number {n}?",
            "weak_answer": f"It is {n * 7 % 13}.",
            "weak_correct": n % 2,
            "strong_correct": 1,
        }
        for n in range(120)
    ]
    (tmp_path / "routellm-cascade").mkdir()
    with gzip.open(tmp_path / "routellm-cascade" / "gsm8k.jsonl.gz", "wb") as file:
        file.write(b"\n".join(map(orjson.dumps, rows)))
    monkeypatch.setattr(
        neighbours, "embed", lambda texts: np.array([[1.0, 0.0] if "well" in t else [0.0, 1.0] for t in texts])
    )
    (name, source, *how, _) = neighbours._SETS[0]
    monkeypatch.setattr(neighbours, "_SETS", ((name, source, *how, _length),))
    report = neighbours.run(Folder(tmp_path), Folder(tmp_path), Options(rounds=20, quick=True))
    alone, added = report.figures
    assert [figure.name.rpartition(", ")[2] for figure in report.figures] == ["alone", "added"]
    assert alone.over is not None
    assert alone.over > 0.2
    assert added.baseline is not None
