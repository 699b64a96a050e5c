"""`stepwell doctor`: what could be wrong here, and what to do."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.show import console, errors_as_sentences, print_json, run
from pipeline.embedded.doctor import Finding, examine

__all__ = ["register"]

_MARKS = {"good": "[green]good[/]     ", "attention": "[yellow]attention[/]", "problem": "[bold red]problem[/]  "}


def register(root: typer.Typer) -> None:
    """Add the verb."""
    root.command("doctor")(doctor_command)


@errors_as_sentences
def doctor_command(
    deep: Annotated[bool, typer.Option("--deep", help="Read the weights through and compare their hashes.")] = False,
    home: Annotated[Path | None, typer.Option("--home", help="Data folder; the default is STEPWELL_HOME.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON list.")] = False,
) -> None:
    """Look at everything Stepwell needs, and say what to do about what is wrong. Exit code 1 with a problem.

    Example: stepwell doctor --json
    """
    findings = run(examine(home, deep=deep))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            _print(finding)
    if any(finding.condition == "problem" for finding in findings):
        raise typer.Exit(1)


def _print(finding: Finding) -> None:
    console.print(f"{_MARKS[finding.condition]} {finding.what:<12} ", end="", highlight=False)
    console.print(finding.sentence, end="", markup=False, highlight=False, soft_wrap=True)
    console.print(f" → {finding.advice}" if finding.advice else "", markup=False, highlight=False, soft_wrap=True)
