"""The frame of the evaluation on a small made-up folder in the layout of the data: no real set is needed."""

import gzip
import json
import random
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from evaluation.__main__ import main
from evaluation.data import Absent, Folder
from evaluation.report import Curve, Figure, Report
from evaluation.show import plain, reached, show
from evaluation.splits import splits

pytest.importorskip("sklearn", reason="the extra train is not installed")
SYSTEMS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")


def _write(folder: Path, name: str, rows: list[dict[str, Any]]) -> None:
    file = folder / f"{name}.jsonl.gz"
    file.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(file, "wt") as lines:
        lines.writelines(json.dumps(row) + "\n" for row in rows)


def _sums(folder: Path, size: int = 150, seed: int = 1) -> Path:
    """Problems of adding, drafts of which some are wrong, and four second answers of which most are right."""
    chance = random.Random(seed)
    drafts, others = [], []
    for place in range(size):
        one, two = chance.randint(2, 99), chance.randint(2, 99)
        prompt, right = f"Ann has {one} pens and buys {two} more. How many has she? ({seed}-{place})", one + two
        weak, strong = chance.random() < 0.6, chance.random() < 0.95
        told = right if weak else right + chance.randint(1, 9)
        text = f"She has {one} + {two} = <<{one}+{two}={told}>>{told} pens.\n#### {told}"
        number = f"{seed}-{place}"
        drafts.append(
            {"id": number, "prompt": prompt, "weak_answer": text, "weak_correct": weak, "strong_correct": strong}
        )
        beside: dict[str, Any] = {"id": number, "prompt": prompt}
        for system in SYSTEMS:
            fine = chance.random() < 0.7
            said = right if fine else right - chance.randint(1, 9)
            beside[system] = {"correct": int(fine), "answer": str(said), "text": f"{one}+{two}={said}\nA: {said}"}
        others.append(beside)
    _write(folder, "routellm-cascade/gsm8k", drafts)
    _write(folder, "gsm8k-four-systems/solutions", others)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The made-up folder."""
    return _sums(tmp_path_factory.mktemp("sets"))


def _report(folder: Path, *further: str, capture: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main(["--data", str(folder), "--only", "H1", "--quick", "--json", *further]) == 0
    (report,) = json.loads(capture.readouterr().out)
    return dict(report)


def test_an_order_is_learned_and_measured_on_any_folder_in_the_layout(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Errors that the arithmetic shows are found, with an interval, costs and curves; what is missing is said."""
    report = _report(folder, "--plots", str(tmp_path / "plots"), capture=capsys)
    figures = {figure["name"]: figure for figure in report["figures"]}
    area = figures["APGR GSM8K Mixtral → GPT-4"]
    assert area["ours"] > 0.8
    assert area["low"] <= area["ours"] <= area["high"]
    assert area["over"] == pytest.approx(area["ours"] - area["baseline"])
    assert {curve["name"] for curve in report["curves"]["GSM8K Mixtral → GPT-4"]} == {
        "random",
        "baseline",
        "ours",
        "oracle",
    }
    assert any("mmlu" in note for note in report["notes"])
    assert sorted(file.suffix for file in (tmp_path / "plots").iterdir()) == [".png", ".png"]


