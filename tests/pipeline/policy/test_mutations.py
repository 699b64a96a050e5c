"""Whatever somebody does to a policy file, it is taken or refused with a place; loading never breaks."""

import re
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_files import DEFAULTS

from pipeline.errors import PolicyInvalid
from pipeline.policy.load import check_bundle, read_folder
from pipeline.policy.text import read_text

FILES = read_folder(DEFAULTS)
DATA = {name: read_text(name, body).data for name, body in FILES.items()}
PLACE = re.compile(r"^[a-z./-]+:\d+:\d+: ")
KEYS = sorted({word for body in FILES.values() for word in re.findall(r"[A-Za-z_]{2,}(?=:)", body.decode())})
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 200), st.floats(-1, 2, allow_nan=False), st.text(max_size=6),
    st.sampled_from(["small", "large", "us-large", "chat", "local", "nobody", "true", "false", "req.tokens > 5",
                     'req.lane == "batch"', "req.metadata.x == 'y'", "../x", "prompts/x.txt", "auto", "total",
                     "degrade"]),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


def paths(value: Any, here: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The way to every value below."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [here, *(path for key, child in children for path in paths(child, (*here, key)))]


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, bytes]:
    """The default set with one to three of its values replaced, dropped, doubled or added to."""
    data = orjson.loads(orjson.dumps(DATA))
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(sorted(data)))
        ways = [path for path in paths(data[name]) if path]
        if not ways:
            continue
        *above, last = draw(st.sampled_from(ways))
        part = data[name]
        for step in above:
            part = part[step]
        change = draw(st.sampled_from(["replace", "drop", "double", "add"]))
        if change == "replace":
            part[last] = draw(VALUES)
        elif change == "drop":
            del part[last]
        elif change == "double" and isinstance(part, list):
            part.append(part[last])
        elif isinstance(part, dict):
            part[draw(st.sampled_from(KEYS))] = draw(VALUES)
    return {name: orjson.dumps(value) for name, value in data.items()}


def held(files: dict[str, bytes]) -> None:
    """Taken, or refused with nothing but places."""
    checked = check_bundle(files, {})
    assert (checked.policy is None) == bool(checked.problems)
    for problem in (*checked.problems, *checked.warnings):
        assert PLACE.match(str(problem)) or str(problem).startswith("the policy set:1:1: ")
        assert problem.text
        assert "Traceback" not in problem.text


@settings(max_examples=80, deadline=None)
@given(mutated())
def test_a_set_with_other_values_is_taken_or_refused_with_places(files: dict[str, bytes]) -> None:
    held(files)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(FILES)), st.data())
def test_a_set_with_other_bytes_is_taken_or_refused_with_places(name: str, data: st.DataObject) -> None:
    body = bytearray(FILES[name])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body)))
        body[at : at + data.draw(st.integers(0, 12))] = data.draw(st.binary(max_size=6))

    held({**FILES, name: bytes(body)})


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(FILES)), st.data())
def test_a_set_with_other_lines_is_taken_or_refused_with_places(name: str, data: st.DataObject) -> None:
    lines = FILES[name].decode().splitlines(keepends=True)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(lines) - 1))
        change = data.draw(st.sampled_from(["drop", "double", "indent", "swap"]))
        if change == "drop" and len(lines) > 1:
            del lines[at]
        elif change == "double":
            lines.insert(at, lines[at])
        elif change == "indent":
            lines[at] = "  " + lines[at]
        else:
            other = data.draw(st.integers(0, len(lines) - 1))
            lines[at], lines[other] = lines[other], lines[at]

    held({**FILES, name: "".join(lines).encode()})


def test_a_set_without_one_of_its_files_is_taken_or_refused() -> None:
    for name in FILES:
        files = {other: body for other, body in FILES.items() if other != name}
        optional = name in ("budgets.yaml", "tenants.yaml", "experiments.yaml")
        assert (check_bundle(files, {}).policy is not None) == optional


def test_an_empty_set_is_refused() -> None:
    with pytest.raises(PolicyInvalid, match="there is no policy file"):
        check_bundle({}, {})
