"""The file of a calibrator: what makes a probability of the signals of an answer, and what its threshold promises."""

from pipeline.confidence.curves import CLIP
from pipeline.policy.calibration.calibrator import Calibrator, Threshold
from pipeline.policy.calibration.gate import Gate, Length, Promise, Segment, Signal, TaskSegment
from pipeline.policy.calibration.platt import Curve, platt
from pipeline.policy.calibration.reading import BrokenFile, read_calibrator
from pipeline.policy.calibration.sentences import nothing_promised, promised

__all__ = [
    "CLIP",
    "BrokenFile",
    "Calibrator",
    "Curve",
    "Gate",
    "Length",
    "Promise",
    "Segment",
    "Signal",
    "TaskSegment",
    "Threshold",
    "nothing_promised",
    "platt",
    "promised",
    "read_calibrator",
]
