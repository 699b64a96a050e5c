"""PROMISE: how often a threshold breaks "at most alpha of all answers are wrong and kept, with confidence 95 %".

A population is the answers of one model to one set: scored by a curve that other rows were used for, its rates are
exactly known. From it labels are drawn with replacement, a threshold is set on them by the product's own rule, and its
true rate is looked up: that is what the promise is about, and what the figures count. A second table splits each set in
two at random and looks at the other half, whose own rate is uncertain too; a third draws from an endless simulated
population. The baseline is the threshold at which the labels themselves just show alpha.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from evaluation.bootstrap import interval, means
from evaluation.data import Absent, Folder, Row
from evaluation.report import Curve, Figure, Options, Report
from evaluation.splits import Split, splits
from pipeline.calibrate.fit import expected_error, fit_curve
from pipeline.confidence.bounds import upper
from pipeline.confidence.thresholds import joint

__all__ = ["ALPHAS", "DELTA", "Population", "Run", "naive", "run", "runs_of"]

ALPHAS: Final = (0.01, 0.03, 0.05, 0.10)
SIZES: Final = (500, 2000)
DELTA: Final = 0.05
_RUNS, _FEW = 200, 15
"""Calibrations of each population, alpha and number of labels."""
_MODELS: Final = ("gpt-3.5-turbo", "Mixtral", "Llama3-8b", "Mistral", "Yi-6b", "Llama-7b")
_SIMULATED: Final = 200_000

Floats = NDArray[np.float64]


class Population:
    """Answers with their scores. `rates` are of the joint risk, `shares` of what stays, by threshold."""

    def __init__(self, name: str, scores: Floats, wrong: NDArray[np.bool_]) -> None:
        self.name, self.scores, self.wrong = name, scores, wrong
        order = np.argsort(scores, kind="stable")
        self._ordered = scores[order]
        # How many wrong ones lie at a place or above it.
        self._above = np.append(np.cumsum(wrong[order][::-1])[::-1], 0)

    def rate(self, threshold: float | None) -> float:
        """How often an answer is wrong and stays."""
        return 0.0 if threshold is None else float(self._above[self._place(threshold)] / len(self.scores))

    def share(self, threshold: float | None) -> float:
        """How many answers stay."""
        return 0.0 if threshold is None else 1.0 - self._place(threshold) / len(self.scores)

    def oracle(self, alpha: float) -> float:
        """The share that stays where all rates are known."""
        return self.share(naive(self.scores, self.wrong, alpha))

    def _place(self, threshold: float) -> int:
        return int(np.searchsorted(self._ordered, threshold, side="left"))


@dataclass(frozen=True, slots=True)
class Run:
    """One calibration: whether ours and the naive threshold break the promise, and what they and the oracle keep."""

    population: str
    alpha: float
    labels: int
    broken: bool
    naive_broken: bool
    kept: float
    naive_kept: float
    oracle: float


def naive(scores: Floats, wrong: NDArray[np.bool_], alpha: float) -> float | None:
    """The lowest threshold at which these labels themselves show no more than `alpha`."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    places = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    fine = int(np.searchsorted(np.cumsum(wrong[order])[places], alpha * len(scores) + 1e-9, side="right"))
    return None if fine == 0 else float(ordered[places[fine - 1]])


def runs_of(population: Population, alpha: float, labels: int, count: int, random: np.random.Generator) -> list[Run]:
    """So many calibrations on labels that are drawn with replacement."""
    oracle = population.oracle(alpha)
    made = []
    for _ in range(count):
        drawn = random.integers(len(population.scores), size=labels)
        scores, wrong = population.scores[drawn], population.wrong[drawn]
        ours, plain = joint(scores, wrong, alpha, DELTA).threshold, naive(scores, wrong, alpha)
        made.append(
            Run(
                population.name,
                alpha,
                labels,
                population.rate(ours) > alpha,
                population.rate(plain) > alpha,
                population.share(ours),
                population.share(plain),
                oracle,
            )
        )
    return made


