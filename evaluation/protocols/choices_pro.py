"""Three pairs of models on MMLU-Pro: ten options, thirteen models, and their answers as second opinions.

Ours counts the opinions as votes, each by how often that model is right in the category on the rows that are learned
from, and reads the text of the draft where it is recorded; a gain of escalation is learned from this. The baseline is
the recipe of boosting on plain agreement with two cheap models. Which answer is right is read of rows that are learned
from alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from evaluation.data import Absent, Folder, Row
from evaluation.protocols.choices_learn import boosted, many_trees, price
from evaluation.protocols.choices_text import of_question, of_text
from evaluation.protocols.pairs import Pair
from evaluation.report import Options
from evaluation.splits import Split, splits

__all__ = ["PRO", "Trio", "columns", "pro_pairs", "recipe", "votes"]

SET: Final = "mmlupro-many-models/items"
TEXTS: Final = "mmlupro-many-models/weak_texts"
_LETTERS: Final = 10
_question = lru_cache(maxsize=20_000)(of_question)
_text = lru_cache(maxsize=40_000)(of_text)
_BELIEVED: Final = 30.0
"""Answers of a model in a category that its mean over all categories counts for."""

Floats = NDArray[np.float64]
Texts = Mapping[Any, Row]


@dataclass(frozen=True, slots=True)
class Trio:
    """A weak and a strong model, whose opinions are asked, and the two that the recipe of the baseline asks."""

    name: str
    weak: str
    strong: str
    asked: tuple[str, ...]
    recipe: tuple[str, str]


_LLAMA, _MATH, _PHI = "Meta-Llama-3_1-8B-Instruct", "mathstral-7B", "Phi-3-mini-4k-instruct"
PRO: Final = (
    Trio("Llama-3.1 8B → 70B", _LLAMA, "Meta-Llama-3_1-70B-Instruct", (_MATH, _PHI), (_MATH, _PHI)),
    Trio("Gemini Flash → Pro", "gemini-1.5-flash-002", "gemini-1.5-pro-002", (_LLAMA, _MATH), (_LLAMA, _MATH)),
    Trio(
        "Qwen1.5 7B → 72B",
        "Qwen1.5-7B-Chat",
        "Qwen1.5-72B-Chat",
        (_LLAMA, _MATH, _PHI, "Mistral-7B-Instruct-v0.2", "Yi-6b-Chat"),
        ("Yi-6b-Chat", _PHI),
    ),
)


def pro_pairs(fit: Folder, data: Folder, options: Options) -> list[Pair]:
    """The three pairs. Raises `Absent`."""
    parts = splits(fit, data, SET, lambda row: str(row["question"]))
    texts = {**_texts(fit), **_texts(data)}
    rows = [row for part in parts for row in part.data]
    made = []
    for trio in PRO:
        options.step(f"choices {trio.name}")
        ours, plain = zip(*(_scored(part, trio, texts, options) for part in parts), strict=True)
        made.append(
            Pair(
                name=f"MMLU-Pro: {trio.name}",
                source=SET,
                weak=_right(rows, trio.weak),
                strong=_right(rows, trio.strong),
                ours=np.concatenate(ours),
                baseline=np.concatenate(plain),
                baseline_name="boosting on agreement with two",
                opinions=price(trio.asked, trio.weak),
                baseline_opinions=price(trio.recipe, trio.weak),
            )
        )
    return made


def _scored(part: Split, trio: Trio, texts: Texts, options: Options) -> tuple[Floats, Floats]:
    """Ours and the baseline's scores of the rows of a split that are scored."""
    right, best = _right(part.fit, trio.weak), _right(part.fit, trio.strong)
    # How far models are believed is counted on the very rows that a score is learned from: hundreds for each number.
    own, asked = (columns(side, trio.weak, trio.asked, texts, part.fit) for side in (part.fit, part.data))
    known, scored = (np.column_stack([side[name] for name in own]) for side in (own, asked))
    trees = 15 if options.quick else 80
    gain = boosted(known, best - right, scored, trees, (options.seed,))
    apart = boosted(known, best, scored, trees, (options.seed,)) - boosted(known, right, scored, trees, (options.seed,))
    wide = many_trees(known, right, best, scored, trees, 8, options.seed)
    return (gain + apart + wide) / 3.0, recipe(part, trio, options)


def columns(
    rows: Sequence[Row], weak: str, asked: Sequence[str], texts: Texts, known: Sequence[Row]
) -> dict[str, Floats]:
    """Signals of drafts by name; nothing of `rows` says which answer is right, everything of `known` may."""
    shares = votes(rows, [weak, *asked], known)
    others = votes(rows, list(asked), known)
    choice = _choices(rows, weak)
    made: dict[str, list[float]] = {}

    def note(values: Mapping[str, float]) -> None:
        for name, value in values.items():
            made.setdefault(name, []).append(value)

    categories = sorted({str(row["category"]) for row in known})
    answers = {name: _choices(rows, name) for name in asked}
    for place, row in enumerate(rows):
        own = int(choice[place])
        note(_of_answers(row, own, weak, {name: int(answers[name][place]) for name in asked}))
        note(_question(row["question"], tuple(row["options"])))
        note({f"category_{name}": float(row["category"] == name) for name in categories})
        for model in (weak, *asked):
            text = texts.get(row["id"], {}).get(model)
            if text is not None:
                at = _letter(row["systems"][model][0])
                said = _text(text, tuple(row["options"]), at if at >= 0 else None)
                note({f"{model}_{name}": value for name, value in said.items()})
    whole = {name: np.array(values, np.float64) for name, values in made.items() if len(values) == len(rows)}
    return whole | _of_votes(shares, choice, "all") | _of_votes(others, choice, "others")


