"""What a threshold promises, in a sentence."""

from typing import Final

from pipeline.policy.calibration.gate import Promise, Rule, Segment

__all__ = ["nothing_promised", "promised"]

_MOST: Final = "at most {rate} of 100 answers"
_SURE: Final = "with confidence {sure} %"
_TEXTS: Final[dict[Rule, str]] = {
    "joint": f"{_MOST} are wrong and kept, {_SURE}",
    "cost": f"{_MOST} are wrong and kept, {_SURE}, and the threshold is the cheapest that keeps this",
    "expected": "over many calibrations {rate} of 100 answers are wrong and kept on the average; any one may exceed it",
    "precision": f"at most {{rate}} of 100 kept answers are wrong, {_SURE}",
    "relative": f"{_MOST} are lost against having the large model answer everything, {_SURE}",
    "floor": f"answers are right at least {{floor}} % as often as the large model's, {_SURE}",
}


def promised(promise: Promise) -> str:
    """What is asked of a threshold, and promised where there is one."""
    rate, sure = f"{100 * promise.alpha:.4g}", f"{100 * (1 - promise.delta):.4g}"
    return _TEXTS[promise.rule].format(rate=rate, sure=sure, floor=f"{100 * (1 - promise.alpha):.4g}")


def nothing_promised(segment: Segment, whose: str) -> str:
    """Why everything escalates there."""
    if segment.promise is None:
        return f"everything escalates: there are no labels of {whose} to promise anything by"
    why = segment.promise.why or "nothing can be promised"
    return f"everything escalates: for {whose} it cannot be promised that {promised(segment.promise)}: {why}"
