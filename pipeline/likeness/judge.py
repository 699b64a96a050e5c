"""Whether the answer to a remembered question may serve a new one. Pure.

The cosine of two questions only finds candidates: questions that differ in one number or one `not` are nearer to each
other than most that mean the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.likeness.features import measured
from pipeline.likeness.objections import objections
from pipeline.likeness.pair import Pair, beside
from pipeline.likeness.reading import Reading, read
from pipeline.likeness.weights import BUILTIN, Weights

__all__ = ["Verdict", "best", "judge"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether they have one answer, how surely, and what speaks against it. Holds no text of anybody."""

    same: bool
    confidence: float
    objections: tuple[str, ...] = ()


def judge(
    new: str | Reading,
    remembered: str | Reading,
    similarity: float,
    *,
    language: str | None = None,
    remembered_language: str | None = None,
    margin: float | None = None,
    weights: Weights = BUILTIN,
) -> Verdict:
    """Judge one candidate. Never raises, whatever the texts.

    Args:
        new: the question that is asked now: the last message of the user alone.
        remembered: the question whose answer is remembered.
        similarity: their cosine.
        language: the language of the new one; where both are known they must agree.
        remembered_language: that of the other one.
        margin: how much nearer it is than the next candidate; None: unknown.
        weights: what each measure weighs.
    """
    first = read(new) if isinstance(new, str) else new
    second = read(remembered) if isinstance(remembered, str) else remembered
    if first.plain == second.plain and first.layout == second.layout:
        return Verdict(bool(first.plain), 1.0 if first.plain else 0.0, () if first.plain else ("length",))
    if language and remembered_language and language != remembered_language:
        return Verdict(False, 0.0, ("language",))
    pair = beside(first, second)
    found = objections(pair, weights.checks)
    if found:
        return Verdict(False, 0.0, found)
    sure = confidence(pair, similarity, margin or 0.0, weights)
    return Verdict(sure >= weights.threshold, sure, () if sure >= weights.threshold else ("unsure",))


def confidence(pair: Pair, similarity: float, margin: float, weights: Weights) -> float:
    """The sum of what was measured, as a share."""
    return weights.sure(measured(pair, similarity, margin), pair.marks)


def best(
    new: str | Reading,
    candidates: Sequence[tuple[str | Reading, float]],
    *,
    weights: Weights = BUILTIN,
) -> tuple[int | None, Verdict]:
    """Judge candidates with their cosines: the place of the surest that is the same, and what was judged of it.

    Where none is, the verdict is that of the nearest.
    """
    first = read(new) if isinstance(new, str) else new
    chosen: tuple[int | None, Verdict] = (None, Verdict(False, 0.0, ("absent",)))
    for place, ((remembered, similarity), margin) in enumerate(zip(candidates, margins(candidates), strict=True)):
        verdict = judge(first, remembered, similarity, margin=margin, weights=weights)
        if verdict.same and (chosen[0] is None or verdict.confidence > chosen[1].confidence):
            chosen = (place, verdict)
        elif place == 0 and chosen[0] is None:
            chosen = (None, verdict)
    return chosen


def margins(candidates: Sequence[tuple[str | Reading, float]]) -> list[float]:
    """How much nearer each candidate is than the nearest of the others; 0 where it is the only one."""
    cosines = sorted((similarity for _, similarity in candidates), reverse=True)
    if len(cosines) < 2:
        return [0.0] * len(cosines)
    return [own - (cosines[1] if own == cosines[0] else cosines[0]) for _, own in candidates]
