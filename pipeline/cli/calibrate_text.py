"""What a calibration came to, as tables, sentences and a curve."""

from collections.abc import Iterator
from typing import Any, Final

from pipeline.calibrate.gate import Calibration, Row
from pipeline.calibrate.plot import bins_of, draw, draw_curve
from pipeline.cli.show import console, print_rows
from pipeline.errors import PartMissing
from pipeline.policy.calibration import Calibrator, Gate, Segment, Signal, nothing_promised, platt, promised

__all__ = ["as_data", "curve_of", "score_of", "segment_row", "sentence", "show_calibration"]

_LOOSE: Final = (
    "later: the newest fifth of the labels, which nothing was set by. They do not refute a promise where nothing is "
    "said of it here; they are too few to prove it once more (--strict asks for that)"
)
_STRICT: Final = (
    "later: the newest fifth of the labels, which nothing was set by. They prove each promise once more where nothing "
    "else is said of it here (--strict)"
)
COLUMNS = ("segment", "labels", "ECE before", "ECE after", "threshold", "kept", "errors", "worth", "later")


def show_calibration(made: Calibration) -> None:
    """Print all of it."""
    _say(f"score: {score_of(made.gate)}")
    for told in (*made.dropped, made.gate.lost):
        if told:
            _say(told)
    rows = [{**segment_row(row.name, row.segment), **_measured(row)} for row in made.rows]
    print_rows(rows, COLUMNS, as_json=False, whole=("segment",))
    for row in made.rows:
        _say(f"{row.name}: {sentence(row.segment, row.name)}")
        if row.contradicted:
            _say(f"{row.name}: {_against(row, strict=made.strict)}")
    _say(_STRICT if made.strict else _LOOSE)
    thresholds = {row.segment.threshold for row in made.rows}
    _curve(list(made.points), thresholds.pop() if len(thresholds) == 1 else None)


def _against(row: Row, *, strict: bool) -> str:
    """What the later labels of a segment say."""
    found = f"of {row.later} later labels {row.later_errors} are wrong and kept"
    return f"{found}: alone they do not prove what it promises" if strict else f"{found}, more than it promises"


def _curve(points: list[tuple[float, bool]], threshold: float | None) -> None:
    """Draw the reliability curve, where it can be drawn."""
    try:
        console.print(draw(points, threshold), highlight=False, markup=False, crop=False, no_wrap=True)
    except PartMissing as missing:
        _say(str(missing))


def curve_of(calibrator: Calibrator) -> None:
    """Draw what the calibrator makes of a score, with the threshold of requests without a task."""
    file = calibrator.file
    of = file.curve.probability if isinstance(file, Gate) else (lambda score: platt(score, file.slope, file.intercept))
    try:
        threshold = file.threshold if isinstance(file, Gate) else None
        console.print(draw_curve(of, threshold), highlight=False, markup=False, crop=False, no_wrap=True)
    except PartMissing as missing:
        _say(str(missing))


def segment_row(name: str, segment: Segment) -> dict[str, Any]:
    """A segment of a file as a row."""
    promise = segment.promise
    kept = promise is not None and segment.threshold is not None
    return {
        "segment": name,
        "labels": segment.labels,
        "curve": segment.curve.document()["kind"],
        "threshold": f"{segment.threshold:.4f}" if segment.threshold is not None else "escalate all",
        "kept": f"{100 * promise.kept:.1f} %" if promise is not None and kept else "0 %",
        "errors": f"{promise.errors} of {promise.n}" if promise is not None and kept else "",
        "worth": _worth(segment),
        "right": None if segment.right is None else f"{segment.right:.3f}",
    }


def sentence(segment: Segment, name: str) -> str:
    """What is promised of a segment, or why nothing is."""
    if segment.threshold is None or segment.promise is None:
        return nothing_promised(segment, name)
    worth = _worth(segment)
    implied = f"; a right answer is taken to be worth {worth} calls of the large model" if worth else ""
    return f"{promised(segment.promise)}{implied}"


def score_of(gate: Gate) -> str:
    """What the probabilities are made of, in words."""
    return f"the signal {gate.score.name}" if isinstance(gate.score, Signal) else "learned from all signals"


def as_data(made: Calibration) -> dict[str, Any]:
    """The same for programs."""
    return {
        "holds": made.holds,
        "strict": made.strict,
        "score": score_of(made.gate),
        "lost": made.gate.lost,
        "dropped": list(made.dropped),
        "segments": list(_segments(made)),
        "reliability": [each._asdict() for each in bins_of(made.points)],
        "gate": made.gate.model_dump(mode="json"),
    }


def _segments(made: Calibration) -> Iterator[dict[str, Any]]:
    for row in made.rows:
        promise = row.segment.promise
        yield {
            "task": row.task,
            "tenant": row.tenant,
            "labels": row.labels,
            "ece_before": row.error_before,
            "ece_after": row.error_after,
            "threshold": row.segment.threshold,
            "promise": None if promise is None else promise.model_dump(mode="json"),
            "sentence": sentence(row.segment, row.name),
            "later": row.later,
            "later_errors": row.later_errors,
            "contradicted": row.contradicted,
        }


def _measured(row: Row) -> dict[str, Any]:
    return {
        "labels": row.labels,
        "ECE before": f"{row.error_before:.3f}",
        "ECE after": f"{row.error_after:.3f}",
        "later": f"{row.later_errors} of {row.later}{', does not hold' if row.contradicted else ''}",
    }


def _worth(segment: Segment) -> str:
    value = segment.promise.value if segment.promise is not None else None
    return "" if value is None else f"{value:.1f}"


def _say(text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)
