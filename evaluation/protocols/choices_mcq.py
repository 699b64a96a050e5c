"""Five pairs of models on five sets of questions with choices; all that is seen of an answer is its probability.

The simplest order is by the draft's own probability. Cheap models that are sure or unsure of the same question say
something of how hard it is: their probability is a second opinion, and is paid for. Which are asked is decided on the
rows that are learned from, one after the other, by the area that they add for their price (`_WORTH`). Where none adds
enough, the order stays the simple one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from evaluation.data import Folder, Row
from evaluation.metrics import apgr
from evaluation.protocols.choices_learn import PRICES, affordable, boosted, many_trees, price, ridge
from evaluation.protocols.pairs import LEAD, Pair
from evaluation.report import Options
from evaluation.splits import fold, splits

__all__ = ["MCQ", "Order", "chosen", "features", "mcq_pairs", "ordered"]

SET: Final = "mcq-confidence/rows"
MCQ: Final = (
    ("gpt-3.5-turbo", "gpt-4-turbo"),
    ("Mixtral", "gpt-4-turbo"),
    ("Llama3-8b", "Llama3-70b"),
    ("Mistral", "Mixtral"),
    ("Yi-6b", "Yi-34b"),
)
SECOND: Final = "second wording"
_WORTH: Final = 0.005
"""The area that an opinion at the price of a draft has to add: half of what it costs at a hundredth of a strong answer,
since the share escalated is what is measured first. What it costs in full stands beside the figures."""
_MOST: Final = 4
_INNER: Final = 4
_SURE: Final = 1e-6

Floats = NDArray[np.float64]
Texts = NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class Order:
    """Scores of rows, which opinions were asked for them, and the area in cross-validation as each was added."""

    scores: Floats
    asked: tuple[str, ...]
    steps: tuple[tuple[str, float], ...]


def mcq_pairs(fit: Folder, data: Folder, options: Options) -> list[Pair]:
    """The five pairs. Raises `Absent`."""
    made = []
    parts = splits(fit, data, SET, lambda row: str(row["id"]))
    for weak, strong in MCQ:
        options.step(f"choices {weak} → {strong}")
        rows = [row for part in parts for row in part.data if _has(row, weak, strong)]
        orders = []
        for part in parts:
            known, asked = ([row for row in side if _has(row, weak, strong)] for side in (part.fit, part.data))
            orders.append(ordered(known, asked, weak, strong, options))
        opinions = _mean([sum(_cost(one, weak) for one in order.asked) for order in orders], orders)
        simple = _simple(weak)
        made.append(
            Pair(
                name=f"mcq: {weak} → {strong}",
                source=SET,
                weak=_right(rows, weak),
                strong=_right(rows, strong),
                ours=np.concatenate([order.scores for order in orders]),
                baseline=-simple(rows),
                baseline_name="mean of two wordings" if weak == "Mixtral" else "max probability",
                opinions=opinions,
                baseline_opinions=1.0 if weak == "Mixtral" else 0.0,
                groups=_groups(rows),
                steps=_steps(f"{weak} → {strong}", weak, orders),
            )
        )
    return made


# ---------------------------------------------------------------- one order


def ordered(known: Sequence[Row], asked: Sequence[Row], weak: str, strong: str, options: Options) -> Order:
    """Scores of rows, highest first to the strong model; correctness is read of `known` rows alone."""
    others = [name for name in PRICES if any(name in row for row in known[:50])]
    candidates = affordable(others, weak, strong)
    opinions, steps = chosen(known, weak, strong, candidates[:2] if options.quick else candidates)
    right, best = _right(known, weak), _right(known, strong)
    groups, groups_asked = _groups(known), _groups(asked)
    if not opinions:
        return Order(_among(-_first(known, weak), groups, -_first(asked, weak), groups_asked), (), steps)
    table = features([*known, *asked], weak, opinions)
    # Scores of the known rows as well: those of each set are told as their place among these.
    both = np.concatenate([groups, groups_asked])
    sets = sorted(set(groups.tolist()))
    wide = np.column_stack([table, *[(both == name) * 1.0 for name in sets]])
    trees, count = 20 if options.quick else 100, len(known)
    parts = [
        _linear(table[:count], best - right, groups, table, both),
        many_trees(wide[:count], right, best, wide, trees, 12, options.seed),
        boosted(wide[:count], best - right, wide, trees, (options.seed,)),
    ]
    gain = np.asarray(np.mean(parts, axis=0), np.float64)
    return Order(_among(gain[:count], groups, gain[count:], groups_asked), tuple(opinions), steps)


def chosen(
    known: Sequence[Row], weak: str, strong: str, candidates: Sequence[str]
) -> tuple[list[str], tuple[tuple[str, float], ...]]:
    """Opinions that are worth their price, in the order in which they were found, by cross-validation on `known`."""
    right, best, groups = _right(known, weak), _right(known, strong), _groups(known)
    parts = np.array([fold(str(row["id"]), "opinions", _INNER) for row in known])
    table = {name: features(known, weak, [name]) for name in (SECOND, *candidates)}
    own = features(known, weak, [])
    if (best - right).mean() <= 0.0:
        return [], ()

    def area(names: Sequence[str]) -> float:
        columns = np.column_stack([own, *[table[name][:, own.shape[1] :] for name in names]])
        scores = np.zeros(len(known))
        for number in range(_INNER):
            seen, unseen = parts != number, parts == number
            gain = (best - right)[seen]
            scores[unseen] = _linear(columns[seen], gain, groups[seen], columns[unseen], groups[unseen])
        return _area(scores, right, best, groups)

    alone = max(_area(-_first(known, weak), right, best, groups), area([]))
    steps: list[tuple[str, float]] = [("", alone)]
    while len(steps) <= _MOST and len(steps) <= len(table):
        asked = [name for name, _ in steps if name]
        found = {name: area([*asked, name]) for name in table if name not in asked}
        name = max(found, key=lambda one: found[one] - _WORTH * _cost(one, weak))
        steps.append((name, found[name]))
    worth = [reached - _WORTH * _paid(steps[: place + 1], weak) for place, (_, reached) in enumerate(steps)]
    return [name for name, _ in steps[1 : int(np.argmax(worth)) + 1]], tuple(steps)


def features(rows: Sequence[Row], weak: str, opinions: Sequence[str]) -> Floats:
    """Log odds of the probabilities of the draft and of the opinions; correctness is not read."""
    first, second = _log_odds(rows, weak, 1), _log_odds(rows, weak, 3)
    columns = [first]
    for name in opinions:
        if name == SECOND:
            columns += [second, (_first(rows, weak) + _probability(rows, weak, 3)) / 2.0, np.minimum(first, second)]
        else:
            columns.append(_log_odds(rows, name, 1))
    return np.column_stack(columns)


def _among(known: Floats, groups: Texts, asked: Floats, groups_asked: Texts) -> Floats:
    """The place of each score among the known ones of its set, so that orders learned from other rows may be mixed."""
    scores = np.zeros(len(asked))
    for group in np.unique(groups_asked):
        own = np.sort(known[groups == group] if (groups == group).any() else known)
        scores[groups_asked == group] = np.interp(asked[groups_asked == group], own, np.linspace(0.0, 1.0, len(own)))
    return scores


def _linear(table: Floats, gain: Floats, groups: Texts, asked: Floats, groups_asked: Texts) -> Floats:
    """A linear form for each set of questions; for a set that was not learned from, one for all."""
    scores = np.zeros(len(asked))
    for group in np.unique(groups_asked):
        own, there = groups == group, groups_asked == group
        own = own if own.sum() >= 50 else np.ones(len(groups), np.bool_)
        scores[there] = ridge(table[own], gain[own], asked[there])
    return scores


# ---------------------------------------------------------------- what is read of rows


def _has(row: Row, weak: str, strong: str) -> bool:
    return weak in row and strong in row


def _right(rows: Sequence[Row], model: str) -> Floats:
    return np.array([float(row[model][0] == 1) for row in rows])


def _probability(rows: Sequence[Row], model: str, place: int) -> Floats:
    """Probabilities of one wording; a model that was not asked a question is neither sure nor unsure."""
    return np.array([float(row[model][place]) if model in row else 0.5 for row in rows])


def _first(rows: Sequence[Row], model: str) -> Floats:
    return _probability(rows, model, 1)


def _log_odds(rows: Sequence[Row], model: str, place: int) -> Floats:
    given = np.clip(_probability(rows, model, place), _SURE, 1.0 - _SURE)
    return np.asarray(np.log(given / (1.0 - given)), np.float64)


def _groups(rows: Sequence[Row]) -> Texts:
    return np.array([str(row["dataset"]) for row in rows])


def _simple(weak: str) -> Callable[[Sequence[Row]], Floats]:
    if weak != "Mixtral":
        return lambda rows: _first(rows, weak)
    return lambda rows: (_first(rows, weak) + _probability(rows, weak, 3)) / 2.0


def _area(scores: Floats, weak: Floats, strong: Floats, groups: Texts) -> float:
    each = [groups == group for group in np.unique(groups)]
    led = [rows for rows in each if (strong - weak)[rows].mean() >= LEAD] or [np.ones(len(groups), np.bool_)]
    return float(np.mean([apgr(scores[rows], weak[rows], strong[rows]) for rows in led]))


# ---------------------------------------------------------------- what is told


def _cost(opinion: str, weak: str) -> float:
    return 1.0 if opinion == SECOND else price([opinion], weak)


def _paid(steps: Sequence[tuple[str, float]], weak: str) -> float:
    return sum(_cost(name, weak) for name, _ in steps if name)


def _mean(costs: Sequence[float], orders: Sequence[Order]) -> float:
    """The mean price over rows."""
    return float(np.average(costs, weights=[max(1, len(order.scores)) for order in orders]))


def _steps(pair: str, weak: str, orders: Sequence[Order]) -> tuple[dict[str, Any], ...]:
    """What each opinion added in cross-validation on the rows that were learned from; the first split's."""
    steps = orders[0].steps
    return tuple(
        {
            "pair": pair,
            "asked as well": name or "(draft alone)",
            "paid, in drafts": _paid(steps[: place + 1], weak),
            "APGR": area,
            "kept": "yes" if not name or name in orders[0].asked else "",
        }
        for place, (name, area) in enumerate(steps)
    )
