"""What the run says: right answers and time of the three ways, with intervals over the questions.

Beside them, where the small model was asked alone too, the *oracle*: a cascade that knows beforehand which drafts will
be right, keeps those, and asks the large model at once for all others. It shows what could be reached at all with these
two models on these questions; no gate drafts less in vain. It pays the check of a kept draft and nothing else.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from evaluation.live.asking import WAYS, Answer, Way
from evaluation.live.cases import KINDS

__all__ = ["ORACLE", "ROUNDS", "summary"]

ROUNDS: Final = 2000
"""Of the bootstrap over questions."""
ORACLE: Final = ("quality_oracle", "time_oracle", "cost_oracle")
_RATIOS: Final = ("quality", "time", "cost", *ORACLE)


def summary(answers: Sequence[Answer], *, seed: int = 7) -> dict[str, Any]:
    """Figures of the whole and of each kind of question. Ratios are against the large model alone.

    Intervals hold 95 % of the bootstrap: questions are drawn with replacement, each with its three answers. Without the
    small model alone there is no oracle, and none of its keys.
    """
    asked = {answer.way for answer in answers}
    by_way = {way: sorted((a for a in answers if a.way == way), key=lambda a: a.place) for way in WAYS if way in asked}
    kinds = [answer.case.kind for answer in by_way["cascade"]]
    told = {kind: _ratios(by_way, [place for place, own in enumerate(kinds) if own == kind]) for kind in KINDS}
    everything = list(range(len(kinds)))
    whole = _ratios(by_way, everything)
    random = np.random.default_rng(seed)
    draws = [_ratios(by_way, random.choice(everything, len(everything)).tolist()) for _ in range(ROUNDS)]
    for name in (each for each in _RATIOS if each in whole):
        values = [draw[name] for draw in draws if draw[name] is not None]
        low, high = np.quantile(values, [0.025, 0.975]) if values else (None, None)
        whole[f"{name}_interval"] = None if low is None else [round(float(low), 3), round(float(high), 3)]
    return {"questions": len(kinds), "all": whole, "kinds": told}


def _ratios(by_way: Mapping[Way, Sequence[Answer]], places: Sequence[int]) -> dict[str, Any]:
    chosen: dict[str, list[Answer]] = {way: [found[place] for place in places] for way, found in by_way.items()}
    if "small" in chosen:
        chosen["oracle"] = _in_hindsight(chosen["small"], chosen["large"])
    right = {way: sum(answer.right for answer in found) for way, found in chosen.items()}
    seconds = {way: sum(answer.seconds for answer in found) for way, found in chosen.items()}
    usd = {way: sum(answer.cost_usd or 0.0 for answer in found) for way, found in chosen.items()}
    number = max(1, len(places))
    told: dict[str, Any] = {
        "questions": len(places),
        **{f"right_{way}": right[way] for way in chosen},
        **{f"seconds_{way}": round(seconds[way], 2) for way in chosen},
        "escalated": round(sum(answer.escalated for answer in chosen["cascade"]) / number, 3),
        "drafts_skipped": round(sum(_skipped(answer) for answer in chosen["cascade"]) / number, 3),
    }
    for way, mark in (("cascade", ""), ("oracle", "_oracle")):
        if way in chosen:
            for name, of in (("quality", right), ("time", seconds), ("cost", usd)):
                told[f"{name}{mark}"] = round(of[way] / of["large"], 3) if of["large"] else None
    return told


def _in_hindsight(small: Sequence[Answer], large: Sequence[Answer]) -> list[Answer]:
    """The small model's answer where it was right, and elsewhere the large one's."""
    return [draft if draft.right else best for draft, best in zip(small, large, strict=True)]


def _skipped(answer: Answer) -> bool:
    return answer.record is not None and answer.record.skipped is not None
