"""Reports for people: one table of figures, its further tables, and notes; and for programs: plain JSON."""

import math
from dataclasses import asdict
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from evaluation.report import Figure, Report

__all__ = ["plain", "reached", "show"]

_WIDTH: Final = 220
_PLACES: Final = 3


def show(report: Report, console: Console | None = None) -> None:
    """Print a report; what is no terminal gets the width that the tables need."""
    out = console or Console()
    if not out.is_terminal:
        out = Console(file=out.file, width=_WIDTH)
    out.print()
    out.print(f"[bold]{report.protocol}[/bold]  {report.title}")
    if report.figures:
        out.print(_figures(report.figures))
    for title, rows in report.tables.items():
        if rows:
            out.print(_table(title, rows))
    for note in report.notes:
        out.print(f"- {note}", highlight=False)


def reached(figure: Figure) -> str:
    """Whether the mark is reached, in words, and the goal where there is one."""
    if figure.met is None:
        return ""
    if figure.goal is not None and _at_least(figure, figure.goal):
        return "goal reached"
    if figure.met:
        return "reached"
    return f"missed by {_number(abs(figure.ours - (figure.mark or 0.0)))}"


def plain(report: Report) -> dict[str, Any]:
    """A report as plain values; what is no number is null."""
    told = asdict(report)
    for figure, own in zip(told["figures"], report.figures, strict=True):
        figure["met"] = own.met
    return dict(_finite(told))


def _figures(figures: tuple[Figure, ...]) -> Table:
    table = Table(show_edge=False, pad_edge=False, header_style="bold")
    table.add_column("figure")
    for heading in ("rows", "ours [95 %]", "baseline", "difference [95 %]", "mark", "goal"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")
    for figure in figures:
        table.add_row(
            figure.name,
            str(figure.rows) if figure.rows else "",
            _between(figure.ours, figure.low, figure.high),
            _number(figure.baseline),
            _between(figure.over, figure.over_low, figure.over_high, "+"),
            _wanted(figure, figure.mark),
            _wanted(figure, figure.goal),
            reached(figure),
            style=None if figure.met is None else "green" if figure.met else "red",
        )
    return table


def _table(title: str, rows: list[dict[str, Any]]) -> Table:
    table = Table(title=title, title_justify="left", show_edge=False, pad_edge=False, header_style="bold")
    names = list(dict.fromkeys(name for row in rows for name in row))
    for name in names:
        words = any(isinstance(row.get(name), str) for row in rows)
        table.add_column(name, justify="left" if words else "right")
    for row in rows:
        table.add_row(*(_cell(row.get(name)) for name in names))
    return table


def _between(value: float | None, low: float | None, high: float | None, sign: str = "") -> str:
    if value is None:
        return ""
    if low is None or high is None:
        return _number(value, sign)
    return f"{_number(value, sign)} [{_number(low, sign)}, {_number(high, sign)}]"


def _wanted(figure: Figure, value: float | None) -> str:
    if value is None:
        return ""
    return f"{'≥' if figure.better == 'higher' else '≤'} {_number(value)}"


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return _number(value)
    return "" if value is None else str(value)


def _number(value: float | None, sign: str = "") -> str:
    if value is None or not math.isfinite(value):
        return "" if value is None else "-"
    return f"{value:{sign}.{_PLACES}f}" if abs(value) < 100 else f"{value:{sign}.0f}"


def _at_least(figure: Figure, wanted: float) -> bool:
    return figure.ours >= wanted if figure.better == "higher" else figure.ours <= wanted


def _finite(value: object) -> Any:
    if isinstance(value, dict):
        return {str(key): _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else value.item()  # type: ignore[attr-defined]
