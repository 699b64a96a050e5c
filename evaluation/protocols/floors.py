"""H2: floors of quality. At least .90, .95 or .98 of the strong model's quality, for each set and pair of models.

The product's rule (`pipeline.confidence.floors`) sets a threshold on the weak model's own probability, for each set and
pair alone. Counted is where the quality that was really served is at least the floor times the strong model's quality
on the same rows, and what was escalated against the least that would have done in hindsight with the same score. The
baseline is the threshold at which the labels themselves just show the floor, without a margin.

Where FIT and DATA differ, thresholds are set on the one and measured on the other, once for each case. Where they are
the same folder, each set is split at random into halves by key, twenty times; these are not independent of each other,
and their labels are half as many, so that margins are wider by two fifths. Pairs with Mixtral are told apart: its
probabilities hardly say when it is right. For shift, thresholds come from the other sets and run on the one left out.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from evaluation.bootstrap import interval
from evaluation.data import Absent, Folder, Row
from evaluation.protocols.floors_cases import (
    DELTA,
    FLOORS,
    Case,
    Outcome,
    cases_of,
    finite,
    measured,
    ratios_of,
    threshold_of,
)
from evaluation.protocols.floors_reach import reach
from evaluation.report import Curve, Figure, Options, Report
from evaluation.splits import fold
from pipeline.confidence.bounds import upper

__all__ = ["run"]

SET: Final = "mcq-confidence/rows"
_HALVINGS, _FEW = 20, 3
_PAIRS: Final = (("gpt-3.5-turbo", "gpt-4-turbo"), ("Llama3-8b", "Llama3-70b"), ("Yi-6b", "Yi-34b"))
_MIXTRAL: Final = (("Mixtral", "gpt-4-turbo"), ("Mistral", "Mixtral"))


def run(fit: Folder, data: Folder, options: Options) -> Report:
    """Set and measure thresholds of every case. Raises `Absent` where the set is not there."""
    learned, scored = fit.rows(SET), data.rows(SET)
    apart = fit.path.resolve() != data.path.resolve()
    if apart:
        keys = {row["id"] for row in scored}
        learned = [row for row in learned if row["id"] not in keys]
        if not learned:
            raise Absent(f"{SET}: nothing is left to learn from")
    rounds = 1 if apart else _FEW if options.quick else _HALVINGS
    parts = [(learned, scored)] if apart else list(_halves(scored, rounds, options.seed))
    ours, plain, mixtral = _measured_all(parts, _PAIRS), _measured_all(parts, _PAIRS, plain=True), None
    mixtral = _measured_all(parts, _MIXTRAL)
    shifts = _shifted(learned, scored)
    how = "FIT to DATA" if apart else f"{rounds} random halvings"
    return Report(
        protocol="H2",
        title=f"Floors of quality for each set and pair ({len(ours) // (3 * rounds)} cases, {how})",
        figures=tuple(_figures(ours, plain, options)),
        tables={
            "floors, all cases": _by_floor(ours, plain, mixtral),
            "floors by set and pair": _by_case([*ours, *mixtral]),
            "under shift of set (thresholds of the other sets of the pair)": shifts,
            "what more labels give (rows of FIT drawn anew)": reach(
                cases_of(learned, _PAIRS), _FEW if options.quick else 2 * _HALVINGS, options.seed
            ),
        },
        curves={"H2 escalation for a floor": _curves(ours, plain)},
        axes=("floor, part of the strong model's quality", "share escalated"),
        notes=(
            f"A floor is promised with delta {DELTA:g} for a stretch as long as the labels. "
            "x least: what was escalated against the least in hindsight, with the same score on the same rows.",
            "Where no floor can be promised everything is escalated; that counts as kept, with its ratio as it is.",
            "Under 'what more labels give' the rule is measured with other numbers of labels and rows; with the truth "
            "known it has only the chance in the scored rows to cover, which no better rule is spared.",
            "Halvings of one set are not independent of each other: their interval is too narrow."
            if not apart
            else "Each case is one draw: the interval of the share kept is exact for independent cases.",
            "The pairs with Mixtral, as draft or as strong model, are in the tables and not in the figures.",
        ),
    )


def _halves(rows: Sequence[Row], rounds: int, seed: int) -> Iterator[tuple[list[Row], list[Row]]]:
    for number in range(rounds):
        first = [fold(row["id"], f"floor-{seed}-{number}", 2) == 0 for row in rows]
        yield (
            [row for row, chosen in zip(rows, first, strict=True) if chosen],
            [row for row, chosen in zip(rows, first, strict=True) if not chosen],
        )


def _measured_all(
    parts: Sequence[tuple[Sequence[Row], Sequence[Row]]], pairs: Sequence[tuple[str, str]], plain: bool = False
) -> list[Outcome]:
    made = []
    for learned, scored in parts:
        known = {case.name: case for case in cases_of(learned, pairs)}
        for case in cases_of(scored, pairs):
            labels = known.get(case.name)
            for floor in FLOORS:
                made.append(measured(case, floor, threshold_of(labels, floor, plain)))
    return made


# ---------------------------------------------------------------- shift


def _shifted(learned: Sequence[Row], scored: Sequence[Row]) -> list[dict[str, Any]]:
    """Thresholds for a set that there are no labels of: from the others pooled, and the strictest of the others."""
    known = cases_of(learned, _PAIRS)
    found: dict[str, list[Outcome]] = {"pooled": [], "strictest": []}
    for case in cases_of(scored, _PAIRS):
        others = [other for other in known if other.pair == case.pair and other.group != case.group]
        for floor in FLOORS:
            found["pooled"].append(measured(case, floor, threshold_of(_pooled(others), floor, plain=False)))
            each = [threshold_of(other, floor, plain=False) for other in others]
            set_by = [threshold for threshold in each if threshold is not None]
            strict = max(set_by) if len(set_by) == len(each) and each else None
            found["strictest"].append(measured(case, floor, strict))
    return [
        {"thresholds": name, "floor": floor, **_told([one for one in made if one.floor == floor])}
        for name, made in found.items()
        for floor in FLOORS
    ]


def _pooled(cases: Sequence[Case]) -> Case | None:
    if not cases:
        return None
    columns = [np.concatenate([getattr(case, name) for case in cases]) for name in ("scores", "weak", "strong")]
    return Case(cases[0].pair, "others", *columns)


# ---------------------------------------------------------------- what came out


def _told(made: Sequence[Outcome]) -> dict[str, Any]:
    ratios = ratios_of(made)
    return {
        "cases": len(made),
        "kept": float(np.mean([one.kept for one in made])),
        "worst": min(one.quality / one.floor for one in made),
        "escalated": float(np.mean([one.escalated for one in made])),
        "least": float(np.mean([one.least for one in made])),
        "x least, median": float(np.median(ratios)),
        "x least, mean": float(np.mean(ratios)),
        "x least, of sums": float(
            np.sum([one.escalated for one in made]) / max(np.sum([one.least for one in made]), 1e-9)
        ),
        "all escalated": float(np.mean([not one.promised for one in made])),
    }


def _by_floor(ours: list[Outcome], plain: list[Outcome], mixtral: list[Outcome]) -> list[dict[str, Any]]:
    named = {"ours": ours, "baseline": plain, "ours, with Mixtral": mixtral}
    return [
        {"thresholds": name, "floor": floor, **_told([one for one in made if one.floor == floor])}
        for name, made in named.items()
        for floor in FLOORS
        if made
    ]


def _by_case(made: Sequence[Outcome]) -> list[dict[str, Any]]:
    told = []
    for pair, group in dict.fromkeys(one.case.name for one in made):
        for floor in FLOORS:
            own = [one for one in made if one.case.name == (pair, group) and one.floor == floor]
            told.append(
                {
                    "pair": pair,
                    "set": group,
                    "floor": floor,
                    "kept": float(np.mean([one.kept for one in own])),
                    "quality": float(np.mean([one.quality for one in own])),
                    "escalated": float(np.mean([one.escalated for one in own])),
                    "least": float(np.mean([one.least for one in own])),
                    "words": "" if all(one.promised for one in own) else "cannot be promised: all escalated",
                }
            )
    return told


def _figures(ours: list[Outcome], plain: list[Outcome], options: Options) -> Iterator[Figure]:
    kept, before = np.array([one.kept for one in ours]), np.array([one.kept for one in plain])
    count, good = len(kept), int(kept.sum())
    chance = np.random.default_rng(options.seed)
    drawn = _cases_drawn(ours, options.rounds, chance)
    over = np.array([kept[rows].mean() - before[rows].mean() for rows in drawn])
    yield Figure(
        "floors kept, share of cases",
        good / count,
        1.0 - upper(count - good, count, 0.025),
        upper(good, count, 0.025),
        float(before.mean()),
        float(kept.mean() - before.mean()),
        *interval(over),
        mark=0.95,
        rows=count,
    )
    mine, base = np.array([one.ratio for one in ours]), np.array([one.ratio for one in plain])
    for name, of, mark, goal in (("median", np.median, 1.15, 1.10), ("mean", np.mean, None, None)):
        each = np.array([of(finite(mine[rows])) for rows in drawn])
        other = np.array([of(finite(base[rows])) for rows in drawn])
        yield Figure(
            f"escalated, x the least in hindsight, {name} over cases",
            float(of(finite(mine))),
            *interval(each),
            float(of(finite(base))),
            float(of(finite(mine)) - of(finite(base))),
            *interval(each - other),
            mark=mark,
            better="lower",
            rows=count,
            goal=goal,
        )


def _cases_drawn(made: Sequence[Outcome], rounds: int, chance: np.random.Generator) -> list[NDArray[np.int64]]:
    """Rows of whole sets and pairs, drawn again together: their floors and halvings hang together."""
    places: dict[tuple[str, str], list[int]] = {}
    for place, one in enumerate(made):
        places.setdefault(one.case.name, []).append(place)
    groups = [np.array(rows) for rows in places.values()]
    return [np.concatenate([groups[at] for at in chance.integers(0, len(groups), len(groups))]) for _ in range(rounds)]


def _curves(ours: Sequence[Outcome], plain: Sequence[Outcome]) -> tuple[Curve, ...]:
    def mean(made: Sequence[Outcome], floor: float, name: str) -> float:
        return float(np.mean([getattr(one, name) for one in made if one.floor == floor]))

    def blind(one: Outcome) -> float:
        weak, strong = float(one.case.weak.mean()), float(one.case.strong.mean())
        return min(1.0, max(0.0, (one.floor * strong - weak) / (strong - weak))) if strong > weak else 0.0

    random = tuple(float(np.mean([blind(one) for one in ours if one.floor == floor])) for floor in FLOORS)
    return (
        Curve("random", FLOORS, random),
        Curve("baseline", FLOORS, tuple(mean(plain, floor, "escalated") for floor in FLOORS)),
        Curve("ours", FLOORS, tuple(mean(ours, floor, "escalated") for floor in FLOORS)),
        Curve("oracle", FLOORS, tuple(mean(ours, floor, "least") for floor in FLOORS)),
    )
