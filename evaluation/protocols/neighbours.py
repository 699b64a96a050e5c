"""NEIGHBOURS: what past errors at questions like one are worth as a signal (`neighbours_right`), on recorded answers.

Neighbours are the questions learned from, by the encoder and the arithmetic of the product; that their drafts were
right is known of all of them, which is more than traffic gives. Told is the order that the signal makes alone, beside
the mean of the topic, and what it adds to a learned score: to what H1 knows of the same drafts, or of the same
questions, without second opinions. H1 does not use it, since it adds nothing there.

Encoding the questions takes minutes, so that this protocol runs only where it is named.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np

from evaluation.bootstrap import areas_of, interval
from evaluation.data import Absent, Folder, Row
from evaluation.metrics import Order, apgr
from evaluation.protocols.routing_learned import Both, Side, gain_order, over_splits
from evaluation.protocols.routing_prompts import asked_columns, graded, question_of
from evaluation.protocols.routing_solutions import draft_columns
from evaluation.protocols.routing_texts import Numbers, Rows, out_of_fold, shrunken
from evaluation.report import Figure, Options, Report
from pipeline.adapters.embedding import embed
from pipeline.confidence.signals import Near
from pipeline.confidence.signals.neighbours import NAMES, right_nearby
from pipeline.errors import PartMissing

__all__ = ["run"]

NEAREST: Final = 20
_BATCH: Final = 32
_AT_ONCE: Final = 500

Columns = Callable[[Side], dict[str, Both]]


def run(fit: Folder, data: Folder, options: Options) -> Report:
    """Measure the sets that are there. Raises `Absent` where none is, or the encoder is not."""
    figures: list[Figure] = []
    notes: list[str] = []
    for name, source, text, key, quality, topic, columns in _SETS:
        options.step(name)
        try:
            figures += _measured(name, source, (text, key, quality, topic, columns), fit, data, options)
        except Absent as missing:
            notes.append(f"left out: {missing}")
        except PartMissing as missing:
            raise Absent(missing.message) from None
    if not figures:
        raise Absent("; ".join(notes))
    notes.append("alone: beside the mean of the topic; added: beside the same learned score without it")
    return Report(
        "NEIGHBOURS", "Past errors at questions like one, as a signal", tuple(figures), {}, notes=tuple(notes)
    )


def _measured(
    name: str, source: str, how: tuple[Any, ...], fit: Folder, data: Folder, options: Options
) -> Iterator[Figure]:
    text, key, quality, topic, columns = how

    def scores(side: Side) -> list[Numbers]:
        vectors = _vectors(tuple(text(row) for row in side.rows))
        near = out_of_fold(
            lambda rows, scored: _near(vectors, side.weak, rows, scored), side.known, side.others, side.keys
        )
        known = columns(side)
        orders = [
            gain_order(side, each, quick=options.quick, seed=options.seed) for each in (known | {NAMES[0]: near}, known)
        ]
        topics = np.array([topic(row) for row in side.rows])
        alone = np.nan_to_num(near[1], nan=float(side.weak[side.known].mean()))
        return [*orders, -alone, -shrunken(topics, side.weak, side.known, side.others)]

    weak, strong, (added, without, alone, topical) = over_splits(
        fit, data, source, key, quality, scores, quick=options.quick
    )
    for said, ours, other in (("alone", alone, topical), ("added", added, without)):
        drawn, base = (
            areas_of(Order(order, weak, strong), options.rounds, options.seed, name) for order in (ours, other)
        )
        mean, before = apgr(ours, weak, strong), apgr(other, weak, strong)
        yield Figure(
            f"APGR {name}, {said}",
            mean,
            *interval(drawn),
            before,
            mean - before,
            *interval(drawn - base),
            rows=len(weak),
        )


def _near(vectors: Numbers, right: Numbers, rows: Rows, scored: Rows) -> Numbers:
    """The product's signal of the `scored` rows by what became of `rows`; nan where it says nothing."""
    prior, made = float(right[rows].mean()), []
    for first in range(0, len(scored), _AT_ONCE):
        alike = vectors[scored[first : first + _AT_ONCE]] @ vectors[rows].T
        nearest = np.argpartition(-alike, min(NEAREST, len(rows)) - 1, axis=1)[:, :NEAREST]
        for line, places in zip(alike, nearest, strict=True):
            near = [Near(float(line[place]), bool(right[rows[place]])) for place in places.tolist()]
            made.append(right_nearby(near, prior))
    return np.array([np.nan if value is None else value for value in made], np.float64)


@lru_cache(maxsize=4)
def _vectors(texts: tuple[str, ...]) -> Numbers:
    """Vectors of length 1; texts of like length go together, since a batch is as long as its longest."""
    made = np.zeros((len(texts), len(embed(["a"])[0])))
    order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    for first in range(0, len(order), _BATCH):
        places = order[first : first + _BATCH]
        made[places] = embed([texts[place] for place in places])
    unit: Numbers = made / np.linalg.norm(made, axis=1, keepdims=True)
    return unit


def _of_drafts(side: Side) -> dict[str, Both]:
    return draft_columns(side, [str(row["weak_answer"]) for row in side.rows], [{}] * len(side.rows))


def _of_questions(field: str, topic: str) -> Columns:
    def columns(side: Side) -> dict[str, Both]:
        texts: Sequence[str] = [str(row[field]) for row in side.rows]
        return asked_columns(side, texts, [str(row[topic]) for row in side.rows])

    return columns


def _direct(row: Row) -> tuple[float, float]:
    return float(row["direct_correct"]), float(row["cot_correct"])


_SETS: Final[tuple[tuple[str, str, Any, Any, Any, Any, Columns], ...]] = (
    (
        "GSM8K Mixtral → GPT-4",
        "routellm-cascade/gsm8k",
        lambda row: str(row["prompt"]),
        lambda row: str(row["id"]),
        graded,
        lambda _row: "",
        _of_drafts,
    ),
    (
        "BBH direct → thought",
        "bbh-direct-vs-cot/items",
        lambda row: str(row["question"]),
        lambda row: str(row["question"]),
        _direct,
        lambda row: str(row["task"]),
        _of_questions("question", "task"),
    ),
    (
        "MMLU Mixtral → GPT-4",
        "routellm-cascade/mmlu",
        lambda row: str(row["prompt"]),
        question_of,
        graded,
        lambda row: str(row["subject"]),
        _of_questions("prompt", "subject"),
    ),
)
