"""Labels of the fitting half, and the calibrator that the product makes of them."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import orjson

from evaluation.live.asking import Answer
from pipeline.calibrate.gate import Calibration, Settings, calibrate
from pipeline.calibrate.labels import Label
from pipeline.calibrate.rules import Asked

__all__ = ["ASKED", "Made", "calibrator", "labels", "read_labels", "write_labels"]

ASKED: Final = Asked(rule="expected", alpha=0.1)
"""160 labels in four segments are too few for a promise with confidence: this one holds on average, and says so."""


@dataclass(frozen=True, slots=True)
class Made:
    """The file of the calibrator, and what was said of it, a line for each segment."""

    body: bytes
    told: tuple[str, ...]


def labels(small: Sequence[Answer], large: Sequence[Answer]) -> list[Label]:
    """Signals of each draft, whether it was right, and whether the large model was."""
    return [
        Label(
            key=f"{draft.case.kind}-{draft.place}",
            right=draft.right,
            confidence=draft.record.confidence,
            signals=draft.record.signals,
            task=draft.case.kind,
            large_right=best.right,
        )
        for draft, best in zip(small, large, strict=True)
        if draft.record is not None
    ]


def calibrator(found: Sequence[Label]) -> Made:
    """Fit it as `stepwell calibrate` does."""
    settings = Settings(ASKED, source="the fitting half of the live questions", day=time.strftime("%Y-%m-%d"))
    made = calibrate(found, settings)
    return Made(made.gate.model_dump_json().encode(), tuple(_told(made)))


def write_labels(found: Sequence[Label], file: Path | None) -> None:
    """As JSON lines; nowhere where there is no file."""
    if file is not None:
        file.write_bytes(b"".join(orjson.dumps(asdict(label)) + b"\n" for label in found))


def read_labels(file: Path) -> list[Label]:
    """What `write_labels` wrote."""
    return [Label(**orjson.loads(line)) for line in file.read_bytes().splitlines()]


def _told(made: Calibration) -> list[str]:
    return [
        f"{row.name}: {row.labels} labels, "
        + (
            "everything escalates"
            if row.segment.threshold is None
            else f"stays from {row.segment.threshold:.3f} on, {row.segment.promise.kept:.0%} expected to"
            if row.segment.promise
            else ""
        )
        for row in made.rows
    ]
