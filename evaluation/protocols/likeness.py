"""S1: which remembered answer may serve a question that is put in other words.

Of each set the baseline (the nearest by the cosine of n-grams, its threshold chosen in hindsight on the questions
that are scored), the guard as shipped (nothing learned), and the guard with weights and threshold learned from FIT.
Which of the two decides is chosen on FIT too, on questions that the learned one has not seen; where both break the
promise there, none does and nothing is served.
Banking77, CLINC150 and SNIPS leave the question itself out; of Disfl-QA the originals whose id ends in an even digit
are remembered and every disfluent version is asked.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from evaluation.bootstrap import counts, interval
from evaluation.data import Absent, Folder
from evaluation.protocols.likeness_find import Find, meant, nearest
from evaluation.protocols.likeness_sets import SETS, asked, texts_of
from evaluation.report import Curve, Figure, Options, Report
from evaluation.splits import FOLDS, fold
from pipeline.calibrate.likeness.asked import Asked
from pipeline.calibrate.likeness.learn import chosen, learn_held
from pipeline.calibrate.likeness.measure import Hits, Pairs, judged, pairs
from pipeline.calibrate.likeness.threshold import Guard, takes
from pipeline.errors import PartMissing
from pipeline.likeness import Weights

__all__ = ["ENCODED", "run"]

PRECISIONS: Final = (0.90, 0.95, 0.99)
MARKS: Final = {"Disfl-QA": (0.55, 0.70), "SNIPS": (0.35, 0.50)}
LEAST: Final = 10
ENCODED: Final = "each guard, candidates by the encoder of the cascade"

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One set: the baseline's nearest, the guard as shipped and as learned, and what is served by the one chosen.

    `answered`: questions that the learned guard answers; `served`: the hits of the guard that FIT chose (-1: none).
    """

    asked: Asked
    nearest: Hits
    shipped: Hits
    learned: Hits
    answered: Flags
    served: Hits
    decides: str


def run(fit: Folder, data: Folder, options: Options) -> Report:
    """Learn weights from one folder; score both guards and the baseline on the other. Raises `Absent` without a set."""
    figures: list[Figure] = []
    tables: dict[str, list[dict[str, Any]]] = {"each guard": [], "in hindsight": []}
    curves: dict[str, tuple[Curve, ...]] = {}
    left_out: list[str] = []
    for name in SETS:
        options.step(f"S1 {name}")
        try:
            found = _outcome(fit, data, name, options)
        except Absent as missing:
            left_out.append(f"{name} is left out: {missing}")
            continue
        figures += _figures(found, options)
        tables["each guard"] += _each(found, options)
        tables["in hindsight"] += _hindsight(found)
        curves[f"S1 {name}"] = _curves(found)
        if rows := [] if options.quick else _encoded(fit, data, name, options):
            tables.setdefault(ENCODED, []).extend(rows)
    if not figures:
        raise Absent("; ".join(left_out))
    return Report(
        "S1",
        "Answers remembered for questions that mean the same",
        tuple(figures),
        tables,
        curves,
        ("share of answerable questions served", "share of hits that are right"),
        (
            *left_out,
            "The baseline's threshold is chosen in hindsight on the questions scored, which flatters it; the learned "
            "guard's is fixed on FIT: at most 1 % of its hits wrong there, with 95 % confidence, also by groups.",
            "Figures are of the guard that FIT chose: the learned one where it answers more at that precision, else "
            "the one as shipped, or none where FIT refutes that one too; the first table says which.",
            "Candidates of the figures are found by n-grams, for all; in the cascade by the built-in encoder, as in "
            "the last table, which is left out with --quick and where the extra `embeddings` is not installed.",
            "Weights are learned for each set, as for a route whose callers say when an answer was wrong.",
            "Out of scope: every such question of CLINC150 is asked, also those beyond the 4,000 drawn.",
        ),
    )


def _encoded(fit: Folder, data: Folder, name: str, options: Options) -> list[dict[str, Any]]:
    """The rows of one set with the candidates that the cascade would find; none without the encoder."""
    options.step(f"S1 {name}, candidates by the encoder")
    try:
        return _each(_outcome(fit, data, name, options, meant), options, "cosine at .8")
    except PartMissing:
        return []


