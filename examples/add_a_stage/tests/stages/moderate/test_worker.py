"""The list of phrases."""

from pathlib import Path

from cascade import envelope

from pipeline.contracts import Request
from pipeline.ports import Run
from stages.moderate import Moderate


async def test_phrases_are_read_from_the_file(tmp_path: Path) -> None:
    """One phrase on each line; empty lines block nothing."""
    (tmp_path / "blocked.txt").write_text("\nSecret Recipe\n")
    stage = Moderate(tmp_path / "blocked.txt")
    assert (await stage.handle(envelope(request=Request(input="the secret  recipe")), Run())).kind == "refused"
    assert (await stage.handle(envelope(request=Request(input="the recipe")), Run())).kind == "passed"


async def test_without_a_file_nothing_is_blocked(tmp_path: Path) -> None:
    """A deployment that has no list needs no file."""
    stage = Moderate(tmp_path / "missing.txt")
    assert (await stage.handle(envelope(request=Request(input="anything")), Run())).kind == "passed"
