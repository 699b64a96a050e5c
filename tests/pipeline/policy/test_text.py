"""YAML is read so that it says exactly what it looks like, with the place of everything."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.policy.problems import Place
from pipeline.policy.text import MAX_BYTES, SourceFile, read_text


def read(text: str) -> SourceFile:
    return read_text("f.yaml", text.encode())


def said(text: str) -> str:
    return "\n".join(map(str, read(text).problems))


@pytest.mark.parametrize(
    "word", ["NO", "no", "yes", "on", "off", "y", "2026-11-01", "1_000", "12e", "1.2.3", "=", "0x"]
)
def test_what_is_not_plainly_a_number_or_boolean_stays_text(word: str) -> None:
    assert read(f"a: {word}").data == {"a": word}


@pytest.mark.parametrize(
    ("text", "value"),
    [("12", 12), ("-3", -3), ("0", 0), ("0.5", 0.5), ("1e3", 1000.0), (".5", 0.5), ("true", True), ("False", False)],
)
def test_plain_numbers_and_booleans_are_read_as_such(text: str, value: object) -> None:
    found = read(f"a: {text}").data

    assert found == {"a": value}
    assert type(found["a"]) is type(value)


@pytest.mark.parametrize("text", ["~", "null", ""])
def test_null_is_null(text: str) -> None:
    assert read(f"a: {text}").data == {"a": None}


@pytest.mark.parametrize("text", ["'12'", '"12"', "!!str 12", "'017'", '"1:30"'])
def test_a_quoted_number_is_text(text: str) -> None:
    source = read(f"a: {text}")

    assert source.problems == []
    assert isinstance(source.data["a"], str)


@pytest.mark.parametrize("text", ["017", "0o17", "-010", "00", "1:30", "190:20:30", "1:30.5"])
def test_numbers_that_two_readers_read_as_two_values_are_refused(text: str) -> None:
    assert said(f"deep:\n  list: [1, {text}]").startswith("f.yaml:2:13: deep.list[1]: ")


@pytest.mark.parametrize("text", [".inf", "-.inf", ".nan", "1e999", "9007199254740993", "1" + "0" * 400])
def test_numbers_without_an_exact_finite_value_are_refused(text: str) -> None:
    assert "f.yaml:1:4: a:" in said(f"a: {text}")


def test_a_key_that_stands_twice_is_refused_with_both_lines() -> None:
    assert said("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n").startswith(
        "f.yaml:5:3: b.c: the key stands twice, first in line 3"
    )


def test_keys_are_text_even_where_they_look_like_something_else() -> None:
    assert read("404: a\nNO: b\nnull: c").data == {"404": "a", "NO": "b", "null": "c"}


@pytest.mark.parametrize(
    "text",
    ["a: !python/object:os.system x", "a: !x && y", "<<: {a: 1}", "? [1, 2]\n: 3", "a: [1, 2\nb: 3", "a: \t1", "a: 'b"],
)
def test_what_is_no_plain_data_is_refused_with_its_place(text: str) -> None:
    assert said(text).startswith("f.yaml:")


def test_a_second_document_in_a_file_is_refused() -> None:
    assert said("---\na: 1\n---\nb: 1\n").startswith("f.yaml:3:1: ")


@pytest.mark.parametrize("body", [b"a: \xff", b"a: \x00b", b"", b"# nothing\n", b'a: "\\ud800"'])
def test_bytes_that_are_no_document_are_a_problem_and_no_exception(body: bytes) -> None:
    assert read_text("f.yaml", body).problems


def test_places_are_those_of_values_and_of_keys() -> None:
    source = read("top:\n  - name: x\n    when: true\n")

    assert source.place(("top", 0, "when")) == Place(3, 11)
    assert source.place(("top", 0, "when"), key=True) == Place(3, 5)
    assert source.place(("top", 0, "missing")) == Place(2, 5)


def test_an_alias_stands_for_its_anchor() -> None:
    assert read("a: &x {b: 1}\nc: *x\n").data == {"a": {"b": 1}, "c": {"b": 1}}


def test_aliases_that_multiply_are_refused_soon() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    started = time.perf_counter()

    assert "more than 20000 values" in said("\n".join(lines))
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize("text", ["a: &x [*x]", "[" * 40 + "]" * 40, "[" * 20_000, "{a: " * 20_000])
def test_nesting_without_end_is_refused(text: str) -> None:
    assert read(text).problems


@pytest.mark.parametrize(
    ("body", "line", "column"),
    [
        (b"a: 1\nb: \xc3\xa9 \xff\n", 2, 6),
        (b"a: 1\nb: \x00\n", 2, 4),
        (b"a: 1\nb: " + b"[" * 40 + b"]" * 40, 2, 36),
        (b"a: 1\nb: " + b"[" * 4000 + b"]" * 4000, 2, 36),
    ],
)
def test_what_cannot_be_read_is_told_where_it_stands(body: bytes, line: int, column: int) -> None:
    (problem,) = read_text("f.yaml", body).problems

    assert (problem.place.line, problem.place.column) == (line, column)


def test_a_value_that_is_not_there_belongs_behind_its_colon() -> None:
    source = read_text("f.yaml", b"a:\n\n\nb: 1\n")

    assert source.place(("a",)) == Place(1, 3)


def test_a_file_that_is_too_large_is_refused_unread() -> None:
    assert "larger than" in said("#" * (MAX_BYTES + 1))


@given(st.text(max_size=200))
def test_no_text_makes_the_reader_raise(text: str) -> None:
    read_text("f.yaml", text.encode("utf-8", "surrogatepass"))


@given(st.lists(st.sampled_from(list("abN01:-[]{}&*!|>'\"#,? \n")), max_size=60).map("".join))
def test_no_yaml_like_text_makes_the_reader_raise(text: str) -> None:
    read_text("f.yaml", text.encode())
