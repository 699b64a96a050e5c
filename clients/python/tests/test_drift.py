"""The client's models beside the schemas that the cascade publishes: neither may know what the other does not."""

import json
import subprocess
import sys
import tomllib
import typing
from pathlib import Path

import pytest

import stepwell
from stepwell import models, wishes

REPLIES = {"reply": models.Reply, "chunk": models.Chunk}
PARTS = {
    "ErrorBody": models.ErrorDetail,
    "Usage": models.Usage,
    "Served": models.Served,
    "Remembered": models.Remembered,
    "RateState": models.RateState,
    "ToolCall": models.ToolCall,
}
ASKED = {
    "Parameters": wishes.Parameters,
    "Budget": wishes.Budget,
    "MaxPrice": wishes.MaxPrice,
    "ProviderPreferences": wishes.ProviderPreferences,
    "Embed": wishes.Embed,
}
OWN = {"tenant", "input", "messages", "stream"}
"""Fields of a request that the client itself fills in."""


def schema(root: Path, name: str) -> dict[str, typing.Any]:
    return json.loads((root / "schemas" / f"{name}.schema.json").read_text())  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", REPLIES)
def test_what_comes_back_has_the_fields_of_its_schema(root: Path, name: str) -> None:
    published = schema(root, name)
    assert set(REPLIES[name].model_fields) == set(published["properties"])
    required = {field for field, info in REPLIES[name].model_fields.items() if info.is_required()}
    assert required == set(published["required"])


@pytest.mark.parametrize("part", PARTS)
def test_its_parts_have_the_fields_of_theirs(root: Path, part: str) -> None:
    published = schema(root, "reply")["$defs"][part]
    assert set(PARTS[part].model_fields) == set(published["properties"])


def test_what_can_be_asked_is_what_a_request_may_say(root: Path) -> None:
    published = schema(root, "request")
    assert set(wishes.Wishes.__annotations__) | OWN == set(published["properties"])
    for part, wish in ASKED.items():
        assert set(wish.__annotations__) == set(published["$defs"][part]["properties"]), part


def test_words_to_choose_from_are_the_same(root: Path) -> None:
    published = schema(root, "request")
    hints = typing.get_type_hints(wishes.Wishes)
    for name in ("lane", "cache"):
        assert set(typing.get_args(hints[name])) == set(published["properties"][name]["enum"])


@pytest.mark.parametrize(
    ("name", "model"), [*REPLIES.items(), ("audit_record", models.AuditRecord), ("reveal_record", models.AuditRecord)]
)
def test_every_example_that_was_ever_published_is_read(root: Path, name: str, model: type[models.Reply]) -> None:
    examples = sorted((root / "schemas" / "examples" / name).glob("*/accepted/*.json"))
    assert examples
    for example in examples:
        model.model_validate_json(example.read_text())


def test_it_stands_alone() -> None:
    """Neither the cascade nor anything beyond what it declares is imported."""
    source = Path(stepwell.__file__).parents[1]
    program = (
        "import sys; import stepwell; "
        "found = {name.partition('.')[0] for name in sys.modules} & {'pipeline', 'stages', 'orjson', 'faststream'}; "
        "sys.exit(repr(found) if found else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(source)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_it_has_at_most_three_dependencies(root: Path) -> None:
    project = tomllib.loads((root / "clients" / "python" / "pyproject.toml").read_text())["project"]
    assert len(project["dependencies"]) <= 3
