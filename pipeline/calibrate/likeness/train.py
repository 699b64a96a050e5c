"""Whether a learned guard may take the place of the one that comes along: both on questions that neither has seen."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.calibrate.folds import fold
from pipeline.calibrate.likeness.asked import Asked
from pipeline.calibrate.likeness.attack import hijacks
from pipeline.calibrate.likeness.learn import DELTA, learn
from pipeline.calibrate.likeness.measure import Hits, judged, pairs
from pipeline.confidence.bounds import binomial_cdf, least, upper
from pipeline.errors import InvalidRequest
from pipeline.likeness import Weights
from pipeline.policy.guards import GuardFile

__all__ = ["Rate", "Served", "Trained", "file_of", "train"]

_FOLDS: Final = 5
_FEWEST_KEYS: Final = 20
_LUCK: Final = 0.05
_MOST_HIJACKED: Final = 0.1
"""Of the attempts that may be served: an exchanged word is now and then one that asks nothing."""
_MOST_WORDS: Final = 15_000
_LONGEST_WORD: Final = 48


@dataclass(frozen=True, slots=True)
class Rate:
    """How many of how many, and between what the share lies with 95 % confidence (Clopper and Pearson)."""

    part: int
    whole: int

    @property
    def value(self) -> float | None:
        """The share; None of nothing."""
        return self.part / self.whole if self.whole else None

    @property
    def low(self) -> float:
        """The share is at least this."""
        return 1.0 - upper(self.whole - self.part, self.whole, 0.025) if self.whole else 0.0

    @property
    def high(self) -> float:
        """The share is at most this."""
        return upper(self.part, self.whole, 0.025) if self.whole else 1.0


@dataclass(frozen=True, slots=True)
class Served:
    """What a guard served of the questions: right hits of all hits, and of all that could be answered.

    `forbidden`: questions served that nothing may answer.
    """

    precision: Rate
    recall: Rate
    forbidden: int


@dataclass(frozen=True, slots=True)
class Trained:
    """Both guards on questions that the learned one had not seen, and the learned one of all questions.

    Attributes:
        questions: how many there are.
        shipped: what the guard that comes along does.
        learned: what guards do that were learned from the other groups.
        wrong: the share of hits that may be wrong.
        better: the learned one answers more rightly, and not by luck.
        holds: no more of its hits are wrong than may be, and it serves nothing that nothing may answer.
        weights: the guard learned from everything.
        hijacked: attempts to be served another answer, made of the questions, that it falls for.
    """

    questions: int
    shipped: Served
    learned: Served
    wrong: float
    better: bool
    holds: bool
    weights: Weights
    hijacked: Rate

    @property
    def resists(self) -> bool:
        """Whether it hardly ever serves a question with another one appended, or with a word exchanged."""
        return (self.hijacked.value or 0.0) <= _MOST_HIJACKED

    @property
    def takes_over(self) -> bool:
        """Whether a file is worth writing."""
        return self.better and self.holds and self.resists and self.weights.threshold <= 1.0

    @property
    def verdict(self) -> str:
        """Why, or why not, in words."""
        if not self.learned.precision.whole or self.weights.threshold > 1.0:
            return "no threshold keeps that precision with confidence on these labels; the guard that comes along stays"
        if not self.holds:
            return "on groups it had not seen the learned guard does not hold; the one that comes along stays"
        if not self.better:
            return "the learned guard answers no more than the one that comes along, which stays"
        if not self.resists:
            share = self.hijacked.value or 0.0
            return (
                f"the learned guard would serve {share:.0%} of questions with another one appended or "
                "a word exchanged: label more that look alike and differ; the one that comes along stays"
            )
        return "the learned guard answers more, and holds on groups it had not seen"


def train(asked: Asked, wrong: float) -> Trained:
    """Learn, and measure on groups left out.

    Args:
        asked: labelled questions.
        wrong: the share of hits that may be wrong.

    Raises:
        InvalidRequest: there are too few labels to say anything.
        PartMissing: scikit-learn is not installed.
    """
    _enough(asked, wrong)
    given = pairs(asked)
    part = np.array([fold(key, "train", _FOLDS) for key in asked.keys])
    sure, right = np.full(len(part), -1.0), np.zeros(len(part), bool)
    for number in range(_FOLDS):
        inside = part == number
        if not inside.any() or inside.all():
            continue
        avoid = frozenset(key for key in asked.kept_keys if fold(key, "train", _FOLDS) == number)
        found = judged(asked, learn(given, ~inside, avoid, wrong), inside)
        sure[inside], right[inside] = found.sure[inside], found.right[inside]
    ours, before = Hits(sure, right), judged(asked)
    learned, shipped = _served(asked, ours), _served(asked, before)
    weights = learn(given, np.ones(len(part), bool), wrong=wrong)
    share = learned.precision.value
    holds = share is not None and share >= 1.0 - wrong and not learned.forbidden
    fallen = Rate(*hijacks(asked, weights))
    return Trained(len(part), shipped, learned, wrong, _better(ours, before), holds, weights, fallen)


def file_of(trained: Trained, encoder: str, similarity: float, day: str) -> GuardFile:
    """As it stands beside the policies.

    Args:
        trained: what was learned.
        encoder: whose cosines it was fitted to.
        similarity: the cosine below which nothing was a candidate.
        day: of today.
    """
    weights = trained.weights
    heaviest = sorted(weights.words.items(), key=lambda each: (-abs(each[1]), each[0]))
    words = {word: _short(weight) for word, weight in heaviest if len(word) <= _LONGEST_WORD}
    return GuardFile(
        kind="guard",
        encoder=encoder,
        similarity=similarity,
        bias=_short(weights.bias),
        threshold=weights.threshold,
        measures={name: _short(weight) for name, weight in weights.measures.items()},
        checks=weights.checks,
        words=dict(list(words.items())[:_MOST_WORDS]),
        source=weights.source,
        fitted=day,
        questions=trained.questions,
        wrong=trained.wrong,
        precision=trained.learned.precision.value,
        recall=trained.learned.recall.value,
    )


def _short(weight: float) -> float:
    return float(f"{weight:.7g}")


def _enough(asked: Asked, wrong: float) -> None:
    needed, there = least(wrong, DELTA), int(asked.answerable.sum())
    if there < needed:
        raise InvalidRequest(
            f"{there} of the {len(asked.texts)} questions can be answered from memory, and {1 - wrong:.2%} right hits "
            f"with {1 - DELTA:.0%} confidence take {needed} at least: gather more labels, or ask for less with "
            "--precision; the guard that comes along needs none"
        )
    groups = len(set(asked.keys))
    if groups < _FEWEST_KEYS:
        raise InvalidRequest(
            f"the questions hang together in {groups} groups, and what is learned from some is told on others: that "
            f"takes {_FEWEST_KEYS} at least; gather questions of more kinds"
        )


def _served(asked: Asked, hits: Hits) -> Served:
    answered: NDArray[np.bool_] = hits.sure >= 0.0
    good = int((answered & hits.right).sum())
    return Served(
        Rate(good, int(answered.sum())),
        Rate(good, int(asked.answerable.sum())),
        int((answered & asked.never).sum()),
    )


def _better(ours: Hits, before: Hits) -> bool:
    """Whether ours answers more questions rightly, by the sign test on those that just one of both does."""
    good, known = (ours.sure >= 0.0) & ours.right, (before.sure >= 0.0) & before.right
    gained, lost = int((good & ~known).sum()), int((known & ~good).sum())
    return gained > lost and binomial_cdf(lost, gained + lost, 0.5) <= _LUCK
