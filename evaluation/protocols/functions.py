"""H3: calls of functions by a small system, held, repaired, weighed, and escalated where that is expected to help.

Read and repair → schemas of the functions → signals → learned gain → threshold → escalate, each by the product's own
code. The threshold is chosen for a share of escalations on the rows learned from, each scored by what was learned from
the others. A second opinion is a third system that was asked for every request (`with`), for none (`without`), or where
the draft's own signals leave doubt (`in doubt`); its price and its time are charged. Figures compare with the plain
check: escalate what breaks the schema.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from evaluation.bootstrap import interval, means
from evaluation.data import Folder
from evaluation.metrics import PRICES, oracle, quality, worth
from evaluation.protocols.functions_cases import GEMMA, GLYPHH, Cases, Numbers, cases_of, key, learned, scored
from evaluation.protocols.functions_pair import OPINION_PRICE, apart
from evaluation.report import Curve, Figure, Options, Report
from evaluation.splits import fold

__all__ = ["run"]

SHARE: Final = 0.37
"""Share of escalations for which the threshold is chosen: with room beneath .40, since the rows scored are others."""
_SURE: Final = 0.30
"""Share of drafts that are sure enough by their own signals for no second opinion to be asked."""
_PARTS: Final = 4
"""Of the rows learned from: the threshold is chosen on each by what was learned from the others."""


@dataclass(frozen=True, slots=True)
class Gate:
    """One way to decide: scores, what was escalated by its threshold, and for which rows an opinion was asked."""

    scores: Numbers
    escalated: Numbers
    asked: Numbers


def run(fit: Folder, data: Folder, options: Options) -> Report:
    """Score the cascade. Raises `Absent` where the recorded calls are missing."""
    rows, splits, places = apart(fit, data)
    options.step("calls of functions: signals")
    cases = cases_of(rows, strong=GEMMA, opinion=GLYPHH)
    keys = [key(row) for row in rows]
    gates = _gates(cases, keys, splits, options)
    at = np.array(places)
    base = cases.flagged[at]
    weak, strong, plain = cases.weak[at], cases.strong[at], cases.plain[at]
    figures = []
    for name, gate in gates.items():
        figures += _figures(name, gate, at, (weak, strong, plain, base), options)
    figures.append(_repair(weak, plain, options))
    return Report(
        "H3",
        "Calls of functions: AIREV 0.8B → gemma4",
        tuple(figures),
        {
            "cascade": [_row(name, gate, at, cases) for name, gate in gates.items()] + [_schema_only(at, cases)],
            "accuracy at share escalated": _table(gates, at, weak, strong),
            "kinds of requests": _kinds(gates["with"], at, cases),
        },
        curves={"calls of functions": _curves(gates, at, cases)},
        axes=("share escalated", "accuracy"),
        notes=(
            f"AIREV alone {plain.mean():.3f}, repaired {weak.mean():.3f}; gemma4 alone {strong.mean():.3f}; "
            f"either right {np.maximum(weak, strong).mean():.3f}",
            f"our grading differs from the recorded verdict on {cases.disputed} of {len(rows)} drafts",
            f"thresholds for {SHARE:.0%} escalated, chosen on the rows learned from, out of fold",
            "the draft's own time is not recorded; seconds are those of gemma4 and of the second opinion",
        ),
    )


def _gates(
    cases: Cases, keys: list[str], splits: list[tuple[list[int], list[int]]], options: Options
) -> dict[str, Gate]:
    """The three ways, each by what was learned apart from the rows it scores."""
    size = len(keys)
    made = {name: Gate(np.zeros(size), np.zeros(size), np.zeros(size)) for name in ("with", "in doubt", "without")}
    for number, (learn_from, score) in enumerate(splits):
        options.step(f"calls of functions: part {number + 1} of {len(splits)}")
        chooses, at = np.array(learn_from), np.array(score)
        part = np.array([fold(keys[i], "threshold", _PARTS) for i in learn_from])
        own_chooses, own_scores = _scores(cases.own, cases, (chooses, part), at, options)
        all_chooses, all_scores = _scores(cases.all, cases, (chooses, part), at, options)
        sure = float(np.quantile(own_chooses, _SURE))
        doubtful = _in_doubt(sure, cases)
        _decide(made["without"], at, own_chooses, own_scores, np.zeros(len(at)))
        _decide(made["with"], at, all_chooses, all_scores, np.ones(len(at)))
        mixed = doubtful(own_chooses, all_chooses, chooses), doubtful(own_scores, all_scores, at)
        _decide(made["in doubt"], at, *mixed, ((own_scores > sure) & (cases.refused[at] == 0)).astype(np.float64))
    return made


def _scores(
    columns: dict[str, Numbers], cases: Cases, known: tuple[Any, Any], at: Any, options: Options
) -> tuple[Numbers, Numbers]:
    """Scores of the rows learned from, each by what was learned from the other parts; and of the rows `at`, by all."""
    rows, part = known
    apart = np.zeros(len(rows))
    for number in np.unique(part):
        inside = part == number
        fitted = learned(columns, cases, rows[~inside], quick=options.quick)
        apart[inside] = scored(fitted, columns, cases, rows[inside])
    return apart, scored(learned(columns, cases, rows, quick=options.quick), columns, cases, at)


def _in_doubt(sure: float, cases: Cases) -> Callable[[Numbers, Numbers, Any], Numbers]:
    """The score with the opinion where the draft's own is above `sure`, and one below all others where it is not."""

    def mixed(own: Numbers, both: Numbers, rows: Any) -> Numbers:
        return np.where((own > sure) | (cases.refused[rows] > 0), both, own - 10.0)

    return mixed


