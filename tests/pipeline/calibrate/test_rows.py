"""Judged drafts out of a file: what a line may say, and what is told of one that cannot be used."""

import gzip
from pathlib import Path

import pytest

from pipeline.calibrate.rows import read_rows
from pipeline.errors import InvalidRequest, NotFound


def test_a_line_is_a_judged_draft(tmp_path: Path) -> None:
    file = tmp_path / "labels.jsonl"
    file.write_text(
        '{"right": true, "confidence": 0.9, "task": "faq", "tenant": "a", "at": 12, "large_right": false}\n\n'
        '{"right": false, "signals": {"token_mean": 0.4, "grounded": null}, "propensity": 0.1, "note": "x"}\n'
    )
    first, second = read_rows([file])
    assert (first.right, first.confidence, first.task, first.tenant, first.at, first.large_right) == (
        True, 0.9, "faq", "a", 12.0, False,
    )  # fmt: skip
    assert (second.right, second.confidence, second.propensity, second.large_right) == (False, None, 0.1, None)
    assert second.signals == {"token_mean": 0.4, "grounded": None}
    assert first.key != second.key


def test_a_packed_file_is_read_too(tmp_path: Path) -> None:
    file = tmp_path / "labels.jsonl.gz"
    file.write_bytes(gzip.compress(b'{"right": true, "confidence": 0.9}\n'))
    assert len(read_rows([file])) == 1


@pytest.mark.parametrize(
    ("line", "because"),
    [
        ("{", "is no JSON"),
        ("[]", "the line: "),
        ('{"confidence": 0.9}', "right: field required"),
        ('{"right": true, "confidence": 1.2}', "confidence: "),
        ('{"right": true, "confidence": 0.5, "propensity": 0}', "propensity: "),
        ('{"right": true}', "neither a confidence nor a signal"),
        ('{"right": true, "signals": {"a": null}}', "neither a confidence nor a signal"),
    ],
)
def test_a_line_that_says_something_else_is_named_by_its_place(tmp_path: Path, line: str, because: str) -> None:
    file = tmp_path / "labels.jsonl"
    file.write_text('{"right": true, "confidence": 0.9}\n' + line + "\n")
    with pytest.raises(InvalidRequest) as caught:
        read_rows([file])
    assert f"{file}:2: {because}" in caught.value.message


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.jsonl.gz"
    broken.write_bytes(b"no gzip")
    for file in (tmp_path / "gone.jsonl", broken):
        with pytest.raises(NotFound, match="the labels cannot be read"):
            read_rows([file])