def run(fit: Folder, data: Folder, options: Options) -> Report:
    """Recalibrate on every recorded set. Raises `Absent` where none is there."""
    count = _FEW if options.quick else _RUNS
    random = np.random.default_rng(options.seed)
    options.step("curves of recorded probabilities")
    populations, errors = _populations(fit, data, _MODELS[:2] if options.quick else _MODELS)
    made: list[Run] = []
    for population in populations:
        options.step(f"calibrations of {population.name}")
        for alpha in ALPHAS:
            for labels in SIZES:
                made += runs_of(population, alpha, labels, count, random)
    options.step("the simulated population")
    simulated = _simulated(random)
    invented = [each for alpha in ALPHAS for n in SIZES for each in runs_of(simulated, alpha, n, 2 * count, random)]
    return Report(
        protocol="PROMISE",
        title="P(wrong and kept) ≤ α with confidence 95 %: how often it is broken, and what it keeps",
        figures=(*_broken(made, options), *_kept(made, options)),
        tables={
            "by rate and labels": _table(made, lambda each: (f"{each.alpha:.0%}", each.labels)),
            "by set": _table(made, lambda each: (each.population, "all")),
            "other half (its own rate is uncertain too)": _halved(populations, random, count),
            "simulated population": _table(invented, lambda each: (f"{each.alpha:.0%}", each.labels)),
            "error of probabilities (ECE)": errors,
        },
        curves={f"kept share at {labels} labels": tuple(_lines(made, labels)) for labels in SIZES},
        axes=("promised rate α", "share of answers kept"),
        notes=(
            f"{len(made)} calibrations on {len(populations)} recorded sets; intervals of what is broken are exact",
            "the score of a set is its recorded probability, through a curve fitted to other rows",
            "of two halves the one not calibrated on has its own chance, and more errors where the other had few: "
            "being above α there is no broken promise by itself",
        ),
    )


# ---------------------------------------------------------------- the populations


def _populations(fit: Folder, data: Folder, models: Sequence[str]) -> tuple[list[Population], list[dict[str, Any]]]:
    """Every model on every set, and how far its probabilities are off before and after the curve."""
    found: list[Population] = []
    errors: list[dict[str, Any]] = []
    for name, parts in _parts(fit, data, models):
        scores, right = np.zeros(0), np.zeros(0, np.bool_)
        raw = np.zeros(0)
        for learned, scored in parts:
            if not len(learned) or not len(scored):
                continue
            curve = fit_curve(learned[:, 1], learned[:, 0])
            made = np.array([curve.probability(float(score)) for score in scored[:, 1]])
            scores, right = np.append(scores, made), np.append(right, scored[:, 0] > 0.5)
            raw = np.append(raw, scored[:, 1])
        if len(scores):
            found.append(Population(name, scores, ~right))
            before, after = expected_error(raw, right), expected_error(scores, right)
            errors.append({"set": name, "rows": len(scores), "before": round(before, 3), "after": round(after, 3)})
    if not found:
        raise Absent("no recorded set has probabilities")
    return found, errors


def _parts(fit: Folder, data: Folder, models: Sequence[str]) -> Iterator[tuple[str, list[tuple[Floats, Floats]]]]:
    """Names of populations, and for each part of the data the rows to learn from and those to score."""
    sets: dict[str, list[Split]] = {}
    for file, key in (("mcq-confidence/rows", "id"), ("mcq-confidence/mmlu_llama3_with_text", "id")):
        try:
            sets[file] = splits(fit, data, file, lambda row, key=key: str(row[key]))  # type: ignore[misc]
        except Absent:
            continue
    for parts in sets.values():
        for model in models:
            for group in sorted({str(row.get("dataset", "mmlu with text")) for part in parts for row in part.data}):
                made = [(_answers(part.fit, model, group), _answers(part.data, model, group)) for part in parts]
                if any(len(scored) for _learned, scored in made):
                    yield f"{model}, {group}", made


def _answers(rows: Sequence[Row], model: str, group: str) -> Floats:
    """Whether the answer was right, and its probability, for each row of a set that the model answered."""
    own = [row[model] for row in rows if model in row and str(row.get("dataset", "mmlu with text")) == group]
    return np.array([(float(each[0] > 0), float(each[1])) for each in own if each[1] is not None]).reshape(-1, 2)


def _simulated(random: np.random.Generator) -> Population:
    """Difficulties d, standard normal; right with σ(1.6 - 1.5 d); and a confidence that is a noisy look at d."""
    hard = random.standard_normal(_SIMULATED)
    wrong = random.random(_SIMULATED) >= 1.0 / (1.0 + np.exp(-(1.6 - 1.5 * hard)))
    look = hard + random.standard_normal(_SIMULATED)
    return Population("simulated", 1.0 / (1.0 + np.exp(-(1.6 - 1.5 * look))), wrong)


# ---------------------------------------------------------------- what came out


