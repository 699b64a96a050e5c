"""Pairs of models where the question says when the strong one is needed: MMLU, BIG-Bench Hard, MT-Bench.

The signals are the means of the topic, scores of the words learned out of fold, and how the question is worded; where
the draft is recorded (the direct answers of BIG-Bench Hard), its text as well.
"""

import re
from collections.abc import Sequence
from typing import Final

import numpy as np

from evaluation.data import Folder, Row
from evaluation.protocols.pairs import Pair
from evaluation.protocols.routing_learned import Both, Side, gain_order, over_splits, topical
from evaluation.protocols.routing_texts import Numbers, pieces, plain_ridge, stacked, words
from evaluation.report import Options

__all__ = ["asked_columns", "big_bench", "graded", "llama", "mmlu", "mtbench", "question_of"]

_OPTION: Final = re.compile(r"\n[A-J]\. ")
_WORD: Final = re.compile(r"\w+")
_NEGATED: Final = re.compile(r"\b(?:not|except|false|incorrect|least|never)\b", re.IGNORECASE)
_FORMULA: Final = re.compile(r"[$\\^=+*/<>]")
_ALL: Final = re.compile(r"\b(?:all|none|both|neither) of\b", re.IGNORECASE)


def mmlu(fit: Folder, data: Folder, options: Options) -> Pair:
    """Mixtral 8x7B and GPT-4 on MMLU (RouteLLM's outcomes)."""

    def scores(side: Side) -> list[Numbers]:
        options.step("MMLU")
        prompts = [row["prompt"] for row in side.rows]
        columns = asked_columns(side, prompts, [row["subject"] for row in side.rows])
        return [
            gain_order(side, columns, "difficulty", quick=options.quick, seed=options.seed),
            plain_ridge(prompts, side.gains, side.known, side.others),
        ]

    weak, strong, (ours, ridge) = over_splits(
        fit, data, "routellm-cascade/mmlu", question_of, graded, scores, quick=options.quick
    )
    return Pair("MMLU Mixtral → GPT-4", "mmlu", weak, strong, ours, ridge, "TF-IDF ridge")


def big_bench(fit: Folder, data: Folder, options: Options) -> Pair:
    """One model's direct answers and its answers after written thought, on BIG-Bench Hard."""

    def scores(side: Side) -> list[Numbers]:
        options.step("BIG-Bench Hard")
        asked, tasks = [row["question"] for row in side.rows], [row["task"] for row in side.rows]
        drafts = [" ".join(row["direct"].split()) for row in side.rows]
        columns = asked_columns(side, asked, tasks)
        columns["pieces"] = stacked(pieces(asked, tasks, side.known), side.gains, side.known, side.others, side.keys)
        both = [f"{task}|{draft.lower()[:60]}" for task, draft in zip(tasks, drafts, strict=True)]
        columns |= topical(side, both, "answer")
        columns["answer_length"] = side.plain([np.log1p(len(draft)) for draft in drafts])
        columns["answer_words"] = side.plain([float(len(draft.split())) for draft in drafts])
        return [
            gain_order(side, columns, "pieces", quick=options.quick, seed=options.seed),
            plain_ridge(asked, side.gains, side.known, side.others),
        ]

    weak, strong, (ours, ridge) = over_splits(
        fit,
        data,
        "bbh-direct-vs-cot/items",
        lambda row: str(row["question"]),
        lambda row: (float(row["direct_correct"]), float(row["cot_correct"])),
        scores,
        quick=options.quick,
    )
    return Pair("BBH direct → thought", "bbh", weak, strong, ours, ridge, "TF-IDF ridge")


