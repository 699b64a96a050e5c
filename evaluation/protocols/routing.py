"""H1: which drafts to escalate. Orders of recorded drafts by the product's scores, held against simple recipes.

The primary figure is the mean APGR over twelve pairs of models. Everything learned is learned from other questions, the
baselines too. Further pairs stand beside them and are not counted: they are few, or near to others.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from evaluation.bootstrap import interval
from evaluation.data import Absent, Folder, sentence
from evaluation.protocols import functions_pair
from evaluation.protocols.choices import answers, probabilities
from evaluation.protocols.pairs import Compared, Pair, compared, costs, curves, figures, row
from evaluation.protocols.routing_prompts import big_bench, llama, mmlu, mtbench
from evaluation.protocols.routing_solutions import gsm8k, verifiers
from evaluation.report import Figure, Options, Report

__all__ = ["COUNTED", "run"]

Source = Callable[[Folder, Folder, Options], list[Pair]]

COUNTED: Final = 12
MARK: Final = 0.76
GOAL: Final = 0.85
MARKS: Final = {"GSM8K Mixtral → GPT-4": (36.0, 30.0), "MMLU Mixtral → GPT-4": (58.0, 50.0)}
"""CPT80 in %, mark and goal, by the name of the pair."""
_CHARGED: Final = (
    "costs are in prices of a strong answer for each request; a second opinion costs one weak answer (c_w) of the pair "
    "and is charged for every request; APGR charged: the opinions are paid out of the same budget as the escalations"
)


def run(fit: Folder, data: Folder, options: Options) -> Report:
    """Measure all pairs whose sets are there. Raises `Absent` where none is."""
    pairs, notes = _pairs(fit, data, options)
    if not pairs:
        raise Absent("; ".join(notes))
    options.step("intervals")
    found = [compared(pair, options) for pair in pairs]
    counted = [each for each in found if each.pair.counted]
    told = [_mean(counted)] if counted else []
    for each in found:
        told += figures(each, options, MARKS)
    if counted and len(counted) != COUNTED:
        notes.append(f"the mean is over {len(counted)} pairs of {COUNTED}, so it is not the figure of the mark")
    return Report(
        protocol="H1",
        title="Which drafts to escalate: recovered part of the strong model's lead, by share escalated",
        figures=tuple(told),
        tables={
            "pairs, at the share escalated": [row(each) for each in found],
            "costs, second opinions charged": [costs(each) for each in found],
            "what each second opinion adds (cross-validated on the rows learned from)": [
                step for each in found for step in each.pair.steps
            ],
        },
        curves={pair.name: curves(pair) for pair in pairs},
        axes=("share escalated", "recovered part of the lead"),
        notes=(_CHARGED, *notes),
    )


def _mean(counted: list[Compared]) -> Figure:
    ours, baseline = (float(np.mean([getattr(each, name).apgr for each in counted])) for name in ("ours", "baseline"))
    drawn = np.mean([each.drawn for each in counted], axis=0)
    others = np.mean([each.baseline_drawn for each in counted], axis=0)
    return Figure(
        f"mean APGR over {len(counted)} pairs",
        ours,
        *interval(drawn),
        baseline,
        ours - baseline,
        *interval(drawn - others),
        mark=MARK if len(counted) == COUNTED else None,
        rows=sum(len(each.pair.weak) for each in counted),
        goal=GOAL if len(counted) == COUNTED else None,
    )


def _pairs(fit: Folder, data: Folder, options: Options) -> tuple[list[Pair], list[str]]:
    pairs: list[Pair] = []
    notes: list[str] = []
    for source in _SOURCES:
        try:
            pairs += source(fit, data, options)
        except Absent as missing:
            notes.append(f"left out: {missing}")
        except Exception as broken:  # noqa: BLE001  one set that is odd does not lose the others
            notes.append(f"left out: {sentence(broken)}")
    return pairs, notes


_SOURCES: Final[tuple[Source, ...]] = (
    lambda fit, data, options: [gsm8k(fit, data, options)],
    lambda fit, data, options: [mmlu(fit, data, options)],
    lambda fit, data, options: [big_bench(fit, data, options)],
    probabilities,
    answers,
    functions_pair.pairs,
    lambda fit, data, options: [mtbench(fit, data, options)],
    lambda fit, data, options: [llama(fit, data, options)],
    lambda fit, data, options: [verifiers(fit, data, options)],
)
