"""`stepwell pii scan` shows what the scanner finds in a text, and which class the policy in force gives it."""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from pipeline.adapters.pii.patterns import PatternScanner
from pipeline.adapters.pii.spans import Span, tally
from pipeline.cli.show import console, errors_as_sentences, print_rows
from pipeline.errors import NotFound, PartMissing
from pipeline.policy import Policy
from pipeline.policy.load import load_folder
from pipeline.settings import Settings

__all__ = ["register", "rows_of"]

_COLUMNS = ("type", "count", "score", "class", "counts")
_DEFAULT_THRESHOLD = 0.5


def register(root: typer.Typer) -> None:
    """Add the verbs of this group."""
    group = typer.Typer(no_args_is_help=True, help="Personal data and credentials in texts.")
    group.callback()(_group)
    group.command("scan")(scan_command)
    root.add_typer(group, name="pii")


def _group() -> None:
    """Personal data and credentials in texts."""


@errors_as_sentences
def scan_command(
    file: Annotated[str, typer.Argument(help="A text file in UTF-8, or - for standard input.")],
    names: Annotated[bool, typer.Option(help="Look for people, places and organisations too.")] = True,
    show: Annotated[bool, typer.Option("--show", help="Show each finding with its text.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON for programs.")] = False,
    policies: Annotated[Path | None, typer.Option(help="Folder of policies; STEPWELL_POLICIES otherwise.")] = None,
) -> None:
    """Show which kinds of personal data a text holds, and their class under the policy. Never the text itself.

    Example: stepwell pii scan letter.txt
    """
    folder = policies or Settings.from_environment().policies
    policy = load_folder(folder, os.environ)
    text = _read(file)
    spans = _scanner(names=names)(text)
    rows = _shown(text, spans, policy) if show else rows_of(spans, policy)
    columns = (*_COLUMNS, "start", "text") if show else _COLUMNS
    if rows or as_json:
        print_rows(rows, columns, as_json=as_json)
    else:
        console.print("nothing found", highlight=False)


def _read(file: str) -> str:
    if file == "-":
        return sys.stdin.read()
    try:
        return Path(file).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise NotFound(f"{file} cannot be read ({error.strerror}): name a text file, or - for standard input") from None


def _scanner(*, names: bool) -> Callable[[str], list[Span]]:
    """The pattern tier, or with names what the child process of a worker runs, here in this process."""
    if not names:
        return PatternScanner().scan_text
    try:
        from pipeline.adapters.pii.names import SmallEngine
        from pipeline.adapters.pii.presidio import Analyzer, registry, stay_offline
    except ImportError as error:
        raise PartMissing(f"{error.name} is not installed: install it, or scan with --no-names") from None
    stay_offline()
    analyzer = Analyzer(SmallEngine(), registry())
    return lambda text: analyzer.scan_text(text, names=True)


def rows_of(spans: Sequence[Span], policy: Policy) -> list[dict[str, object]]:
    """One row for each type and score: how often, of which class, and whether the score reaches the threshold."""
    return [
        {
            "type": finding.type,
            "count": finding.count,
            "score": finding.score,
            "class": policy.class_of(finding.type),
            "counts": _counts(finding.type, finding.score or 0.0, policy),
        }
        for finding in sorted(tally(spans), key=lambda finding: (finding.type, -(finding.score or 0.0)))
    ]


def _shown(text: str, spans: Sequence[Span], policy: Policy) -> list[dict[str, object]]:
    return [rows_of([span], policy)[0] | {"start": span.start, "text": text[span.start : span.end]} for span in spans]


def _counts(kind: str, score: float, policy: Policy) -> bool:
    thresholds = policy.residency.thresholds
    return score >= thresholds.get(kind, thresholds.get("default", _DEFAULT_THRESHOLD))
