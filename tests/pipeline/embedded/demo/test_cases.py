"""The file of requests: what it may hold, and what ours holds."""

from collections import Counter
from pathlib import Path

import pytest

from pipeline.embedded.demo import read_cases
from pipeline.errors import InvalidRequest

OURS = Path(__file__).parents[4] / "examples" / "demo" / "requests.jsonl"


def write(folder, *lines):
    path = folder / "requests.jsonl"
    path.write_text("\n".join(lines))
    return path


def test_a_line_is_a_case_or_a_bare_request(tmp_path):
    cases = read_cases(
        write(
            tmp_path,
            '{"kind": "sum", "request": {"input": "1 + 1?"}, "expected": {"answer": 2}}',
            "",
            '{"input": "hello"}',
        )
    )
    assert [(case.kind, case.request.input, case.expected is None) for case in cases] == [
        ("sum", "1 + 1?", False),
        ("own", "hello", True),
    ]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"input": "a", "inptu": "b"}', "inptu"),
        ('{"request": {"input": "a", "lane": "fast"}}', r"request\.lane"),
        ("{", "line"),
        ('{"request": {"input": "a"}, "expected": {"anwser": 1}}', r"expected\.anwser"),
    ],
)
def test_a_wrong_line_is_named_with_its_number_and_field(tmp_path, line, told):
    path = write(tmp_path, '{"input": "fine"}', line)
    with pytest.raises(InvalidRequest, match=rf"requests\.jsonl:2: {told}: "):
        read_cases(path)


def test_a_file_that_is_not_there_or_empty_is_refused(tmp_path):
    with pytest.raises(InvalidRequest, match="cannot be read"):
        read_cases(tmp_path / "none.jsonl")
    with pytest.raises(InvalidRequest, match="holds no request"):
        read_cases(write(tmp_path, ""))


def test_ours_has_every_kind_of_request_known_answers_and_repeats():
    cases = read_cases(OURS)
    kinds = Counter(case.kind for case in cases)
    repeats = len(cases) - len({case.request.model_dump_json() for case in cases})
    assert len(cases) >= 56
    assert set(kinds) == {"arithmetic", "label", "extraction", "free", "people"}
    assert min(kinds.values()) >= 8
    assert repeats >= 6
    assert sum(case.expected is not None and case.expected.gradable for case in cases) >= 40


def test_an_expected_label_or_field_of_ours_is_one_that_its_schema_permits():
    for case in read_cases(OURS):
        schema, expected = case.request.response_schema, case.expected
        if schema is None or expected is None:
            continue
        properties = schema["properties"]
        if expected.label is not None:
            assert expected.label in properties["label"]["enum"]
        if expected.fields is not None:
            assert set(expected.fields) == set(properties)
            text = case.request.messages[-1].content
            assert all(str(value) in text for value in expected.fields.values())
