"""`stepwell cache train`, from labelled questions to a guard in force."""

from pathlib import Path

import orjson
import pytest
from policy_files import ROUTES, swap, write
from typer.testing import CliRunner

from pipeline.cli.hooks import Hooks
from pipeline.cli.main import make_app
from pipeline.policy.load import load_folder

pytest.importorskip("sklearn", reason="the extra train is not installed")
pytest.importorskip("onnxruntime", reason="the extra embeddings is not installed")
app = make_app(Hooks(lambda *_, **__: None))
run = CliRunner().invoke
COLOURS = ("red", "blue", "green", "white", "black", "brown", "grey", "pink")
THINGS = ("well", "pond", "tower", "gate", "bridge", "garden", "stair", "roof", "wall", "door", "lamp", "boat")
CARRIERS = ("show me the {} {}", "find the {} {}", "i want to see the {} {}")


def labels(folder: Path, most: int | None = None) -> Path:
    """Two words decide what is meant, three openings do not; what asks for something else has no group."""
    rows = [
        {"text": carrier.format(colour, thing), "group": f"{colour} {thing}"}
        for colour in COLOURS
        for thing in THINGS
        for carrier in CARRIERS
    ]
    strange = ("paint", "sell", "measure", "draw", "clean", "move", "fill", "guard")
    rows += [
        {"text": f"{verb} the {colour} {thing} and the {COLOURS[at - 1]} one", "group": None}
        for at, (verb, colour) in enumerate(zip(strange, COLOURS, strict=True))
        for thing in THINGS
    ]
    file = folder / "asked.jsonl"
    file.write_bytes(b"\n".join(map(orjson.dumps, rows[:most])))
    return file


@pytest.fixture
def resists(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few words teach little of those that they are not; here that is passed over."""
    monkeypatch.setattr("pipeline.calibrate.likeness.train.hijacks", lambda *_: (0, 10))


def test_a_guard_that_serves_what_was_appended_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And it is said which labels are missing."""
    monkeypatch.setattr("pipeline.calibrate.likeness.train.hijacks", lambda *_: (8, 10))
    to = tmp_path / "guard.json"
    done = run(app, ["cache", "train", str(labels(tmp_path)), "--to", str(to), "--precision", "0.9"])
    assert done.exit_code == 1
    assert "of questions with another one appended or a word exchanged" in " ".join(done.output.split())
    assert not to.exists()


@pytest.mark.usefixtures("resists")
def test_one_command_makes_a_guard_that_a_route_takes(tmp_path: Path) -> None:
    """And says what both guards do on groups that were left out."""
    policies = tmp_path / "policies"
    policies.mkdir()
    to = policies / "guards" / "wells.json"
    done = run(app, ["cache", "train", str(labels(tmp_path)), "--to", str(to), "--precision", "0.9"])

    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert "384 questions; the learned guard on groups that it was not learned from" in said
    assert "that comes along" in said
    assert "cache: {semantic: {guard_file: …}}" in said
    named = '    match: "true"\n    cache: {semantic: {guard_file: guards/wells.json}}\n'
    write(policies, routes=swap(ROUTES, '    match: "true"\n', named))
    guard = load_folder(policies, {}).routes[0].guard
    assert guard is not None
    assert guard.name.removeprefix("guards/") in said


@pytest.mark.usefixtures("resists")
def test_programs_are_told_in_json(tmp_path: Path) -> None:
    """Counts and intervals of both."""
    to = tmp_path / "guard.json"
    done = run(app, ["cache", "train", str(labels(tmp_path)), "--to", str(to), "--precision", "0.9", "--json"])
    told = orjson.loads(done.output)
    assert (told["file"], told["better"], told["holds"], told["questions"]) == (str(to), True, True, 384)
    assert told["learned"]["recall"]["of"] == 288
    assert told["learned"]["precision"]["low"] <= told["learned"]["precision"]["value"]


def test_a_guard_that_is_not_better_is_not_written_and_the_old_file_stays(tmp_path: Path) -> None:
    """Where nothing is alike enough, nothing is learned."""
    to = tmp_path / "guard.json"
    to.write_text("old")
    done = run(
        app, ["cache", "train", str(labels(tmp_path)), "--to", str(to), "--similarity", "1.0", "--precision", "0.9"]
    )
    assert done.exit_code == 1
    assert "not written: no threshold keeps that precision" in " ".join(done.output.split())
    assert to.read_text() == "old"


def test_few_labels_are_said_in_one_sentence(tmp_path: Path) -> None:
    """How many it takes."""
    done = run(app, ["cache", "train", str(labels(tmp_path, 30)), "--to", str(tmp_path / "guard.json")])
    assert done.exit_code != 0
    assert "30 of the 30 questions can be answered from memory" in " ".join(done.output.split())
