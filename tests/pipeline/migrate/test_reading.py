"""Configurations are read as their own gateways read them, with lines, within bounds, and without echoing values."""

import pytest

from pipeline.errors import InvalidRequest
from pipeline.migrate.reading import MAX_BYTES, MAX_DEPTH, MAX_VALUES, read_source


def test_yaml_is_that_of_python_with_merge_keys_and_its_words_for_true() -> None:
    source = read_source("c", b"base: &b {x: 1, y: 2}\nmade: {<<: *b, y: 3}\non: yes\nquoted: 'yes'\nsmall: 1e-06\n")
    assert source.data == {
        "base": {"x": 1, "y": 2},
        "made": {"x": 1, "y": 3},
        "on": True,
        "quoted": "yes",
        "small": 1e-06,
    }
    assert source.line(("made", "y")) == 2
    assert source.line(("made", "x")) == 1


def test_json_is_json_also_with_tabs_and_characters_in_two_halves() -> None:
    body = rb'{"a": {"b": [1, true, null, "no"]},' + b'\n\t\t"c": "\\ud83d\\ude00 \\u00e9"}'
    source = read_source("c", body)
    assert source.data == {"a": {"b": [1, True, None, "no"]}, "c": "\U0001f600 \u00e9"}
    assert source.line(("c",)) == 2
    assert next(iter(source.leaves())) == ("a", "b", 0)


@pytest.mark.parametrize("body", [b"a: 1\nb: 2\na: 3\n", b'{"a": 1,\n"b": 2,\n"a": 3}'])
def test_of_equal_keys_the_last_one_counts_and_the_other_is_told(body: bytes) -> None:
    source = read_source("c", body)
    assert source.data == {"a": 3, "b": 2}
    assert source.twice == [(("a",), 1, 3)]


def test_a_key_of_ones_own_beside_one_that_is_merged_stands_once() -> None:
    assert read_source("c", b"a: &a {x: 1}\nb: {<<: *a, x: 2}\nc: {<<: [*a, *a]}\n").twice == []


def test_credentials_are_variables_wherever_they_stand_the_same_for_the_same_one() -> None:
    source = read_source("c", b"a: [x/sk-planted-1, sk-planted-2]\nb: {sk-planted-2: 1}\nc: gpt-4o\n")
    assert source.data == {
        "a": ["x/${CREDENTIAL_1}", "${CREDENTIAL_2}"],
        "b": {"${CREDENTIAL_2}": 1},
        "c": "gpt-4o",
    }
    assert source.credentials == [("a", 0), ("a", 1), ("b", "${CREDENTIAL_2}")]


@pytest.mark.parametrize(
    "body",
    [
        b"a: [sk-planted",
        b"a: \xff",
        b"a: \x00sk-planted",
        b"x" * (MAX_BYTES + 1),
        b"[" * 2000,
        b"[" + b"1," * (MAX_VALUES * 3) + b"1]",
        b"a: &a {" + b",".join(b"k%d: 1" % n for n in range(3000)) + b"}\nb: {<<: [" + b"*a," * 3000 + b"*a]}",
        b"k: [&a0 {x: 1}," + b",".join(b"&a%d {<<: *a%d}" % (n, n - 1) for n in range(1, 3000)) + b"]\n<<: *a2999",
        b"a: " + b"[" * (MAX_DEPTH + 2) + b"]" * (MAX_DEPTH + 2),
        b"a: &a [x, x, x, x, x, x, x, x, x, x]\n" + b"".join(
            b"%c: &%c [%s]\n" % (n, n, b", ".join([b"*%c" % (n - 1)] * 10)) for n in range(ord("b"), ord("h"))
        ),
    ],
)  # fmt: skip
def test_what_is_no_configuration_is_refused_without_its_text(body: bytes) -> None:
    with pytest.raises(InvalidRequest) as raised:
        read_source("config.yaml", body)
    assert raised.value.message.startswith("config.yaml")
    assert "planted" not in raised.value.message


def test_merge_keys_of_merge_keys_take_no_time_to_speak_of() -> None:
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}], y{n}: 1}}" for n in range(1, 12)]
    data = read_source("c", "\n".join(lines).encode()).data
    assert isinstance(data, dict)
    assert len(data["a11"]) == 12  # type: ignore[arg-type]