def _decide(gate: Gate, at: Any, chooses: Numbers, scores: Numbers, asked: Numbers) -> None:
    threshold = np.quantile(chooses, 1.0 - SHARE)
    gate.scores[at] = scores
    gate.escalated[at] = scores > threshold
    gate.asked[at] = asked


def _figures(
    name: str, gate: Gate, at: Any, known: tuple[Numbers, Numbers, Numbers, Numbers], options: Options
) -> list[Figure]:
    weak, strong, plain, flagged = known
    escalated = gate.escalated[at]
    ours = np.where(escalated > 0, strong, weak)
    base = np.where(flagged > 0, strong, plain)
    drawn, other = (means(each, options.rounds, options.seed, "functions") for each in (ours, base))
    shares = means(escalated, options.rounds, options.seed, "functions")
    (low, high), (less, more), (few, many) = interval(drawn), interval(drawn - other), interval(shares)
    marked = name == "with"
    return [
        Figure(
            f"accuracy, second opinion {name}", float(ours.mean()), low, high, float(base.mean()),
            float((ours - base).mean()), less, more, mark=0.82 if marked else None, goal=0.839 if marked else None,
            rows=len(ours),
        ),
        Figure(
            f"share escalated, second opinion {name}", float(escalated.mean()), few, many, float(flagged.mean()),
            mark=0.40 if marked else None, goal=0.35 if marked else None, better="lower", rows=len(ours),
        ),
    ]  # fmt: skip


def _repair(weak: Numbers, plain: Numbers, options: Options) -> Figure:
    drawn, other = (means(each, options.rounds, options.seed, "functions") for each in (weak, plain))
    (low, high), (less, more) = interval(drawn), interval(drawn - other)
    gained = float((weak - plain).mean())
    return Figure(
        "drafts right after repair", float(weak.mean()), low, high, float(plain.mean()), gained, less, more,
        rows=len(weak),
    )  # fmt: skip


def _row(name: str, gate: Gate, at: Any, cases: Cases) -> dict[str, Any]:
    """Cost and time of one way."""
    escalated, asked = gate.escalated[at], gate.asked[at]
    served = np.where(escalated > 0, cases.strong[at], cases.weak[at])
    seconds = escalated * cases.strong_s[at] + asked * cases.opinion_s[at]
    return {
        "second opinion": name,
        "accuracy": round(float(served.mean()), 4),
        "escalated": round(float(escalated.mean()), 4),
        "asked": round(float(asked.mean()), 4),
        **{
            f"cost at {price}": round(float(price + escalated.mean() + OPINION_PRICE * price * asked.mean()), 4)
            for price in PRICES
        },
        "seconds beside the draft": round(float(seconds.mean()), 2),
        "seconds of gemma4 always": round(float(cases.strong_s[at].mean()), 2),
        "APGR": round(worth(gate.scores[at], cases.weak[at], cases.strong[at]).apgr, 4),
    }


def _schema_only(at: Any, cases: Cases) -> dict[str, Any]:
    gate = Gate(cases.flagged, cases.flagged, np.zeros(len(cases.flagged)))
    row = _row("schema alone", gate, at, cases)
    served = np.where(cases.flagged[at] > 0, cases.strong[at], cases.plain[at])
    return {**row, "accuracy": round(float(served.mean()), 4)}


def _table(gates: dict[str, Gate], at: Any, weak: Numbers, strong: Numbers) -> list[dict[str, Any]]:
    found = []
    for share in (0.1, 0.2, 0.3, 0.35, 0.4, 0.5, 0.6):
        row: dict[str, Any] = {"escalated": share}
        for name, gate in gates.items():
            grid, reached = quality(gate.scores[at], weak, strong)
            row[name] = round(float(np.interp(share, grid, reached)), 4)
        row["random"] = round(float(weak.mean() + share * (strong - weak).mean()), 4)
        found.append(row)
    return found


def _kinds(gate: Gate, at: Any, cases: Cases) -> list[dict[str, Any]]:
    kinds = np.array(cases.categories)[at]
    served = np.where(gate.escalated[at] > 0, cases.strong[at], cases.weak[at])
    return [
        {
            "kind": str(kind),
            "rows": int((kinds == kind).sum()),
            "draft": round(float(cases.weak[at][kinds == kind].mean()), 3),
            "served": round(float(served[kinds == kind].mean()), 3),
            "gemma4": round(float(cases.strong[at][kinds == kind].mean()), 3),
            "escalated": round(float(gate.escalated[at][kinds == kind].mean()), 3),
        }
        for kind in np.unique(kinds)
    ]


def _curves(gates: dict[str, Gate], at: Any, cases: Cases) -> tuple[Curve, ...]:
    weak, strong = cases.weak[at], cases.strong[at]
    named = (
        ("ours", gates["with"].scores[at]),
        ("ours, own signals", gates["without"].scores[at]),
        ("baseline", cases.flagged[at]),
        ("oracle", oracle(weak, strong)),
    )
    drawn = [_curve(name, scores, weak, strong) for name, scores in named]
    return (*drawn, Curve("random", (0.0, 1.0), (float(weak.mean()), float(strong.mean()))))


def _curve(name: str, scores: Numbers, weak: Numbers, strong: Numbers) -> Curve:
    grid, reached = quality(scores, weak, strong)
    return Curve(name, tuple(grid[::10].tolist()), tuple(reached[::10].tolist()))
