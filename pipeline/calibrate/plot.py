"""The reliability curve: how often answers were right, by how probable that was said to be."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from pipeline.errors import InvalidRequest, PartMissing

__all__ = ["Bin", "bins_of", "draw", "draw_curve", "save"]

_BINS: Final = 12


class Bin(NamedTuple):
    """Answers that were said to be right with the mean probability `said`, and of which the share `came` was."""

    said: float
    came: float
    answers: int


def bins_of(points: Sequence[tuple[float, bool]], bins: int = _BINS) -> list[Bin]:
    """Bins of about as many answers each, from the least probable on."""
    if not points:
        return []
    table = np.array(sorted((said, float(came)) for said, came in points))
    parts = np.array_split(table, min(bins, max(1, len(table) // 10)))
    return [Bin(float(part[:, 0].mean()), float(part[:, 1].mean()), len(part)) for part in parts if len(part)]


def draw(points: Sequence[tuple[float, bool]], threshold: float | None, width: int = 72, height: int = 20) -> str:
    """The curve as text for a terminal, without colours.

    Raises:
        PartMissing: plotext is not installed.
    """
    try:
        import plotext
    except ImportError as error:
        raise _missing("plotext") from error
    bins = bins_of(points)
    shown = [plotext.figure.signal([each.said for each in bins], [each.came for each in bins], marker="o")]
    return _drawn(plotext, shown, threshold, "said to be right (o: share right, dots: as said", (width, height))


def draw_curve(of: Callable[[float], float], threshold: float | None, width: int = 72, height: int = 20) -> str:
    """What a curve makes of scores, as text for a terminal; the threshold is one of probability.

    Raises:
        PartMissing: plotext is not installed.
    """
    try:
        import plotext
    except ImportError as error:
        raise _missing("plotext") from error
    x = [step / 100 for step in range(101)]
    shown = [plotext.figure.signal(x, [of(score) for score in x], marker="o")]
    return _drawn(plotext, shown, threshold, "score (o: probability, dots: unchanged", (width, height), across=True)


def _drawn(
    plotext: Any, shown: list[Any], threshold: float | None, label: str, size: tuple[int, int], *, across: bool = False
) -> str:
    """Signals over the diagonal, with the threshold upright or across."""
    plot = plotext.figure
    plot.clear()
    plot.plot_size(*size)
    plot.draw(plot.segment((0, 1), (0, 1), marker="."))
    for signal in shown:
        plot.draw(signal)
    told = ""
    if threshold is not None:
        plot.line(threshold, "h" if across else "v")
        told = f"; the {'level' if across else 'upright'} line is the threshold, {threshold:.3f}"
    plot.ruler("x").lim(0, 1)
    plot.ruler("y").lim(0, 1)
    # Below the plot rather than as its label, which would be cut off where it is too long.
    return f"{plotext.uncolorize(str(plot.build())).rstrip()}\n{label}{told})"


def save(file: Path, points: Sequence[tuple[float, bool]], thresholds: dict[str, float], title: str) -> None:
    """The curve as a picture: PNG, SVG or PDF, by the ending of the name.

    Raises:
        InvalidRequest: the picture cannot be written.
        PartMissing: matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise _missing("matplotlib") from error
    mpl.use("Agg")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 5.6), layout="constrained")
    axes = figure.subplots()
    bins = bins_of(points)
    axes.plot([0, 1], [0, 1], color="0.6", linestyle="--", label="as said")
    axes.plot([each.said for each in bins], [each.came for each in bins], marker="o", label="as it came")
    for number, (name, value) in enumerate(sorted(thresholds.items())[:8]):
        axes.axvline(value, color=f"C{number + 1}", linewidth=1, label=f"threshold of {name}: {value:.3f}")
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="probability of being right", ylabel="share right", title=title)
    axes.legend(fontsize="small")
    try:
        figure.savefig(file, dpi=150)
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"{file}: the picture cannot be written: {error}") from None


def _missing(what: str) -> PartMissing:
    return PartMissing(f"{what} is not installed, and curves are drawn with it; install the extra `train`")
