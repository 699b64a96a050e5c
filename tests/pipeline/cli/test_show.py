"""What every verb shows: whole ids, and text that is text."""

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from pipeline.cli import show
from pipeline.cli.show import errors_as_sentences, print_rows
from pipeline.errors import NotFound


def _app() -> typer.Typer:
    app = typer.Typer()

    @app.command()
    @errors_as_sentences
    def lost(name: str) -> None:
        raise NotFound(f"there is no {name}")

    @app.command()
    def table(name: str) -> None:
        print_rows([{"id": name, "more": "x" * 60}], ("id", "more"), as_json=False)

    return app


def test_an_argument_that_looks_like_markup_is_shown_as_it_is() -> None:
    for name in ("[/x]", "[red]abc", "[/bold]"):
        shown = CliRunner().invoke(_app(), ["lost", name])
        assert shown.exit_code == 1
        assert f"not_found: there is no {name}" in shown.stderr


def test_an_id_that_is_to_stay_whole_does_though_the_terminal_is_narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow, name = Console(width=40, record=True), "0123456789abcdef" * 4
    monkeypatch.setattr(show, "console", narrow)
    print_rows([{"id": name, "why": "a reason in words"}], ("id", "why"), as_json=False, whole=("id",))
    assert name in narrow.export_text()
    print_rows([{"id": name[:16], "why": "a reason in words"}], ("id", "why"), as_json=False, whole=("id",))
    drawn = narrow.export_text()
    assert name[:16] in drawn
    assert "a reason in" in drawn


def test_a_long_id_is_folded_and_never_cut() -> None:
    name = "0123456789abcdef" * 4
    shown = CliRunner().invoke(_app(), ["table", name])
    cells = "".join(line.split("\u2502")[1].strip() for line in shown.stdout.splitlines() if line.startswith("\u2502"))
    assert cells == name
