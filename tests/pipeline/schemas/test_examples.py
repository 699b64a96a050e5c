"""Committed examples: both validators say of each what its folder says."""

from pathlib import Path

import pytest
from json_edges import accepted_by_pydantic, accepted_by_schema

from pipeline.schemas import MESSAGES, ROOT

EXAMPLES = sorted((ROOT / "schemas" / "examples").glob("*/*/*/*.json"))


def _name(path: Path) -> str:
    return "/".join(path.parts[-4:])


@pytest.mark.parametrize("path", EXAMPLES, ids=_name)
def test_pydantic_says_what_the_folder_says(path: Path) -> None:
    """An example is accepted or refused by the contract as its folder promises, in every version ever published."""
    message, expected = path.parts[-4], path.parent.name == "accepted"
    assert accepted_by_pydantic(message, path.read_bytes()) is expected


@pytest.mark.parametrize("path", EXAMPLES, ids=_name)
def test_the_rendered_schema_says_what_the_folder_says(path: Path) -> None:
    """Whoever validates with the committed schema comes to the same answer as we do."""
    message, expected = path.parts[-4], path.parent.name == "accepted"
    assert accepted_by_schema(message, path.read_bytes()) is expected


@pytest.mark.parametrize("message", MESSAGES)
def test_every_message_has_examples_of_both_kinds(message: str) -> None:
    """At least two accepted and two rejected examples for each message; four and six for the one that people write."""
    folder = ROOT / "schemas" / "examples" / message / "1.0"
    accepted, rejected = (len(list((folder / kind).glob("*.json"))) for kind in ("accepted", "rejected"))
    assert (accepted, rejected) >= ((4, 6) if message == "request" else (2, 2))
    assert rejected >= (6 if message == "request" else 2)


def test_no_folder_of_examples_is_without_a_message() -> None:
    """An example of a message that was renamed would otherwise never be looked at again."""
    assert {path.parts[-4] for path in EXAMPLES} == set(MESSAGES)
