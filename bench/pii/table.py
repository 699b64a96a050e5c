"""The rows of the tables of `eval` and `speed`: a measure, its value, its mark, and whether the mark is met."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

__all__ = ["Figure", "as_data", "missed", "print_figures"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One line. `mark` is `>= x` or `<= x`; a value of None was not measured, and `note` says why."""

    section: str
    measure: str
    value: float | None
    mark: str = ""
    count: int = 0
    interval: tuple[float, float] | None = None
    note: str = ""
    unit: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the value reaches the mark; None without mark or value."""
        if not self.mark or self.value is None:
            return None
        sign, _, bound = self.mark.partition(" ")
        return self.value >= float(bound) if sign == ">=" else self.value <= float(bound)


def as_data(figures: Iterable[Figure]) -> list[dict[str, Any]]:
    """For programs."""
    return [
        {
            "section": figure.section,
            "measure": figure.measure,
            "value": figure.value,
            "unit": figure.unit,
            "mark": figure.mark,
            "met": figure.met,
            "n": figure.count,
            "interval": figure.interval,
            "note": figure.note,
        }
        for figure in figures
    ]


def missed(figures: Iterable[Figure]) -> list[Figure]:
    """Those with a mark that is not reached."""
    return [figure for figure in figures if figure.met is False]


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    if unit in ("", "share"):
        return f"{value:.4f}".rstrip("0").rstrip(".") if 0 < abs(value) < 0.01 else f"{value:.3f}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _cells(figure: Figure) -> tuple[str, ...]:
    low_high = "–".join(f"{end:.3f}" for end in figure.interval) if figure.interval else ""
    met = {True: "met", False: "missed", None: "" if figure.value is not None else "skipped"}[figure.met]
    unit = "" if figure.unit == "share" else figure.unit
    value = f"{_number(figure.value, figure.unit)} {unit}".strip()
    mark = figure.mark.replace(">=", "≥").replace("<=", "≤")
    return (figure.measure, mark, value, low_high, str(figure.count or ""), met, figure.note)


def print_figures(figures: Sequence[Figure], *, markdown: bool = False) -> None:
    """All figures as a table, section by section."""
    if markdown:
        _print_markdown(figures)
        return
    console = Console(width=None if Console().is_terminal else 160, highlight=False)
    for section in dict.fromkeys(figure.section for figure in figures):
        table = Table(title=section, title_justify="left", title_style="bold")
        for name in ("measure", "mark", "value", "95 %", "n", "", "note"):
            table.add_column(name, justify="right" if name in ("value", "n", "mark") else "left", overflow="fold")
        for figure in figures:
            if figure.section == section:
                style = {True: "green", False: "red", None: ""}[figure.met]
                table.add_row(*map(escape, _cells(figure)), style=style)
        console.print(table)


def _print_markdown(figures: Sequence[Figure]) -> None:
    print("| measure | mark | value | 95 % | n | | |")
    print("|---|---|---|---|---|---|---|")
    for figure in figures:
        cells = _cells(figure)
        measure = cells[0] if figure.section == "marks" else f"{figure.section}: {cells[0]}"
        print("| " + " | ".join(cell.replace("|", "\\|") for cell in (measure, *cells[1:])) + " |")
