"""The group `stepwell pii` has its verbs, and each explains itself with an example."""

import pytest
import typer
from typer.testing import CliRunner

from pipeline.cli import pii

VERBS = ("scan", "train", "models", "use", "reveal")


def helped(*words: str) -> str:
    root = typer.Typer()
    pii.register(root)
    return CliRunner().invoke(root, ["pii", *words, "--help"], env={"COLUMNS": "120"}).output


def test_all_verbs_are_listed() -> None:
    assert all(verb in helped() for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_shows_an_example(verb: str) -> None:
    assert f"stepwell pii {verb}" in helped(verb)