def _broken(made: Sequence[Run], options: Options) -> Iterator[Figure]:
    yield _broken_figure("broken, all", made, options)
    for alpha in ALPHAS:
        yield _broken_figure(f"broken, α = {alpha:.0%}", [each for each in made if each.alpha == alpha], options)


def _broken_figure(name: str, made: Sequence[Run], options: Options) -> Figure:
    ours, plain = np.array([each.broken for each in made], float), np.array([each.naive_broken for each in made], float)
    low, high = _exact(int(ours.sum()), len(made))
    apart = interval(means(ours - plain, options.rounds, options.seed, "PROMISE"))
    return Figure(
        name,
        float(ours.mean()),
        low,
        high,
        float(plain.mean()),
        float((ours - plain).mean()),
        *apart,
        mark=DELTA,
        better="lower",
        rows=len(made),
    )


def _kept(made: Sequence[Run], options: Options) -> Iterator[Figure]:
    """What is kept, as a part of what the oracle keeps; sets of which even the oracle keeps nothing say nothing."""
    for labels, goal in ((500, None), (2000, 0.85)):
        some = [each for each in made if each.labels == labels]
        yield _kept_figure(f"kept of the oracle's, {labels} labels", some, goal, options)
        for alpha in ALPHAS:
            own = [each for each in some if each.alpha == alpha]
            yield _kept_figure(f"kept of the oracle's, {labels} labels, α = {alpha:.0%}", own, goal, options)


def _kept_figure(name: str, made: Sequence[Run], goal: float | None, options: Options) -> Figure:
    ours, best = np.array([each.kept for each in made]), np.array([each.oracle for each in made])
    scale = max(float(best.mean()), 1e-9)
    low, high = interval(means(ours / scale, options.rounds, options.seed, "PROMISE"))
    return Figure(name, float(ours.mean() / scale), low, high, rows=len(made), goal=goal)


def _exact(errors: int, count: int) -> tuple[float, float]:
    """The Clopper-Pearson interval of 95 %."""
    return 1.0 - upper(count - errors, count, 0.025), upper(errors, count, 0.025)


def _table(made: Sequence[Run], of: Any) -> list[dict[str, Any]]:
    groups: dict[tuple[str, object], list[Run]] = defaultdict(list)
    for each in made:
        groups[of(each)].append(each)
    return [_line(first, second, own) for (first, second), own in groups.items()]


def _line(first: str, second: object, own: Sequence[Run]) -> dict[str, Any]:
    errors, best = sum(each.broken for each in own), float(np.mean([each.oracle for each in own]))
    low, high = _exact(errors, len(own))
    kept = float(np.mean([each.kept for each in own]))
    return {
        "of": first,
        "labels": second,
        "runs": len(own),
        "broken": round(errors / len(own), 4),
        "interval": f"{low:.3f}-{high:.3f}",
        "naive": round(float(np.mean([each.naive_broken for each in own])), 3),
        "kept": round(kept, 3),
        "naive kept": round(float(np.mean([each.naive_kept for each in own])), 3),
        "oracle": round(best, 3),
        "of oracle": round(kept / best, 3) if best else None,
    }


def _halved(populations: Sequence[Population], random: np.random.Generator, count: int) -> list[dict[str, Any]]:
    """Calibrate on one half, look at the other."""
    told = []
    for alpha in ALPHAS:
        ours, plain, runs = 0, 0, 0
        for population in populations:
            for _ in range(max(2, count // 4)):
                order = random.permutation(len(population.scores))
                one, other = np.array_split(order, 2)
                rest = Population("", population.scores[other], population.wrong[other])
                scores, wrong = population.scores[one], population.wrong[one]
                ours += rest.rate(joint(scores, wrong, alpha, DELTA).threshold) > alpha
                plain += rest.rate(naive(scores, wrong, alpha)) > alpha
                runs += 1
        told.append(
            {"alpha": f"{alpha:.0%}", "runs": runs, "above": round(ours / runs, 4), "naive": round(plain / runs, 3)}
        )
    return told


def _lines(made: Sequence[Run], labels: int) -> Iterator[Curve]:
    own = [each for each in made if each.labels == labels]
    for name, kept in (("ours", "kept"), ("baseline", "naive_kept"), ("oracle", "oracle")):
        y = [float(np.mean([getattr(each, kept) for each in own if each.alpha == alpha])) for alpha in ALPHAS]
        yield Curve(name, ALPHAS, tuple(y))
