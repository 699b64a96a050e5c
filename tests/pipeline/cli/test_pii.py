"""`stepwell pii scan` shows types, counts and classes, and text only when asked."""

import json
from pathlib import Path

import pytest
import typer
from click.testing import Result
from policies_pii import policy
from typer.testing import CliRunner

from pipeline.cli import pii

TEXT = "Charge 4111 1111 1111 1111 and 4222222222222, write to odalys@example.org. My name is Odalys Brandvold."


@pytest.fixture
def letter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "policies").mkdir()
    policy(tmp_path / "policies")
    monkeypatch.setenv("STEPWELL_POLICIES", str(tmp_path / "policies"))
    monkeypatch.setenv("COLUMNS", "200")
    file = tmp_path / "letter.txt"
    file.write_text(TEXT)
    return file


def scan(*arguments: str, given: str | None = None) -> Result:
    root = typer.Typer()
    pii.register(root)
    return CliRunner().invoke(root, ["pii", "scan", *arguments], input=given)


def test_types_counts_and_classes_are_shown_and_no_text(letter: Path) -> None:
    result = scan(str(letter), "--no-names", "--json")
    rows = json.loads(result.stdout)
    assert [(row["type"], row["count"], row["class"]) for row in rows] == [
        ("CREDIT_CARD", 2, "restricted"),
        ("EMAIL", 1, "confidential"),
    ]
    assert not any(word in result.output for word in ("4111", "4222", "odalys"))


def test_the_table_shows_no_text_either(letter: Path) -> None:
    result = scan(str(letter), "--no-names")
    assert "CREDIT_CARD" in result.output
    assert "4111" not in result.output


def test_the_text_is_shown_when_asked(letter: Path) -> None:
    rows = json.loads(scan(str(letter), "--no-names", "--show", "--json").stdout)
    assert rows[0]["text"] == "4111 1111 1111 1111"
    assert rows[0]["start"] == TEXT.index("4111")


def test_standard_input_is_read_for_a_dash(letter: Path) -> None:
    assert letter.exists()
    assert json.loads(scan("-", "--no-names", "--json", given="from 203.0.113.77").stdout)[0]["type"] == "IP"


def test_a_clean_text_says_so(letter: Path) -> None:
    letter.write_text("Why is the sky blue?")
    assert "nothing found" in scan(str(letter), "--no-names").output
    assert scan(str(letter), "--no-names", "--json").stdout.strip() == "[]"


def test_a_score_below_the_threshold_is_shown_as_not_counting(letter: Path) -> None:
    letter.write_text("order 467 3395")
    rows = json.loads(scan(str(letter), "--no-names", "--json").stdout)
    assert [(row["type"], row["counts"]) for row in rows] == [("PHONE", False)]


def test_a_missing_file_is_one_sentence(letter: Path) -> None:
    result = scan(str(letter.with_name("nowhere.txt")), "--no-names")
    assert result.exit_code == 1
    assert "cannot be read" in result.stderr


@pytest.mark.nlp
def test_names_are_found_by_default(letter: Path) -> None:
    rows = json.loads(scan(str(letter), "--json").stdout)
    assert "PERSON" in {row["type"] for row in rows}