def test_it_learns_from_one_folder_and_scores_another(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All rows of the scored folder are scored, and only they."""
    other = _sums(tmp_path, size=70, seed=2)
    report = _report(other, "--fit", str(folder), capture=capsys)
    area = next(figure for figure in report["figures"] if figure["name"].startswith("APGR GSM8K Mixtral"))
    assert area["rows"] == 70
    assert area["ours"] > 0.8


def test_outcomes_of_the_scored_rows_are_never_learned_from(folder: Path, tmp_path: Path) -> None:
    """Where both folders hold a question, it is left out of what is learned from; else the two are disjoint parts."""
    other = _sums(tmp_path, size=40, seed=1)

    def number(row: dict[str, Any]) -> str:
        return str(row["id"])

    (apart,) = splits(Folder(folder), Folder(other), "routellm-cascade/gsm8k", number)
    assert not {number(row) for row in apart.fit} & {number(row) for row in apart.data}
    parts = splits(Folder(folder), Folder(folder), "routellm-cascade/gsm8k", number)
    assert sorted(place for part in parts for place in part.places) == list(range(150))
    for part in parts:
        assert not {number(row) for row in part.fit} & {number(row) for row in part.data}
    with pytest.raises(Absent, match="nothing is left"):
        splits(Folder(other), Folder(folder), "routellm-cascade/gsm8k", number)


def test_a_folder_that_is_not_there_is_said_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No traceback, and what to give."""
    assert main(["--data", str(tmp_path / "none"), "--only", "H1"]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert "DATA=" in said


def test_a_folder_without_the_sets_is_said_and_runs_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The protocol is left out, with the files that are missing."""
    assert main(["--data", str(tmp_path), "--only", "H1", "--quick"]) == 2
    assert "H1 is left out" in capsys.readouterr().err


def test_a_set_too_small_to_learn_from_is_said_and_the_others_are_measured(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As is one that holds no rows, is no gzip, or lacks a field; never a traceback."""
    few = _sums(tmp_path, size=22, seed=3)
    (few / "mcq-confidence").mkdir()
    (few / "mcq-confidence" / "rows.jsonl.gz").write_bytes(gzip.compress(b""))
    (few / "bbh-direct-vs-cot").mkdir()
    (few / "bbh-direct-vs-cot" / "rows.jsonl.gz").write_bytes(b"no gzip")
    assert main(["--data", str(folder), "--fit", str(few), "--only", "H1,H2", "--quick"]) == 2
    said = capsys.readouterr().err
    assert "H1 is left out" in said
    assert "40 labelled answers" in said
    assert "H2 is left out" in said
    assert "Traceback" not in said


def test_rows_that_cannot_be_used_are_said_by_file(tmp_path: Path) -> None:
    """Empty, no gzip, no JSON, no object."""
    for content, words in (
        (gzip.compress(b"\n"), "holds no rows"),
        (b"no gzip", "no gzip of JSON lines"),
        (gzip.compress(b"{"), "no gzip of JSON lines"),
        (gzip.compress(b"[1]"), "no JSON object"),
    ):
        own = tmp_path / words.replace(" ", "-") / str(len(content))
        (own / "set").mkdir(parents=True)
        (own / "set" / "rows.jsonl.gz").write_bytes(content)
        with pytest.raises(Absent, match=f"set/rows.jsonl.gz.*{words}"):
            Folder(own).rows("set/rows")


def test_a_field_that_rows_lack_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence; what else was asked for is told, and the exit says that something was odd."""
    (tmp_path / "json-repair-cases").mkdir()
    lines = gzip.compress(b'{"input": "{", "repairable": true}')
    (tmp_path / "json-repair-cases" / "cases.jsonl.gz").write_bytes(lines)
    assert main(["--data", str(tmp_path), "--only", "J1", "--quick"]) == 2
    said = capsys.readouterr().err
    assert "J1 is left out: the rows lack the field 'already_valid'" in said
    assert "Traceback" not in said


def test_an_unknown_protocol_is_refused_with_those_there_are() -> None:
    """The list stands in the message."""
    command = [sys.executable, "-m", "evaluation", "--only", "H9"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert ended.returncode == 2
    assert "there is no protocol H9; there are H1" in ended.stderr


def test_a_report_says_in_words_whether_its_marks_are_reached() -> None:
    """Also for figures of which less is better, and with a goal beyond the mark."""
    assert reached(Figure("a", 0.8, mark=0.76, goal=0.85)) == "reached"
    assert reached(Figure("a", 0.9, mark=0.76, goal=0.85)) == "goal reached"
    assert reached(Figure("a", 40.0, mark=36.0, better="lower")) == "missed by 4.000"
    assert reached(Figure("a", 0.5)) == ""


def test_a_report_is_a_table_for_people_and_plain_values_for_programs() -> None:
    """A figure shows its interval and its difference; what is no number is null."""
    figure = Figure("area", 0.8, 0.7, 0.9, 0.6, 0.2, 0.1, float("nan"), mark=0.76, rows=12)
    report = Report("X", "title", (figure,), {"more": [{"name": "a", "share": 0.25}]}, {"p": (Curve("ours", (), ()),)})
    out = StringIO()
    show(report, Console(file=out))
    assert "0.800 [0.700, 0.900]" in out.getvalue()
    assert "+0.200" in out.getvalue()
    assert "0.250" in out.getvalue()
    told = plain(report)
    assert told["figures"][0]["over_high"] is None
    assert told["figures"][0]["met"] is True
    assert json.dumps(told, allow_nan=False)
