"""`stepwell pii scan` shows types, places and classes, and text only when asked."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from click.testing import Result
from policies_pii import policy
from rich.console import Console
from typer.testing import CliRunner

from pipeline.adapters.pii import PatternScanner
from pipeline.cli import pii, pii_scan, pii_text, show

TEXT = "Charge 4111 1111 1111 1111 and 4222222222222,\nwrite to odalys@example.org. My name is Odalys Brandvold."


@pytest.fixture
def letter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "policies").mkdir()
    policy(tmp_path / "policies")
    monkeypatch.setenv("STEPWELL_POLICIES", str(tmp_path / "policies"))
    monkeypatch.setenv("COLUMNS", "200")
    file = tmp_path / "letter.txt"
    file.write_text(TEXT)
    return file


def scan(*arguments: str, given: str | bytes | None = None) -> Result:
    root = typer.Typer()
    pii.register(root)
    return CliRunner().invoke(root, ["pii", "scan", *arguments], input=given)


def found(*arguments: str, given: str | bytes | None = None) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(scan(*arguments, "--no-names", "--json", given=given).stdout)
    return data


def test_types_places_and_classes_are_shown_and_no_text(letter: Path) -> None:
    result = scan(str(letter), "--no-names", "--json")
    data = json.loads(result.stdout)
    assert [(row["type"], row["line"], row["column"], row["class"]) for row in data["findings"]] == [
        ("CREDIT_CARD", 1, 8, "restricted"),
        ("CREDIT_CARD", 1, 32, "restricted"),
        ("EMAIL", 2, 10, "confidential"),
    ]
    assert (data["class"], data["types"]) == ("restricted", {"CREDIT_CARD": 2, "EMAIL": 1})
    assert not any(word in result.output for word in ("4111", "4222", "odalys"))


def test_the_table_of_a_pipe_shows_no_text_either(letter: Path) -> None:
    result = scan(str(letter), "--no-names")
    assert "CREDIT_CARD" in result.output
    assert "1:32" in result.output
    assert "4111" not in result.output


def test_the_text_is_shown_when_asked(letter: Path) -> None:
    row = found(str(letter), "--show")["findings"][0]
    assert row["text"] == "4111 1111 1111 1111"
    assert row["start"] == TEXT.index("4111")


def test_a_terminal_shows_the_text_with_its_findings_in_colours(letter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Console(force_terminal=True, width=200, color_system="standard", record=True)
    monkeypatch.setattr(pii_scan, "console", terminal)
    monkeypatch.setattr(show, "console", terminal)
    scan(str(letter), "--no-names")
    drawn = terminal.export_text(styles=True)
    assert "\x1b[1;37;41m4111 1111 1111 1111\x1b[0m" in drawn
    assert "My name is" in drawn


def test_standard_input_is_read_for_a_dash(letter: Path) -> None:
    assert letter.exists()
    assert found("-", given="from 203.0.113.77")["types"] == {"IP": 1}


def test_a_clean_text_says_so(letter: Path) -> None:
    letter.write_text("Why is the sky blue?")
    assert "nothing found" in scan(str(letter), "--no-names").output
    assert found(str(letter))["findings"] == []
    assert found(str(letter))["class"] == "public"


def test_a_finding_below_the_threshold_is_shown_and_does_not_count(letter: Path) -> None:
    assert [row["counts"] for row in found(str(letter), "--threshold", "1.0")["findings"]] == [False] * 3
    assert found(str(letter), "--threshold", "1.0")["class"] == "public"
    assert [row["counts"] for row in found(str(letter), "--threshold", "0.0")["findings"]] == [True] * 3


def test_findings_of_lower_classes_can_be_left_out(letter: Path) -> None:
    assert set(found(str(letter), "--min-class", "restricted")["types"]) == {"CREDIT_CARD"}


def test_a_gate_ends_with_one_when_something_of_the_class_counts(letter: Path) -> None:
    assert scan(str(letter), "--no-names", "--fail-on", "restricted").exit_code == 1
    assert scan(str(letter), "--no-names", "--fail-on", "restricted", "--threshold", "1").exit_code == 0
    letter.write_text("write to odalys@example.org")
    assert scan(str(letter), "--no-names", "--fail-on", "restricted").exit_code == 0
    assert scan(str(letter), "--no-names", "--fail-on", "confidential").exit_code == 1


def test_a_class_that_does_not_exist_is_one_sentence(letter: Path) -> None:
    result = scan(str(letter), "--no-names", "--fail-on", "secret")
    assert result.exit_code == 2
    assert "secret is no data class: write one of public" in result.stderr


def test_a_missing_file_is_one_sentence(letter: Path) -> None:
    result = scan(str(letter.with_name("nowhere.txt")), "--no-names")
    assert result.exit_code == 2
    assert "cannot be read" in result.stderr


@pytest.mark.parametrize("body", [b"\x7fELF\x02\x01\0\0", b"PK\x03\x04\x14\x06\x08\x01\x02\x05" * 9])
def test_a_binary_file_is_refused_kindly(letter: Path, body: bytes) -> None:
    letter.write_bytes(body)
    result = scan(str(letter), "--no-names")
    assert result.exit_code == 2
    assert "holds no text" in result.stderr


def test_a_folder_and_a_policy_that_is_none_are_not_mistaken_for_a_finding(letter: Path) -> None:
    assert scan(str(letter.parent), "--no-names", "--fail-on", "restricted").exit_code == 2
    result = scan(str(letter), "--no-names", "--fail-on", "restricted", "--policies", str(letter.with_name("none")))
    assert result.exit_code == 2
    assert result.stderr.startswith("policy_invalid: ")


def test_without_a_folder_of_policies_those_that_ship_are_in_force(
    letter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = letter.with_name("away")
    away.mkdir()
    monkeypatch.chdir(away)
    monkeypatch.delenv("STEPWELL_POLICIES")
    assert found(str(letter))["class"] == "restricted"


def test_several_files_are_looked_at_and_each_is_named(letter: Path) -> None:
    other = letter.with_name("other.txt")
    other.write_text("Why is the sky blue?")
    data = json.loads(scan(str(letter), str(other), "--no-names", "--json").stdout)
    assert [(part["file"], part["class"]) for part in data] == [(str(letter), "restricted"), (str(other), "public")]
    shown = scan(str(other), str(letter), "--no-names", "--fail-on", "restricted")
    assert shown.exit_code == 1
    assert shown.output.index(str(other)) < shown.output.index("nothing found") < shown.output.index(str(letter))


def test_of_several_files_one_that_cannot_be_read_is_told_and_the_others_are_looked_at(letter: Path) -> None:
    result = scan(str(letter.with_name("nowhere.txt")), str(letter), "--no-names", "--fail-on", "restricted")
    assert result.exit_code == 2
    assert "nowhere.txt cannot be read" in result.stderr
    assert "CREDIT_CARD" in result.output


def test_standard_input_is_read_once(letter: Path) -> None:
    assert letter.exists()
    assert scan("-", "-", given="x").exit_code == 2


def test_what_is_no_utf8_is_read_around(letter: Path) -> None:
    letter.write_bytes(b"caf\xe9 at 203.0.113.77")
    result = scan(str(letter), "--no-names")
    assert result.exit_code == 0
    assert "1 places are no UTF-8" in result.stderr
    assert "IP" in result.output


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_texts_of_other_programs_are_read_by_their_mark(letter: Path, encoding: str) -> None:
    letter.write_text("from 203.0.113.77", encoding=encoding)
    assert found(str(letter))["findings"][0]["column"] == 6


def test_signs_that_steer_a_terminal_are_shown_and_not_obeyed() -> None:
    text = "a\x1b[2J\u202eb\u200bc\u00a0d\te\n"
    shown = pii_text.plain(text)
    assert shown == "a␛[2J·b·c d\te\n"
    assert len(shown) == len(text)


def test_the_end_of_the_last_line_begins_no_other() -> None:
    assert [line.plain for line in pii_text.highlighted("a\n\nb\n", [], [])] == ["1  a", "2  ", "3  b"]


def test_of_a_long_text_only_lines_with_findings_are_drawn() -> None:
    text = "\n" * 500 + "from 203.0.113.77\n" + "\n" * 500
    spans = PatternScanner().scan_text(text)
    assert [line.plain for line in pii_text.highlighted(text, spans, ["confidential"])] == [" 501  from 203.0.113.77"]


def test_a_large_text_is_scanned_to_its_end(letter: Path) -> None:
    letter.write_text("x" * 300_000 + " 4111 1111 1111 1111\n" + "x" * 300_000 + " from 203.0.113.77")
    rows = found(str(letter))["findings"]
    assert [(row["type"], row["line"], row["column"]) for row in rows] == [
        ("CREDIT_CARD", 1, 300_002),
        ("IP", 2, 300_007),
    ]


@pytest.mark.nlp
def test_a_text_whose_names_nobody_knows_says_so(letter: Path) -> None:
    letter.write_text("Меня зовут Анна, и я живу в этом городе с самого детства, и мне здесь очень нравится.")
    result = scan(str(letter), "--json")
    assert json.loads(result.stdout)["names_covered"] is False
    assert "names are not known here" in result.stderr


@pytest.mark.nlp
def test_names_are_found_by_default(letter: Path) -> None:
    data = json.loads(scan(str(letter), "--json").stdout)
    assert "PERSON" in data["types"]