def mtbench(fit: Folder, data: Folder, options: Options) -> Pair:
    """Mixtral 8x7B and GPT-4 on MT-Bench, by a judge's marks; few questions."""

    def scores(side: Side) -> list[Numbers]:
        options.step("MT-Bench")
        prompts = ["\n".join(row["turns"][: row["turn"]]) for row in side.rows]
        columns = asked_columns(side, prompts, [row["category"] for row in side.rows])
        columns["second_turn"] = side.plain([float(row["turn"] == 2) for row in side.rows])
        return [
            gain_order(side, columns, "difficulty", quick=options.quick, seed=options.seed),
            plain_ridge(prompts, side.gains, side.known, side.others),
        ]

    weak, strong, (ours, ridge) = over_splits(
        fit,
        data,
        "routellm-cascade/mtbench",
        lambda row: str(row["id"]).partition("-")[0],
        lambda row: (row["weak_score"] / 10.0, row["strong_score"] / 10.0),
        scores,
        quick=options.quick,
    )
    return Pair("MT-Bench Mixtral → GPT-4", "mtbench", weak, strong, ours, ridge, "TF-IDF ridge", counted=False)


def llama(fit: Folder, data: Folder, options: Options) -> Pair:
    """Llama 3 8B and 70B on MMLU with texts: the small model's own probability beside the question."""

    def scores(side: Side) -> list[Numbers]:
        options.step("MMLU with texts")
        prompts = [row["prompt"] for row in side.rows]
        columns = asked_columns(side, prompts, [row["subject"] for row in side.rows])
        columns["probability"] = side.plain([row["Llama3-8b"][1] for row in side.rows])
        columns["other_wording"] = side.plain([row["Llama3-8b"][3] for row in side.rows])
        probability = np.array([row["Llama3-8b"][1] for row in side.rows])
        return [gain_order(side, columns, quick=options.quick, seed=options.seed), -probability[side.others]]

    weak, strong, (ours, plain) = over_splits(
        fit,
        data,
        "mcq-confidence/mmlu_llama3_with_text",
        question_of,
        lambda row: (float(row["Llama3-8b"][0] == 1), float(row["Llama3-70b"][0] == 1)),
        scores,
        quick=options.quick,
    )
    name = "MMLU with texts, Llama 3 8B → 70B"
    return Pair(name, "mmlu", weak, strong, ours, plain, "probability", opinions=1.0, counted=False)


def asked_columns(side: Side, prompts: Sequence[str], topics: Sequence[str]) -> dict[str, Both]:
    """What the question alone says."""
    scored = words(prompts, topics, side.known)
    columns = topical(side, topics, "topic")
    columns["difficulty"] = stacked(scored, side.gains, side.known, side.others, side.keys)
    columns["difficulty_weak"] = stacked(scored, 1.0 - side.weak, side.known, side.others, side.keys)
    worded = [_worded(prompt) for prompt in prompts]
    columns |= {name: side.plain([found[name] for found in worded]) for name in worded[0]}
    return columns


def _worded(prompt: str) -> dict[str, float]:
    """How a question is worded: its length, its options, figures, signs, negations."""
    question, *choices = _OPTION.split(prompt.removesuffix("\nAnswer:"))
    lengths = [len(choice) for choice in choices] or [0]
    own = set(_WORD.findall(question.lower()))
    bags = [set(_WORD.findall(choice.lower())) for choice in choices]
    pairs = [(one, other) for place, one in enumerate(bags) for other in bags[:place]]
    return {
        "length": float(np.log1p(len(question))),
        "options": float(np.mean(lengths)),
        "options_apart": float(max(lengths) - min(lengths)),
        "options_alike": float(np.mean([len(one & other) / max(1, len(one | other)) for one, other in pairs] or [0.0])),
        "options_asked": float(np.mean([len(bag & own) / max(1, len(bag)) for bag in bags] or [0.0])),
        "figures": float(sum(sign.isdigit() for sign in question)),
        "figures_options": float(sum(any(sign.isdigit() for sign in choice) for choice in choices)),
        "formula": float(len(_FORMULA.findall(question))),
        "negated": float(_NEGATED.search(question) is not None),
        "all_of": float(_ALL.search(prompt) is not None),
        "blank": float("_" in question),
        "lines": float(question.count("\n")),
    }


def question_of(row: Row) -> str:
    """The question without its options: rows that share it belong together."""
    return _OPTION.split(str(row["prompt"]))[0]


def graded(row: Row) -> tuple[float, float]:
    """Whether each of the two answers was right."""
    return float(row["weak_correct"]), float(row["strong_correct"])
