"""Own labelled texts: read as they are meant, and otherwise refused with file and line, without a word of the text."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.pii.training.read import TextRefused, read_folder

ROW = {"text": "ask Odalys in Oslo", "spans": [["PERSON", 4, 10], ["LOCATION", 14, 18], ["PHONE", 0, 3]]}


def folder(path: Path, *lines: str) -> Path:
    (path / "own.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_types_become_labels_and_others_are_left_out(tmp_path: Path) -> None:
    (document,) = read_folder(folder(tmp_path, json.dumps(ROW)))
    assert document.text == ROW["text"]
    assert document.labels == (("PERSON", 4, 10), ("GPE", 14, 18))


def test_compressed_and_plain_files_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    folder(tmp_path, json.dumps(ROW))
    with gzip.open(tmp_path / "a.jsonl.gz", "wt", encoding="utf-8") as file:
        file.write(json.dumps(ROW | {"text": "Odalys went to the sea"}) + "\n\n")
    (tmp_path / "notes.txt").write_text("not read")
    assert [document.text for document in read_folder(tmp_path)] == ["Odalys went to the sea", ROW["text"]]


def test_texts_of_one_template_are_named_alike(tmp_path: Path) -> None:
    rows = [ROW | {"template": "ask {{P}}"}, ROW | {"template": "ask {{P}}", "text": "ask Brandv in Oslo"}, ROW]
    first, second, third = read_folder(folder(tmp_path, *map(json.dumps, rows)))
    assert first.template == second.template != third.template


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "not a line of JSON"),
        ("[" * 100_000, "not a line of JSON"),
        ('["text"]', "a line is"),
        ('{"text": 3, "spans": []}', "a line is"),
        ('{"text": "secret words", "spans": [["PERSON", 0, 99]]}', "does not lie within"),
        ('{"text": "secret words", "spans": [["PERSON", 3, 3]]}', "does not lie within"),
        ('{"text": "secret words", "spans": [["PERSON", true, 3]]}', "does not lie within"),
        ('{"text": "secret words", "spans": [["a person", 0, 3]]}', "a span is"),
        ('{"text": "secret words", "spans": ["PERSON"]}', "a span is"),
        ('{"text": "secret words", "spans": [["PERSN", 0, 3]]}', "PERSN .*; did you mean PERSON"),
        ('{"text": "secret words", "spans": [["QQ", 0, 3]]}', "QQ .*; learnt are ADDRESS, "),
    ],
)
def test_what_is_wrong_is_said_with_file_and_line_and_no_text(tmp_path: Path, line: str, why: str) -> None:
    with pytest.raises(TextRefused, match=why) as refused:
        read_folder(folder(tmp_path, json.dumps(ROW), line))
    assert "own.jsonl:2:" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_types_of_other_collections_are_known_and_left_out(tmp_path: Path) -> None:
    row = {"text": "Dr Odalys", "spans": [["TITLE", 0, 2], ["PERSON", 3, 9]]}
    assert read_folder(folder(tmp_path, json.dumps(row)))[0].labels == (("PERSON", 3, 9),)


def test_a_folder_that_is_not_there_and_a_file_are_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(TextRefused, match="nofolder: there is no such folder"):
        read_folder(tmp_path / "nofolder")
    folder(tmp_path, json.dumps(ROW))
    with pytest.raises(TextRefused, match="is a file: name its folder"):
        read_folder(tmp_path / "own.jsonl")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TextRefused, match="no file"):
        read_folder(tmp_path)
    with pytest.raises(TextRefused, match="no text"):
        read_folder(folder(tmp_path, ""))


def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path: Path) -> None:
    (tmp_path / "own.jsonl.gz").write_bytes(b"plain")
    with pytest.raises(TextRefused, match="cannot be read"):
        read_folder(tmp_path)


@given(st.lists(st.one_of(st.binary(max_size=30), st.just(json.dumps(ROW).encode())), max_size=4))
def test_any_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]) -> None:
    path = tmp_path_factory.mktemp("own")
    (path / "own.jsonl").write_bytes(b"\n".join(lines))
    try:
        documents = read_folder(path)
    except TextRefused:
        return
    assert all(0 <= start < end <= len(text) for text, labels, _ in documents for _, start, end in labels)