def _outcome(fit: Folder, data: Folder, name: str, options: Options, find: Find = nearest) -> Outcome:
    scored = asked(data, name, options.quick, find=find)
    measured = pairs(scored)
    size = len(scored.texts)
    shipped = judged(scored)
    sure, right = np.full(size, -1.0), np.zeros(size, bool)
    answered = np.zeros(size, bool)
    served = Hits(np.full(size, -1.0), np.zeros(size, bool))
    taken: list[Guard] = []
    for inside, weights, guard in _learned(fit, data, name, options, measured, shipped, find):
        found = chosen(measured, weights, inside)
        sure[inside], right[inside] = found.sure[inside], found.right[inside]
        answered[inside] = found.sure[inside] >= weights.threshold
        taken.append(guard)
        if guard != "none":
            ours = guard == "learned"
            served.sure[inside] = np.where(answered, found.sure, -1.0)[inside] if ours else shipped.sure[inside]
            served.right[inside] = (found if ours else shipped).right[inside]
    decides = ", ".join(f"{guard} ({taken.count(guard)} of {len(taken)})" for guard in dict.fromkeys(taken))
    first = Hits(scored.cosines[:, 0], scored.right[:, 0])
    return Outcome(scored, first, shipped, Hits(sure, right), answered, served, decides)


def _learned(
    fit: Folder, data: Folder, name: str, options: Options, measured: Pairs, shipped: Hits, find: Find
) -> Iterator[tuple[Flags, Weights, Guard]]:
    """For each part of the questions: what was learned from others, and which guard these others choose."""
    scored = measured.asked
    if fit.path.resolve() == data.path.resolve():
        part = np.array([fold(key) for key in scored.keys])
        for number in range(FOLDS):
            inside = part == number
            avoid = frozenset(key for key in scored.kept_keys if fold(key) == number)
            weights, held = learn_held(measured, ~inside, avoid)
            yield inside, weights, _chosen_guard(held, weights, shipped, scored, ~inside)
        return
    known = frozenset(text for row in data.rows(SETS[name][0]) for text in texts_of(row))
    learned_from = pairs(asked(fit, name, options.quick, known, find))
    every = np.ones(len(learned_from.asked.texts), bool)
    weights, held = learn_held(learned_from, every)
    guard = _chosen_guard(held, weights, judged(learned_from.asked), learned_from.asked, every)
    yield np.ones(len(scored.texts), bool), weights, guard


def _chosen_guard(held: Hits, weights: Weights, shipped: Hits, given: Asked, questions: Flags) -> Guard:
    """Chosen on these questions alone."""
    ours, theirs = (Hits(hits.sure[questions], hits.right[questions]) for hits in (held, shipped))
    return takes(ours, weights.threshold, theirs, given.never[questions])


def _figures(found: Outcome, options: Options) -> list[Figure]:
    scored, drawn = found.asked, found.asked.drawn
    answered = found.served.sure >= 0
    good = (answered & found.served.right)[drawn].astype(float)
    hit = answered[drawn].astype(float)
    can = scored.answerable[drawn].astype(float)
    base = Hits(found.nearest.sure[drawn], found.nearest.right[drawn])
    ours, over, precise = [], [], []
    for block in counts(int(drawn.sum()), options.rounds, options.seed, f"S1 {scored.name}"):
        whole = np.maximum(block @ can, 1.0)
        ours.append(block @ good / whole)
        over.append(block @ good / whole - _reached(base, block, 0.99) / whole)
        precise.append(_ratio(block @ good, block @ hit))
    mark, goal = MARKS.get(scored.name, (None, None))
    recall = float(good.sum() / max(can.sum(), 1.0))
    baseline = float(_reached(base, np.ones((1, len(can))), 0.99)[0] / max(can.sum(), 1.0))
    low, high = interval(np.concatenate(ours))
    over_low, over_high = interval(np.concatenate(over))
    figures = [
        Figure(
            f"{scored.name}: recall at 99 % precision, threshold from FIT", recall, low, high, baseline,
            recall - baseline, over_low, over_high, mark, rows=int(drawn.sum()), goal=goal,
        )
    ]  # fmt: skip
    if hit.any():
        low, high = interval(np.concatenate(precise))
        figures.append(
            Figure(f"{scored.name}: precision then had", float(good.sum() / hit.sum()), low, high, rows=int(hit.sum()))
        )
    if scored.never.any():
        for label, answers in (
            ("chosen on FIT", answered),
            ("learned", found.answered),
            ("as shipped", found.shipped.sure >= 0),
        ):
            told = float((answers & scored.never).sum())
            name = f"{scored.name}: out of scope answered, guard {label}"
            figures.append(Figure(name, told, mark=0.0, better="lower", rows=int(scored.never.sum()), goal=0.0))
    return figures


