"""Curves of reports: as PNG files, and drawn into the terminal."""

import re
from pathlib import Path
from typing import Final

from evaluation.report import Curve, Report

__all__ = ["draw", "save"]

_LOOKS: Final = {
    "random": ("#888888", "--"),
    "baseline": ("#d08700", "-"),
    "ours": ("#1464c8", "-"),
    "oracle": ("#2a9d3f", ":"),
}
_MARKS: Final = {"random": ".", "baseline": "b", "ours": "o", "oracle": "*"}
_COLUMNS: Final = 78
_LINES: Final = 20


def save(report: Report, folder: Path) -> list[Path]:
    """Write one PNG for each plot of the report into the folder, which is made where it is not there."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for title, curves in report.curves.items():
        figure, axes = pyplot.subplots(figsize=(6.4, 4.4), layout="constrained")
        for curve in curves:
            color, style = _LOOKS.get(curve.name.split(":")[0], (None, "-"))
            axes.plot(curve.x, curve.y, color=color, linestyle=style, label=curve.name)
        axes.set(title=title, xlabel=report.axes[0], ylabel=report.axes[1])
        axes.grid(alpha=0.3)
        axes.legend()
        file = folder / f"{report.protocol}-{_slug(title)}.png".lower()
        figure.savefig(file, dpi=120)
        pyplot.close(figure)
        made.append(file)
    return made


def draw(report: Report) -> str:
    """All plots of the report as text."""
    return "\n\n".join(_drawn(title, curves, report.axes) for title, curves in report.curves.items())


def _drawn(title: str, curves: tuple[Curve, ...], axes: tuple[str, str]) -> str:
    import plotext

    plot = plotext.figure
    plot.clear()
    plot.plot_size(_COLUMNS, _LINES)
    marks = []
    for curve in curves:
        mark = _MARKS.get(curve.name.split(":")[0], "-")
        marks.append(f"{mark} {curve.name}")
        plot.draw(plot.signal(list(curve.x), list(curve.y), marker=mark))
    text = plotext.uncolorize(str(plot.build())).rstrip()
    return f"{title}\n{text}\n{axes[1]} by {axes[0]}: {', '.join(marks)}"


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
