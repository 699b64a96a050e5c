"""A small part of the evaluation and of the measurement of speed, on data made here, so that they cannot rot."""

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.pii import engines, speed, streams
from bench.pii import eval as evaluation
from bench.pii.rows import Data
from bench.pii.texts import dense, plain
from pipeline.adapters.pii.spans import Span

ROOT = Path(__file__).parents[2]


def written(folder: Path, part: str, name: str, *rows: dict[str, object]) -> None:
    (folder / part).mkdir(exist_ok=True)
    with gzip.open(folder / part / f"{name}.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    mail = {"text": "write to odalys@example.org", "template_id": 1, "spans": [["EMAIL_ADDRESS", 9, 27]]}
    street = {"text": "nothing here finds Xyzzy", "template_id": 2, "spans": [["STREET_ADDRESS", 19, 24]]}
    clean = {"text": "Why is the sky blue?", "template_id": 3, "spans": []}
    written(tmp_path, "pii-presidio-research", "synth_dataset_v2", mail, street, clean, clean)
    written(tmp_path, "cache-banking77", "queries", {"text": "my card 4111 1111 1111 1111"}, {"text": "hello"})
    return tmp_path


def evaluated(folder: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.pii.eval", str(folder), "--json", "--quick", "--no-names"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_any_folder_of_this_layout_is_evaluated_and_what_is_missing_is_named(data: Path) -> None:
    found = evaluated(data)
    figures = {(figure["section"], figure["measure"]): figure for figure in found["figures"]}
    mails = figures["synth_dataset_v2", "EMAIL recall"]
    assert (mails["value"], mails["mark"], mails["met"], mails["n"]) == (1.0, ">= 0.99", True, 1)
    assert figures["synth_dataset_v2", "ADDRESS F2"]["met"] is False
    assert figures["synth_dataset_v2", "documents that leak"]["value"] == 0.25
    assert figures["synth_dataset_v2", "documents without labels, structured finding"]["n"] == 2
    assert "generated_large.jsonl.gz is not in" in figures["generated_large", "all"]["note"]
    alarms = figures["ordinary texts with a finding", "Banking77 and CLINC150 queries, structured"]
    assert (alarms["value"], alarms["met"], alarms["note"]) == (0.5, False, "CREDIT_CARD 1")
    assert (found["seed"], len(found["data"])) == (7, 12)
    marks = [figure for figure in found["figures"] if figure["section"] == "marks"]
    assert found["missed"] == sum(figure["met"] is False for figure in marks) > 0
    assert {figure["measure"]: figure["value"] for figure in marks}["address F2, both sets"] == 0.0


def test_the_version_of_the_data_is_that_of_its_files(data: Path) -> None:
    before = Data(data).digest()
    assert Data(data).digest() == before
    written(data, "cache-banking77", "queries", {"text": "hello"})
    assert Data(data).digest() != before


def test_an_empty_folder_leaves_what_is_made_here(tmp_path: Path) -> None:
    found = evaluated(tmp_path)
    measured = {figure["section"] for figure in found["figures"] if figure["value"] is not None}
    assert measured >= {"made identifiers", "credentials", "disguises", "national ids"}
    assert all(figure["note"] for figure in found["figures"] if figure["value"] is None)


def test_an_engine_that_finds_nothing_meets_no_recall_and_one_that_finds_everything_no_precision(data: Path) -> None:
    def figures(scan: engines.Scan) -> dict[tuple[str, str], bool | None]:
        engine = engines.Engine("test", "1", scan)
        plan = evaluation.Plan(Data(data), engine, engine, seed=1, threshold=0.5, each=3, functions=5)
        return {(figure.section, figure.measure): figure.met for figure in evaluation.evaluate(plan)}

    blind = figures(lambda text: [])
    assert blind["synth_dataset_v2", "EMAIL recall"] is False
    assert blind["credentials", "recall over 104 formats"] is False
    assert blind["ordinary texts with a finding", "Python functions, structured"] is True
    eager = figures(lambda text: [Span("EMAIL", 0, len(text), 0.9)])
    assert eager["synth_dataset_v2", "EMAIL recall"] is True
    assert eager["synth_dataset_v2", "EMAIL precision"] is False
    assert eager["ordinary texts with a finding", "Python functions, structured"] is False


def test_findings_below_the_threshold_do_not_count(data: Path) -> None:
    engine = engines.Engine("test", "1", lambda text: [Span("EMAIL", 0, len(text), 0.4)])
    assert evaluation.Plan(Data(data), engine, engine, seed=1, threshold=0.5).found(engine, "a@b.org") == []


def test_no_random_split_of_a_stream_changes_what_comes_out() -> None:
    for done in (streams.restored(4_000, seed=11), streams.redacted(64, seed=11)):
        assert done.mismatches == 0
        assert done.changed > done.splits / 2


@pytest.mark.parametrize("part", [speed.speeds, speed.waits, speed.in_process])
def test_speeds_are_measured_for_everything_that_has_a_mark(part: speed.Part, tmp_path: Path) -> None:
    size = speed.Size(texts=4, passes=1, pieces=2, kilobytes=(5,), names=False)
    figures = list(part(speed.Run(size, 1, Data(tmp_path))))
    assert figures
    assert all(figure.value is not None and figure.value > 0 for figure in figures)


@pytest.mark.nlp
def test_hostile_texts_are_answered_at_a_worker_beside_small_requests(tmp_path: Path) -> None:
    size = speed.Size(texts=2, pieces=1, kilobytes=(5,))
    figures = {f.measure: f for f in speed.through_worker(speed.Run(size, 1, Data(tmp_path)))}
    assert figures["texts without an answer"].value == 0
    assert figures["bystanders without a complete scan"].count > 0


@pytest.mark.nlp
def test_presidio_as_it_comes_can_stand_beside_us() -> None:
    rival = engines.presidio()
    found = {span.type for span in rival.scan(f"{plain(20, 1)} Write to odalys@example.org.")}
    assert "EMAIL" in found


@pytest.mark.nlp
def test_texts_that_are_scanned_together_hold_what_each_holds_alone() -> None:
    engine = engines.names()
    given = [dense(120, number) for number in range(5)] + ["", "1 2 3"]
    assert engine.together(given) == [engine.scan(text) for text in given]
