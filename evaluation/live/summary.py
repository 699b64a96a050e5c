"""What the run says: right answers and time of the three ways, with intervals over the questions."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from evaluation.live.asking import WAYS, Answer, Way
from evaluation.live.cases import KINDS

__all__ = ["ROUNDS", "summary"]

ROUNDS: Final = 2000
"""Of the bootstrap over questions."""


def summary(answers: Sequence[Answer], *, seed: int = 7) -> dict[str, Any]:
    """Figures of the whole and of each kind of question. Ratios are against the large model alone.

    Intervals hold 95 % of the bootstrap: questions are drawn with replacement, each with its three answers.
    """
    asked = {answer.way for answer in answers}
    by_way = {way: sorted((a for a in answers if a.way == way), key=lambda a: a.place) for way in WAYS if way in asked}
    kinds = [answer.case.kind for answer in by_way["cascade"]]
    told = {kind: _ratios(by_way, [place for place, own in enumerate(kinds) if own == kind]) for kind in KINDS}
    everything = list(range(len(kinds)))
    whole = _ratios(by_way, everything)
    random = np.random.default_rng(seed)
    draws = [_ratios(by_way, random.choice(everything, len(everything)).tolist()) for _ in range(ROUNDS)]
    for name in ("quality", "time", "cost"):
        values = [draw[name] for draw in draws if draw[name] is not None]
        low, high = np.quantile(values, [0.025, 0.975]) if values else (None, None)
        whole[f"{name}_interval"] = None if low is None else [round(float(low), 3), round(float(high), 3)]
    return {"questions": len(kinds), "all": whole, "kinds": told}


def _ratios(by_way: Mapping[Way, Sequence[Answer]], places: Sequence[int]) -> dict[str, Any]:
    chosen = {way: [found[place] for place in places] for way, found in by_way.items()}
    right = {way: sum(answer.right for answer in found) for way, found in chosen.items()}
    seconds = {way: sum(answer.seconds for answer in found) for way, found in chosen.items()}
    usd = {way: sum(answer.cost_usd or 0.0 for answer in found) for way, found in chosen.items()}
    number = max(1, len(places))
    return {
        "questions": len(places),
        **{f"right_{way}": right[way] for way in chosen},
        **{f"seconds_{way}": round(seconds[way], 2) for way in chosen},
        "escalated": round(sum(answer.escalated for answer in chosen["cascade"]) / number, 3),
        "drafts_skipped": round(sum(_skipped(answer) for answer in chosen["cascade"]) / number, 3),
        "quality": round(right["cascade"] / right["large"], 3) if right["large"] else None,
        "time": round(seconds["cascade"] / seconds["large"], 3) if seconds["large"] else None,
        "cost": round(usd["cascade"] / usd["large"], 3) if usd["large"] else None,
    }


def _skipped(answer: Answer) -> bool:
    return answer.record is not None and answer.record.skipped is not None
