"""`stepwell pii scan` shows what the scanner finds in a text, and which class the policy in force gives it."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.progress import Progress

from pipeline.adapters.pii.child import Engines
from pipeline.adapters.pii.spans import Span, tally
from pipeline.adapters.pii.steps import Ask, Scanned, Steps, drive
from pipeline.cli.pii_text import Lines, highlighted, read
from pipeline.cli.show import beside, console, errors_end_with, print_json, print_rows, say
from pipeline.contracts import DataClass
from pipeline.embedded.options import default_policies
from pipeline.errors import InvalidRequest, NotFound, PartMissing
from pipeline.policy import Policy
from pipeline.policy.load import load_folder
from pipeline.settings import Settings

__all__ = ["register"]

_ORDER: Final[tuple[DataClass, ...]] = ("public", "internal", "confidential", "restricted")
_DEFAULT_THRESHOLD: Final = 0.5
_FOUND: Final = 1
_NOT_LOOKED: Final = 2
_COLUMNS: Final = ("type", "place", "score", "class", "counts")
_LARGE: Final = 262_144
"""Characters from which a terminal shows how far the scan is."""


def register(group: typer.Typer) -> None:
    """Add the verb."""
    group.command("scan")(scan_command)


@errors_end_with(_NOT_LOOKED)
def scan_command(
    files: Annotated[list[str], typer.Argument(help="Text files in UTF-8, or - for standard input.")],
    names: Annotated[bool, typer.Option(help="Look for people, places and organisations too.")] = True,
    show: Annotated[bool, typer.Option("--show", help="Show each finding with its text.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="JSON for programs: an object, or a list of them for several files.")
    ] = False,
    threshold: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Score from which a finding counts; by policy otherwise.")
    ] = None,
    min_class: Annotated[str, typer.Option(help="Show only findings of this class or a stricter one.")] = "public",
    fail_on: Annotated[
        str | None, typer.Option(help="End with 1 when a finding that counts is of this class or a stricter one.")
    ] = None,
    policies: Annotated[
        Path | None,
        typer.Option(help="Folder of policies; STEPWELL_POLICIES, ./policies or the set that ships otherwise."),
    ] = None,
) -> None:
    """Show which personal data and credentials texts hold, where, and of which class under the policy.

    A terminal shows the text in colours; a pipe or a file gets places and never text, unless --show asks for it.
    Nothing leaves this machine. The exit code is 2 when a text could not be looked at.

    Example: stepwell pii scan letter.txt

    Example: git diff | stepwell pii scan - --no-names --fail-on restricted

    Example: stepwell pii scan chat.log notes.md --min-class confidential --json
    """
    least, worst = _class(min_class), _class(fail_on) if fail_on is not None else None
    if files.count("-") > 1:
        raise InvalidRequest("standard input can be read once: name - once")
    policy = load_folder(_folder(policies), os.environ)
    scan = _Scan(policy, threshold, least, names=names)
    views = [view for file in files if (view := scan.view(file)) is not None]
    if as_json:
        told = [view.as_data(show=show) for view in views]
        if len(files) > 1 or told:
            print_json(told if len(files) > 1 else told[0])
    else:
        for view in views:
            _print(view, show=show, titled=len(files) > 1)
    if len(views) < len(files):
        raise typer.Exit(_NOT_LOOKED)
    if worst is not None and any(view.any_of(worst) for view in views):
        raise typer.Exit(_FOUND)


def _folder(given: Path | None) -> Path:
    """Where the policies stand: as asked for, as the environment says, or as for `stepwell up`."""
    if given is not None:
        return given
    return Settings.from_environment().policies if os.environ.get("STEPWELL_POLICIES") else default_policies()


def _class(name: str) -> DataClass:
    for known in _ORDER:
        if known == name:
            return known
    raise InvalidRequest(f"{name} is no data class: write one of {', '.join(_ORDER)}")


def _reaches(data_class: DataClass, least: DataClass) -> bool:
    return _ORDER.index(data_class) >= _ORDER.index(least)


class _Scan:
    """Scans as the scan process of a worker does, here in this process."""

    def __init__(self, policy: Policy, threshold: float | None, least: DataClass, *, names: bool) -> None:
        self._policy = policy
        self._threshold = threshold
        self._least = least
        self._names = names
        self._languages = policy.residency.scan.languages
        self._engines = Engines()

    def view(self, file: str) -> "_View | None":
        """What a file holds; None, and a sentence on standard error, when it cannot be looked at."""
        try:
            given = read(file)
            scanned = self._scanned(given.text)
        except (NotFound, InvalidRequest) as error:
            say(error)
            return None
        if given.broken:
            beside.print(f"{given.broken} places are no UTF-8 and were read as �", highlight=False, style="yellow")
        if not scanned.covered:
            beside.print(f"names are not known here in all of: {', '.join(scanned.languages)}", style="yellow")
        spans = [span for span in scanned.spans if _reaches(self._policy.class_of(span.type), self._least)]
        about = {"file": file, "engine": self._engines.version, "names_covered": self._names and scanned.covered}
        return _View(given.text, self._policy, self._threshold, spans, about)

    def _scanned(self, text: str) -> Scanned:
        if self._names and self._engines.lacks(self._languages):
            try:
                self._engines.load(self._languages)
            except ImportError as error:
                raise PartMissing(f"{error.name} is not installed: install it, or scan with --no-names") from None
        steps = self._engines.steps(text, names=self._names, languages=self._languages)
        shown = len(text) > _LARGE and beside.is_terminal
        with Progress(console=beside, transient=True, disable=not shown) as bar:
            task = bar.add_task("scanning", total=len(text))

            def answer(ask: Ask) -> Any:
                bar.update(task, description="looking for names")
                return self._engines.entities([ask])[0]

            return drive(_told(steps, lambda size: bar.advance(task, size)), answer)


def _told(steps: Steps, tell: Callable[[int], None]) -> Steps:
    """The same steps; `tell` hears how much each of them reads."""
    given = None
    while True:
        try:
            step = steps.send(given)
        except StopIteration as end:
            result: Scanned = end.value
            return result
        if isinstance(step, int):
            tell(step)
        given = yield step


class _View:
    """Findings as they are shown: with class, place, and whether their score counts."""

    def __init__(
        self, text: str, policy: Policy, threshold: float | None, spans: Sequence[Span], about: Mapping[str, Any]
    ) -> None:
        self.text = text
        self.about = about
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

    def as_data(self, *, show: bool) -> dict[str, Any]:
        """For programs."""
        return {
            "class": self.strictest(),
            "types": {finding.type: finding.count for finding in tally(s._replace(score=0.0) for s in self.spans)},
            "findings": list(self.rows(show=show)),
            **self.about,
        }


def _threshold(kind: str, policy: Policy, given: float | None) -> float:
    thresholds = policy.residency.thresholds
    return given if given is not None else thresholds.get(kind, thresholds.get("default", _DEFAULT_THRESHOLD))


def _print(view: _View, *, show: bool, titled: bool) -> None:
    if titled:
        console.print(view.about["file"], style="bold", highlight=False, markup=False, soft_wrap=True)
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