def votes(rows: Sequence[Row], models: Sequence[str], known: Sequence[Row]) -> Floats:
    """How likely each option is the right one, by who chose it and how often that model is right in the category."""
    counts = np.array([min(_LETTERS, len(row["options"])) for row in rows])
    odds = np.zeros((len(rows), _LETTERS))
    odds[np.arange(_LETTERS)[None, :] >= counts[:, None]] = -np.inf
    for model in models:
        believed = _reliability(known, model)
        rates = np.array([believed.get(str(row["category"]), believed[""]) for row in rows])
        weights = np.maximum(0.05, np.log(rates * (counts - 1) / (1.0 - rates)))
        chosen = _choices(rows, model)
        counted = np.flatnonzero((chosen >= 0) & (chosen < counts))
        odds[counted, chosen[counted]] += weights[counted]
    shares = np.exp(odds - odds.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), np.float64)


def _reliability(known: Sequence[Row], model: str) -> dict[str, float]:
    """How often a model is right by category, where it answers at all; "" is the mean."""
    answered = [row for row in known if row["systems"][model][0] is not None]
    mean = (sum(row["systems"][model][1] for row in answered) + 1.0) / (len(answered) + 2.0)
    found = {"": mean}
    for category in {str(row["category"]) for row in answered}:
        own = [row["systems"][model][1] for row in answered if row["category"] == category]
        found[category] = (sum(own) + _BELIEVED * mean) / (len(own) + _BELIEVED)
    return found


def _of_votes(shares: Floats, own: NDArray[np.int64], name: str) -> dict[str, Floats]:
    rows = np.arange(len(own))
    rest, spoken = shares.copy(), own >= 0
    mine = np.where(spoken, shares[rows, np.maximum(own, 0)], 0.0)
    rest[rows[spoken], own[spoken]] = 0.0
    return {
        f"{name}_for": mine,
        f"{name}_against": rest.max(axis=1),
        f"{name}_margin": mine - rest.max(axis=1),
        f"{name}_entropy": -np.sum(shares * np.log(shares + 1e-9), axis=1),
    }


def _of_answers(row: Row, own: int, weak: str, answers: Mapping[str, int]) -> dict[str, float]:
    """Agreement with the draft and among the others, null answers, and lengths."""
    against = [at for at in answers.values() if at >= 0 and at != own]
    told = {
        "no_answer": float(own < 0),
        "length": float(np.log1p(row["systems"][weak][2])),
        "agree": float(sum(own >= 0 and at == own for at in answers.values())),
        "silent": float(sum(at < 0 for at in answers.values())),
        "against_together": float(max((against.count(at) for at in against), default=0)),
    }
    for model, at in answers.items():
        told[f"{model}_agrees"] = float(own >= 0 and at == own)
        told[f"{model}_length"] = float(np.log1p(row["systems"][model][2]))
    return told


def recipe(part: Split, trio: Trio, options: Options) -> Floats:
    """The baseline: boosting on plain agreement with two, null answer, lengths, number of options, category."""
    from sklearn.ensemble import GradientBoostingRegressor

    categories = sorted({str(row["category"]) for row in part.fit})

    def table(rows: Sequence[Row]) -> Floats:
        own = _choices(rows, trio.weak)
        agreed = [(own >= 0) & (own == _choices(rows, other)) for other in trio.recipe]
        plain = [(row["systems"][trio.weak][2], len(row["question"]), len(row["options"])) for row in rows]
        place = [[float(row["category"] == name) for name in categories] for row in rows]
        return np.column_stack([*agreed, own < 0, np.array(plain), np.array(place)]).astype(np.float64)

    gain = _right(part.fit, trio.strong) - _right(part.fit, trio.weak)
    known, asked = table(part.fit), table(part.data)
    seeds = range(1 if options.quick else 3)
    each = [
        GradientBoostingRegressor(n_estimators=80, max_depth=3, subsample=0.7, random_state=seed)
        .fit(known, gain)
        .predict(asked)
        for seed in seeds
    ]
    return np.asarray(np.mean(each, axis=0), np.float64)


# ---------------------------------------------------------------- what is read of rows


def _texts(folder: Folder) -> Texts:
    try:
        return {row["id"]: row for row in folder.rows(TEXTS)}
    except Absent:
        return {}


def _right(rows: Sequence[Row], model: str) -> Floats:
    return np.array([float(row["systems"][model][1] == 1) for row in rows])


def _letter(answer: object) -> int:
    return ord(answer[0]) - ord("A") if isinstance(answer, str) and answer else -1


def _choices(rows: Sequence[Row], model: str) -> NDArray[np.int64]:
    return np.array([_letter(row["systems"][model][0]) for row in rows], np.int64)
