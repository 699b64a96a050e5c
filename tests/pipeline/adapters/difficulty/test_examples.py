"""Labelled questions are read from lines of several forms, and a line that cannot be used is named."""

import gzip
from pathlib import Path
from typing import Any

import orjson
import pytest

from pipeline.adapters.difficulty.examples import Example, Fields, read_examples
from pipeline.errors import InvalidRequest, NotFound


def lines(folder: Path, *rows: Any, name: str = "answers.jsonl") -> Path:
    file = folder / name
    body = b"\n".join(orjson.dumps(row) if not isinstance(row, bytes) else row for row in rows)
    file.write_bytes(gzip.compress(body) if name.endswith(".gz") else body)
    return file


@pytest.mark.parametrize(
    ("row", "weak", "strong"),
    [
        ({"text": "q", "failed": True}, 0.0, None),
        ({"prompt": "q", "failed": 0.25}, 0.75, None),
        ({"question": "q", "weak": 0.5, "strong": 1}, 0.5, 1.0),
        ({"input": "q", "weak": 1}, 1.0, None),
        ({"prompt": "q", "weak_correct": 0, "strong_correct": 1}, 0.0, 1.0),
        ({"question": "q", "direct_correct": 1, "cot_correct": 0}, 1.0, 0.0),
        (
            {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "long"}], "weak": -1},
            0.0,
            None,
        ),
    ],
)
def test_usual_names_are_known(tmp_path: Path, row: dict[str, Any], weak: float, strong: float | None) -> None:
    assert read_examples([lines(tmp_path, row)]) == [Example("q", weak, strong, "q", "answers")]


def test_other_names_may_lie_deeper_and_hold_dots(tmp_path: Path) -> None:
    row = {"turns": ["first", "second"], "systems": {"small-3.1": ["A", 7, 120], "large": {"mark": 9}}, "g": 4}
    fields = Fields("turns.0", "systems.small-3.1.1", "systems.large.mark", "g", best=10)

    assert read_examples([lines(tmp_path, row)], fields) == [Example("first", 0.7, 0.9, "4", "answers")]


def test_a_folder_is_all_its_files_and_packed_ones_are_unpacked(tmp_path: Path) -> None:
    lines(tmp_path, {"text": "a", "failed": False}, b"", {"text": "b", "failed": False}, name="one.jsonl")
    lines(tmp_path, {"text": "c", "failed": True}, name="two.jsonl.gz")
    (tmp_path / "README.md").write_text("not this")

    assert [(found.text, found.source) for found in read_examples([tmp_path])] == [
        ("a", "one"),
        ("b", "one"),
        ("c", "two"),
    ]


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (b"{", "answers.jsonl:1: this is no JSON object"),
        ([1], "answers.jsonl:1: this is no JSON object"),
        ({"failed": True}, "answers.jsonl:1: there is no question"),
        ({"text": " ", "failed": True}, "answers.jsonl:1: there is no question"),
        ({"text": "q"}, "answers.jsonl:1: there is no label"),
        ({"text": "q", "failed": "yes"}, "answers.jsonl:1: failed must be a number"),
        ({"text": "q", "weak": 7}, "answers.jsonl:1: weak is 7, above the best mark of 1"),
        (
            {"messages": [{"role": "assistant", "content": "q"}], "failed": True},
            "answers.jsonl:1: there is no question",
        ),
    ],
)
def test_a_line_that_cannot_be_used_is_named(tmp_path: Path, row: Any, sentence: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_examples([lines(tmp_path, row)])

    assert caught.value.message.startswith(sentence)
    assert "\n" not in caught.value.message


def test_a_packed_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl.gz").write_bytes(b"plain")

    with pytest.raises(InvalidRequest, match="cannot be read"):
        read_examples([tmp_path])


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no such file or folder"):
        read_examples([tmp_path / "gone"])
    with pytest.raises(NotFound, match=r"no file of labelled questions \(\*.jsonl"):
        read_examples([tmp_path])
