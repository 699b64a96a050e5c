"""`stepwell pii scan` shows what the scanner finds in a text, and which class the policy in force gives it."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import typer
from rich.console import Console
from rich.progress import track

from pipeline.adapters.pii.patterns import PatternScanner
from pipeline.adapters.pii.spans import Span, tally
from pipeline.cli.pii_text import Lines, highlighted, read
from pipeline.cli.show import console, errors_as_sentences, print_json, print_rows
from pipeline.contracts import DataClass
from pipeline.errors import InvalidRequest, PartMissing
from pipeline.policy import Policy
from pipeline.policy.load import load_folder
from pipeline.settings import Settings

__all__ = ["register"]

_ORDER: Final[tuple[DataClass, ...]] = ("public", "internal", "confidential", "restricted")
_DEFAULT_THRESHOLD: Final = 0.5
_COLUMNS: Final = ("type", "place", "score", "class", "counts")
_PIECE, _BEFORE, _AFTER = 65_536, 2_048, 4_096
_stderr = Console(stderr=True)
Scan = Callable[[str], Sequence[Span]]


class Scanner(NamedTuple):
    """A way to scan, and its name and version."""

    engine: str
    scan: Scan


def register(group: typer.Typer) -> None:
    """Add the verb."""
    group.command("scan")(scan_command)


@errors_as_sentences
def scan_command(
    file: Annotated[str, typer.Argument(help="A text file in UTF-8, or - for standard input.")],
    names: Annotated[bool, typer.Option(help="Look for people, places and organisations too.")] = True,
    show: Annotated[bool, typer.Option("--show", help="Show each finding with its text.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON for programs.")] = False,
    threshold: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Score from which a finding counts; by policy otherwise.")
    ] = None,
    min_class: Annotated[str, typer.Option(help="Show only findings of this class or a stricter one.")] = "public",
    fail_on: Annotated[
        str | None, typer.Option(help="End with 1 when a finding that counts is of this class or a stricter one.")
    ] = None,
    policies: Annotated[Path | None, typer.Option(help="Folder of policies; STEPWELL_POLICIES otherwise.")] = None,
) -> None:
    """Show which personal data and credentials a text holds, where, and of which class under the policy.

    A terminal shows the text in colours; a pipe or a file gets places and never text, unless --show asks for it.
    Nothing leaves this machine.

    Example: stepwell pii scan letter.txt

    Example: git diff | stepwell pii scan - --no-names --fail-on restricted

    Example: stepwell pii scan chat.log --min-class confidential --json
    """
    least, worst = _class(min_class), _class(fail_on) if fail_on is not None else None
    policy = load_folder(policies or Settings.from_environment().policies, os.environ)
    given = read(file)
    if given.broken:
        _stderr.print(f"{given.broken} places are no UTF-8 and were read as �", highlight=False, style="yellow")
    scanner = _scanner(names=names)
    spans = list(found_in(given.text, scanner.scan))
    view = _View(given.text, policy, threshold, [span for span in spans if _reaches(policy.class_of(span.type), least)])
    if as_json:
        print_json(view.as_data(scanner.engine, show=show))
    else:
        _print(view, show=show)
    if worst is not None and view.any_of(worst):
        raise typer.Exit(1)


def _class(name: str) -> DataClass:
    for known in _ORDER:
        if known == name:
            return known
    raise InvalidRequest(f"{name} is no data class: write one of {', '.join(_ORDER)}")


def _reaches(data_class: DataClass, least: DataClass) -> bool:
    return _ORDER.index(data_class) >= _ORDER.index(least)


def _scanner(*, names: bool) -> Scanner:
    """The pattern tier, or with names what the scan process of a worker runs, here in this process."""
    if not names:
        patterns = PatternScanner()
        return Scanner(patterns.engine, patterns.scan_text)
    try:
        from pipeline.adapters.pii.names import SmallEngine
        from pipeline.adapters.pii.presidio import Analyzer, registry, stay_offline
    except ImportError as error:
        raise PartMissing(f"{error.name} is not installed: install it, or scan with --no-names") from None
    stay_offline()
    analyzer = Analyzer(SmallEngine(), registry())
    return Scanner(analyzer.version, lambda text: analyzer.scan_text(text, names=True))


def found_in(text: str, scan: Scan) -> Iterator[Span]:
    """The findings of a text of any size, scanned piece by piece with some of its neighbours around each piece.

    A finding belongs to the piece in which it begins. A terminal shows a bar while a large text is scanned.
    """
    starts: Iterable[int] = range(0, len(text), _PIECE)
    if len(text) > 4 * _PIECE:
        starts = track(list(starts), "scanning", console=_stderr, transient=True, disable=not _stderr.is_terminal)
    reached = 0
    for start in starts:
        left = max(0, start - _BEFORE)
        for span in scan(text[left : start + _PIECE + _AFTER]):
            at, end = span.start + left, span.end + left
            if start <= at < start + _PIECE and at >= reached:
                reached = end
                yield Span(span.type, at, end, span.score)


class _View:
    """Findings as they are shown: with class, place, and whether their score counts."""

    def __init__(self, text: str, policy: Policy, threshold: float | None, spans: Sequence[Span]) -> None:
        self.text = text
        self.spans = spans
        self.classes = [policy.class_of(span.type) for span in spans]
        self.counts = [span.score >= _threshold(span.type, policy, threshold) for span in spans]
        self._lines = Lines(text)

    def any_of(self, least: DataClass) -> bool:
        """Whether a finding that counts is of this class or a stricter one."""
        return any(
            counts and _reaches(data_class, least) for counts, data_class in zip(self.counts, self.classes, strict=True)
        )

    def strictest(self) -> DataClass:
        """The class of the text by what counts."""
        return next(name for name in reversed(_ORDER) if name == "public" or self.any_of(name))

    def rows(self, *, show: bool) -> Iterator[dict[str, Any]]:
        """One row for each finding."""
        for span, data_class, counts in zip(self.spans, self.classes, self.counts, strict=True):
            line, column = self._lines.place(span.start)
            row = {
                "type": span.type,
                "line": line,
                "column": column,
                "start": span.start,
                "end": span.end,
                "score": span.score,
                "class": data_class,
                "counts": counts,
            }
            yield row | {"text": self.text[span.start : span.end]} if show else row

    def as_data(self, engine: str, *, show: bool) -> dict[str, Any]:
        """For programs."""
        return {
            "engine": engine,
            "class": self.strictest(),
            "types": {finding.type: finding.count for finding in tally(s._replace(score=0.0) for s in self.spans)},
            "findings": list(self.rows(show=show)),
        }


def _threshold(kind: str, policy: Policy, given: float | None) -> float:
    thresholds = policy.residency.thresholds
    return given if given is not None else thresholds.get(kind, thresholds.get("default", _DEFAULT_THRESHOLD))


def _print(view: _View, *, show: bool) -> None:
    if not view.spans:
        console.print("nothing found", highlight=False)
        return
    if console.is_terminal:
        for line in highlighted(view.text, view.spans, view.classes):
            console.print(line, highlight=False, soft_wrap=True)
    rows = [
        row | {"place": f"{row['line']}:{row['column']}", "counts": "yes" if row["counts"] else "no"}
        for row in view.rows(show=show)
    ]
    print_rows(rows, (*_COLUMNS, "text") if show else _COLUMNS, as_json=False)
    console.print(f"{len(rows)} found; the text is [bold]{view.strictest()}[/]", highlight=False)
