"""The four sets of the memory's protocol: what is remembered, what is asked, and which remembered answer is right."""

import random
from collections import Counter
from collections.abc import Callable
from typing import Final

import numpy as np

from evaluation.data import Absent, Folder, Row
from evaluation.protocols.likeness_find import Find, nearest
from evaluation.splits import fold
from pipeline.calibrate.likeness.asked import Asked

__all__ = ["CANDIDATES", "SETS", "asked", "texts_of"]

CANDIDATES: Final = 5
DRAWN: Final = 4000


def _disfluent(rows: list[Row], quick: bool, find: Find) -> Asked:
    rows = rows[:400] if quick else rows
    even = [int(row["id"][-1], 16) % 2 == 0 for row in rows]
    kept = [row for row, is_even in zip(rows, even, strict=True) if is_even]
    texts = [row["disfluent"] for row in rows]
    places, cosines = find([row["original"] for row in kept], texts, CANDIDATES, None)
    original = np.array([row["original"].strip() for row in kept])
    own = np.array([row["original"].strip() for row in rows])
    return Asked(
        "Disfl-QA", tuple(texts), tuple(row["original"] for row in kept), places, cosines,
        original[places] == own[:, None], np.array(even), np.zeros(len(rows), bool), np.ones(len(rows), bool),
        tuple(row["group"] for row in rows), tuple(row["group"] for row in kept),
    )  # fmt: skip


def _slots(rows: list[Row], quick: bool, find: Find) -> Asked:
    return _one_out("SNIPS", rows, lambda row: f"{row['intent']} {row['slots']}", None, 800 if quick else None, find)


def _intents(name: str) -> Callable[[list[Row], bool, Find], Asked]:
    return lambda rows, quick, find: _one_out(
        name, rows, lambda row: str(row["intent"]), DRAWN, 800 if quick else None, find
    )


def _one_out(
    name: str, rows: list[Row], meaning: Callable[[Row], str], count: int | None, most: int | None, find: Find
) -> Asked:
    """Each question is asked of all the others. `count`: draw so many; all that nothing may answer are asked."""
    rows = rows[:most]
    meanings = [meaning(row) for row in rows]
    chosen = list(range(len(rows)))
    if count is not None and count < len(rows):
        chosen = sorted(random.Random(7).sample(chosen, count))
    drawn = set(chosen)
    chosen += [place for place, each in enumerate(meanings) if each == "oos" and place not in drawn]
    texts = [str(row["text"]) for row in rows]
    places, cosines = find(texts, [texts[place] for place in chosen], CANDIDATES, chosen)
    own, times = np.array(meanings), Counter(meanings)
    mine = own[chosen]
    never = mine == "oos"
    keys = tuple(text if each == "oos" else each for each, text in zip(meanings, texts, strict=True))
    return Asked(
        name, tuple(texts[place] for place in chosen), tuple(texts), places, cosines,
        (own[places] == mine[:, None]) & ~never[:, None], np.array([times[each] > 1 for each in mine]) & ~never, never,
        np.array([place in drawn for place in chosen]), tuple(keys[place] for place in chosen), keys,
    )  # fmt: skip


SETS: Final[dict[str, tuple[str, Callable[[list[Row], bool, Find], Asked]]]] = {
    "Disfl-QA": ("cache-disflqa/pairs", _disfluent),
    "SNIPS": ("cache-snips-slots/queries", _slots),
    "Banking77": ("cache-banking77/queries", _intents("Banking77")),
    "CLINC150": ("cache-clinc150/queries", _intents("CLINC150")),
}


def asked(folder: Folder, name: str, quick: bool, without: frozenset[str] = frozenset(), find: Find = nearest) -> Asked:
    """One set of a folder, without the rows of which a text stands in `without`. Raises `Absent`."""
    file, make = SETS[name]
    rows = [row for row in folder.rows(file) if not without & texts_of(row)] if without else folder.rows(file)
    if len(rows) <= CANDIDATES * 2:
        raise Absent(f"{file}: nothing is left to learn from")
    rows.sort(key=lambda row: fold(str(row["id"]), "order", 1 << 30) if quick else 0)
    return make(rows, quick, find)


def texts_of(row: Row) -> set[str]:
    """The texts of a row, as they are compared between folders."""
    return {" ".join(str(row[field]).lower().split()) for field in ("text", "original", "disfluent") if field in row}