def _reached(hits: Hits, draws: Numbers, precision: float) -> Numbers:
    """Right hits at the lowest threshold with this precision (at least ten hits), for each line of draws."""
    order = np.argsort(-hits.sure, kind="stable")
    ranked = hits.sure[order]
    last = np.append(ranked[1:] != ranked[:-1], True)
    right = np.cumsum(draws[:, order] * hits.right[order], axis=1)[:, last]
    whole = np.cumsum(draws[:, order], axis=1)[:, last]
    holds = (whole >= LEAST) & (right >= precision * whole) & (ranked[last] >= 0)
    return np.where(holds, right, 0.0).max(axis=1)


def _each(found: Outcome, options: Options, baseline: str = "n-grams at .8") -> list[dict[str, Any]]:
    drawn = found.asked.drawn
    rows = []
    for name, hits, answered in (
        (baseline, found.nearest, found.nearest.sure >= 0.8),
        ("guard as shipped", found.shipped, found.shipped.sure >= 0.0),
        ("guard learned from FIT", found.learned, found.answered),
        (f"chosen on FIT: {found.decides}", found.served, found.served.sure >= 0.0),
    ):
        hit = answered[drawn].astype(float)
        good = hit * hits.right[drawn]
        can = found.asked.answerable[drawn].astype(float)
        recalls, precisions, rates = [], [], []
        for block in counts(len(hit), options.rounds, options.seed, f"S1 {found.asked.name}"):
            recalls.append(block @ good / np.maximum(block @ can, 1.0))
            rates.append(block @ hit / len(hit))
            precisions.append(
                np.divide(block @ good, block @ hit, out=np.full(len(block), np.nan), where=block @ hit > 0)
            )
        row: dict[str, Any] = {"set": found.asked.name, "guard": name, "hits": int(hit.sum())}
        told = float(good.sum() / hit.sum()) if hit.any() else None
        row |= {"precision": _told(told, precisions), "false hits": None if told is None else round(1.0 - told, 4)}
        row |= {
            "hit rate": _told(float(hit.mean()), rates),
            "recall": _told(float(good.sum() / max(can.sum(), 1.0)), recalls),
        }
        rows.append(row)
    return rows


def _ratio(part: Numbers, whole: Numbers) -> Numbers:
    """Their quotients; not a number where there is nothing."""
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)


def _told(value: float | None, rounds: list[Numbers]) -> str:
    if value is None:
        return "no hits"
    low, high = interval(np.concatenate(rounds))
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def _hindsight(found: Outcome) -> list[dict[str, Any]]:
    """R@P of both, each with its threshold chosen in hindsight: like against like."""
    drawn = found.asked.drawn
    can = max(float(found.asked.answerable[drawn].sum()), 1.0)
    once = np.ones((1, int(drawn.sum())))
    rows = []
    for name, hits in (
        ("n-grams", found.nearest),
        ("guard as shipped", found.shipped),
        ("guard learned", found.learned),
    ):
        own = Hits(hits.sure[drawn], hits.right[drawn])
        told = {
            f"R@{precision:.2f}": round(float(_reached(own, once, precision)[0]) / can, 3) for precision in PRECISIONS
        }
        rows.append({"set": found.asked.name, "order": name, **told})
    return rows


def _curves(found: Outcome) -> tuple[Curve, ...]:
    drawn = found.asked.drawn
    can = max(float(found.asked.answerable[drawn].sum()), 1.0)
    share = float(found.nearest.right[drawn].mean())
    most = float(found.nearest.right[drawn].sum()) / can
    return (
        Curve("random", (0.0, most), (share, share)),
        _curve("baseline", Hits(found.nearest.sure[drawn], found.nearest.right[drawn]), can),
        _curve("ours", Hits(found.learned.sure[drawn], found.learned.right[drawn]), can),
        Curve("oracle", (0.0, 1.0), (1.0, 1.0)),
    )


def _curve(name: str, hits: Hits, can: float) -> Curve:
    order = np.argsort(-hits.sure, kind="stable")
    order = order[hits.sure[order] >= 0]
    right = np.cumsum(hits.right[order])
    at = np.unique(np.linspace(min(LEAST, len(order)), len(order), 200).astype(int))
    at = at[at > 0] - 1
    return Curve(name, tuple((right[at] / can).tolist()), tuple((right[at] / (at + 1.0)).tolist()))
