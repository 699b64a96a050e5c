"""What every verb shows: whole ids, and text that is text."""

import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import orjson
import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from pipeline.cli import show
from pipeline.cli.hooks import Hooks
from pipeline.cli.main import make_app
from pipeline.cli.show import errors_as_sentences, errors_end_with, print_rows, warn
from pipeline.errors import NotFound, RateLimited


def _app() -> typer.Typer:
    app = typer.Typer()

    @app.command()
    @errors_as_sentences
    def lost(name: str, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
        raise NotFound(f"there is no {name}", param="name")

    @app.command()
    @errors_end_with(3)
    def limited(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
        raise RateLimited("too many", rule="per-minute", retry_after_s=2.5)

    @app.command()
    @errors_as_sentences
    def interrupted() -> None:
        raise KeyboardInterrupt

    @app.command()
    @errors_as_sentences
    def made(name: Path) -> None:
        name.mkdir()

    @app.command()
    def table(name: str) -> None:
        print_rows([{"id": name, "more": "x" * 60}], ("id", "more"), as_json=False)

    @app.command()
    def warned(name: str) -> None:
        warn(name)

    return app


def test_an_argument_that_looks_like_markup_is_shown_as_it_is() -> None:
    for name in ("[/x]", "[red]abc", "[/bold]"):
        shown = CliRunner().invoke(_app(), ["lost", name])
        assert shown.exit_code == 1
        assert f"not_found: there is no {name}" in shown.stderr


def test_for_programs_an_error_is_one_line_of_json_and_standard_output_stays_empty() -> None:
    shown = CliRunner().invoke(_app(), ["lost", "[/x]", "--json"])
    assert (shown.exit_code, shown.stdout) == (1, "")
    assert orjson.loads(shown.stderr) == {
        "error": {"code": "not_found", "message": "there is no [/x]", "param": "name"}
    }
    assert shown.stderr.count("\n") == 1
    shown = CliRunner().invoke(_app(), ["limited", "--json"])
    assert (shown.exit_code, shown.stdout) == (3, "")
    assert orjson.loads(shown.stderr)["error"] == {
        "code": "rate_limited",
        "message": "too many",
        "rule": "per-minute",
        "retry_after_s": 2.5,
    }


def test_who_interrupts_a_command_sees_no_traceback() -> None:
    shown = CliRunner().invoke(_app(), ["interrupted"])
    assert (shown.exit_code, shown.output) == (130, "")


def test_every_command_that_speaks_to_programs_takes_the_option_under_one_name() -> None:
    """The wrapper finds it by that name; another one would bring sentences where JSON was asked for."""
    root = typer.main.get_command(make_app(Hooks(lambda *_, **__: None)))
    named = {
        (path, parameter.name)
        for path, command in _commands(root)
        for parameter in command.params
        if "--json" in parameter.opts
    }
    assert len(named) > 15
    assert {name for _, name in named} == {"as_json"}


def test_a_verb_named_first_is_there_alone_and_anything_else_finds_all() -> None:
    hooks = Hooks(lambda *_, **__: None)
    everything = _verbs(make_app(hooks))
    assert {"ask", "result", "status", "weights", "worker"} <= everything
    for verb in everything:
        assert verb in _verbs(make_app(hooks, verb)) < everything
    for other in (None, "--help", "nope", "main", "show"):
        assert _verbs(make_app(hooks, other)) == everything


def test_a_command_line_loads_no_module_of_another_verb() -> None:
    lines = "import sys; from stages.app import main; sys.argv = ['stepwell', 'provision', '--help']"
    told = "finally: print([name for name in sys.modules if name in ('pipeline.cli.serve', 'pipeline.cli.pii')])"
    run = [sys.executable, "-c", f"{lines}\ntry: main()\n{told}"]
    shown = subprocess.run(run, capture_output=True, text=True, timeout=100, check=False)
    assert shown.stdout.splitlines()[-1] == "[]", shown.stderr


def _verbs(app: typer.Typer) -> set[str]:
    return set(getattr(typer.main.get_command(app), "commands", {}))


def _commands(command: Any, path: str = "stepwell") -> Iterator[tuple[str, Any]]:
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from _commands(inner, f"{path} {name}")


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


@pytest.mark.parametrize("text", ["routes.yaml:100:34", "[red]:bomb:", "[/x] :+1: :thumbs_up:"])
def test_text_that_reads_like_a_picture_or_like_markup_is_shown_as_it_is(text: str) -> None:
    """Piped too: `routes.yaml:100:34` is where a problem stands, and the editor is to open it."""
    lost = CliRunner().invoke(_app(), ["lost", text])
    assert text in lost.stderr
    table = CliRunner().invoke(_app(), ["table", text])
    assert text in table.stdout
    shown = CliRunner().invoke(_app(), ["warned", text])
    assert shown.stderr == f"{text}\n"


def test_every_verb_writes_to_these_two_consoles() -> None:
    """One of its own would make pictures of `:100:` again."""
    for path in Path(show.__file__).parent.glob("*.py"):
        if path.name != "show.py":
            assert "Console(" not in path.read_text(), path.name
    for console in (show.console, show.beside):
        with console.capture() as taken:
            console.print(":100: :bomb:")
        assert taken.get() == ":100: :bomb:\n"


LONG = [{"name": "a-name-of-some-length", "sum": "0.0000123", "reason": "word " * 30} for _ in range(2)]


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_no_name_and_no_sum_vanishes_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    terminal = Console(width=width, force_terminal=True, file=io.StringIO(), color_system=None, emoji=False)
    monkeypatch.setattr(show, "console", terminal)
    print_rows(LONG, ("name", "sum", "reason"), as_json=False, title="T", whole=("name", "sum"))
    told = terminal.file.getvalue()  # type: ignore[attr-defined]
    whole = "".join(told.split()) if width == 20 else told
    assert whole.count("a-name-of-some-length") == 2
    assert whole.count("0.0000123") == 2
    assert whole.count("word") == 60


def test_in_a_pipe_a_table_is_as_wide_as_it_has_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = Console(width=80, file=io.StringIO(), emoji=False)
    monkeypatch.setattr(show, "console", pipe)
    print_rows(LONG, ("name", "sum", "reason"), as_json=False)
    rows = [line for line in pipe.file.getvalue().splitlines() if "0.0000123" in line]  # type: ignore[attr-defined]
    assert [line.count("word") for line in rows] == [30, 30]


def test_a_place_that_the_system_does_not_let_us_use_is_named_in_a_sentence(tmp_path: Path) -> None:
    shown = CliRunner().invoke(_app(), ["made", str(tmp_path / "not" / "there")])
    assert shown.exit_code == 1
    assert "invalid_request: " in shown.stderr
    assert "not/there cannot be used (No such file or directory): name another place" in shown.stderr.replace("\n", "")
