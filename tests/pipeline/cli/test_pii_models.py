"""`stepwell pii train | models | use`: models of names are made from a recipe and a seed, and chosen by digest."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from pipeline.cli import pii_models

pytestmark = pytest.mark.nlp
RECIPE = "documents: 40\nepochs: 1\nheld_out: 0.3\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STEPWELL_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.delenv("STEPWELL_NAMES", raising=False)
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    return tmp_path


def run(*arguments: str) -> Result:
    root = typer.Typer()
    pii_models.register(root)
    return CliRunner().invoke(root, [*arguments])


def labelled(home: Path) -> str:
    folder = home / "labelled"
    folder.mkdir()
    rows = [{"text": f"Odalys Brandvold called {n} times", "spans": [["PERSON", 0, 16]]} for n in range(12)]
    (folder / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(folder)


def train(home: Path, *arguments: str) -> dict[str, Any]:
    result = run("train", "--recipe", str(home / "recipe.yaml"), "--json", *arguments)
    assert result.exit_code == 0, result.output
    made: dict[str, Any] = json.loads(result.stdout)
    return made


def used() -> list[str]:
    return [row["model"] for row in json.loads(run("models", "--json").stdout) if row["in use"]]


def test_a_model_is_made_scored_installed_listed_and_chosen(home: Path) -> None:
    made = train(home, "--seed", "3", "--no-use")
    assert Path(made["folder"]) == home / "models" / "names" / made["digest"]
    assert made["manifest"]["seed"] == 3
    assert made["manifest"]["recipe"]["documents"] == 40
    assert made["manifest"]["documents"]["templates_held_out"] > 0
    assert 0 <= made["manifest"]["scores"]["PERSON"]["f2"] <= 1
    rows = {row["model"]: row for row in json.loads(run("models", "--json").stdout)}
    assert rows[made["digest"]]["from"] == "home"
    assert rows["stock"]["from"]
    assert used() != [made["digest"]]
    assert run("use", made["digest"][:8]).stdout.strip() == made["digest"]
    assert used() == [made["digest"]]
    assert run("use", "stock").exit_code == 0
    assert used() == ["stock"]
    assert run("use", "shipped").exit_code == 0
    assert used() != [made["digest"]]


def test_people_see_the_beginning_of_a_digest_and_programs_the_whole(home: Path) -> None:
    assert home.exists()
    (digest,) = [row["model"] for row in json.loads(run("models", "--json").stdout) if row["from"] == "shipped"]
    assert len(digest) == 64
    shown = run("models").stdout
    assert digest[:12] in shown
    assert digest[:13] not in shown


def test_a_folder_of_texts_that_is_not_there_is_told(home: Path) -> None:
    result = run("train", str(home / "nofolder"))
    assert result.exit_code == 1
    assert "nofolder: there is no such folder" in result.stderr


def test_own_texts_are_learnt(home: Path) -> None:
    made = train(home, labelled(home), "--no-generated")["manifest"]["documents"]
    assert made["learnt"] + made["held_out"] == 12
    assert made["held_out"] > 0


def test_scores_and_digest_are_shown_to_people(home: Path) -> None:
    result = run("train", labelled(home), "--no-generated", "--recipe", str(home / "recipe.yaml"))
    assert "PERSON" in result.output
    assert used()[0] in result.output


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ("epoch: 3", "there is no field epoch: did you mean epochs"),
        ("epochs: often", "epochs"),
        ("- 1", "list of fields"),
        ("{", "neither YAML nor JSON"),
    ],
)
def test_a_recipe_that_cannot_be_is_one_sentence(home: Path, recipe: str, said: str) -> None:
    (home / "recipe.yaml").write_text(recipe)
    result = run("train", "--recipe", str(home / "recipe.yaml"))
    assert result.exit_code == 1
    assert said.split(":")[0] in result.stderr


def test_labelled_text_that_cannot_be_read_is_one_sentence_without_its_text(home: Path) -> None:
    (home / "own.jsonl").write_text('{"text": "Odalys", "spans": [["PERSON", 0, 99]]}\n')
    result = run("train", str(home))
    assert result.exit_code == 1
    assert "own.jsonl:1" in result.stderr
    assert "Odalys" not in result.output


def test_nothing_to_learn_is_said(home: Path) -> None:
    assert "nothing to learn" in run("train", "--no-generated").stderr


def test_a_model_that_is_not_there_is_said(home: Path) -> None:
    result = run("use", "abc")
    assert result.exit_code == 1
    assert "stepwell pii models" in result.stderr


def test_a_damaged_model_is_listed_with_its_trouble_and_not_in_use(home: Path) -> None:
    made = train(home, labelled(home), "--no-generated")
    (Path(made["folder"]) / "ner.f16.xz").write_bytes(b"")
    (row,) = [row for row in json.loads(run("models", "--json").stdout) if row["model"] == made["digest"]]
    assert row["trouble"]
    assert used() != [made["digest"]]
    assert run("use", made["digest"]).exit_code == 1
