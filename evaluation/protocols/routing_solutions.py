"""Pairs of models that write solutions to problems of words and numbers, with second answers beside the draft.

The signals are those of the product's check (sums computed again, numbers of the question, whether it concludes), which
second answers agree with the draft and how these agree among themselves, and a score of the question's words.

Each second answer is charged as one more weak answer, as in the simple recipe, which asks two of them. A verifier that
reads many samples costs more than that in truth; so it is told too what the order is worth with the two, and with none.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np

from evaluation.data import Folder, Row
from evaluation.metrics import PRICES, apgr, charged
from evaluation.protocols.pairs import Pair
from evaluation.protocols.routing_learned import Both, Side, gain_order, over_splits
from evaluation.protocols.routing_texts import Numbers, stacked, words
from evaluation.report import Options
from pipeline.confidence.signals import NAMES, Seen, final_answer, signals_of

__all__ = ["draft_columns", "gsm8k", "verifiers"]

SYSTEMS: Final = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
CHEAP: Final = ("6b_verification", "175b_finetuning")
_ASKED: Final[tuple[tuple[str, ...], ...]] = ((), CHEAP, SYSTEMS)
_NUMBER: Final = re.compile(r"\d[\d,]*(?:\.\d+)?")
_RESULT: Final = re.compile(r"=\s*\$?(-?[\d.,]*\d)")


def gsm8k(fit: Folder, data: Folder, options: Options) -> Pair:
    """Mixtral 8x7B and GPT-4 on GSM8K (RouteLLM's outcomes), with the four other systems' answers beside the draft."""
    asked_of = _ASKED[-1:] if options.quick else _ASKED
    others = {str(row["id"]): row for folder in (fit, data) for row in folder.rows("gsm8k-four-systems/solutions")}

    def scores(side: Side) -> list[Numbers]:
        options.step("GSM8K")
        drafts = [str(row["weak_answer"]) for row in side.rows]
        beside = [{name: _text(others.get(row["id"], {}), name) for name in SYSTEMS} for row in side.rows]
        orders = [_counted(side, drafts, beside, CHEAP)]
        for asked in asked_of:
            fewer = [{name: texts[name] for name in asked} for texts in beside]
            orders.append(
                gain_order(
                    side, draft_columns(side, drafts, fewer), quick=options.quick, seed=options.seed + len(asked)
                )
            )
        return orders

    weak, strong, (count, *orders) = over_splits(
        fit,
        data,
        "routellm-cascade/gsm8k",
        lambda row: str(row["id"]),
        lambda row: (float(row["weak_correct"]), float(row["strong_correct"])),
        scores,
        quick=options.quick,
    )
    name = "GSM8K Mixtral → GPT-4"
    return Pair(
        name,
        "gsm8k",
        weak,
        strong,
        orders[-1],
        count,
        "agreement with 2",
        opinions=float(len(SYSTEMS)),
        baseline_opinions=float(len(CHEAP)),
        steps=tuple(_step(name, asked, order, weak, strong) for asked, order in zip(asked_of, orders, strict=True)),
    )


def _step(name: str, asked: Sequence[str], order: Numbers, weak: Numbers, strong: Numbers) -> dict[str, Any]:
    """What the order is worth with these second answers."""
    return {
        "pair": name,
        "asked as well": ", ".join(asked) or "(draft alone)",
        "paid, in drafts": float(len(asked)),
        "APGR": apgr(order, weak, strong),
        **{f"APGR charged, c_w={price}": charged(order, weak, strong, len(asked) * price) for price in PRICES},
    }


def verifiers(fit: Folder, data: Folder, options: Options) -> Pair:
    """The 6B and the 175B system with a verifier, with the answers of the two without one beside the draft."""
    beside_names = ("6b_finetuning", "175b_finetuning")

    def scores(side: Side) -> list[Numbers]:
        options.step("GSM8K verifiers")
        drafts = [_text(row, "6b_verification") for row in side.rows]
        beside = [{name: _text(row, name) for name in beside_names} for row in side.rows]
        columns = draft_columns(side, drafts, beside)
        return [
            gain_order(side, columns, quick=options.quick, seed=options.seed),
            _counted(side, drafts, beside, ("175b_finetuning",)),
        ]

    weak, strong, (ours, count) = over_splits(
        fit,
        data,
        "gsm8k-four-systems/solutions",
        lambda row: str(row["id"]),
        lambda row: (float(row["6b_verification"]["correct"]), float(row["175b_verification"]["correct"])),
        scores,
        quick=options.quick,
    )
    name, kind = "GSM8K verifiers 6B → 175B", "agreement with 175B"
    return Pair(name, "gsm8k", weak, strong, ours, count, kind, 2.0, 1.0, counted=False)


def draft_columns(side: Side, drafts: Sequence[str], beside: Sequence[dict[str, str]]) -> dict[str, Both]:
    """What the drafts say, and the answers beside them."""
    prompts = [str(row["prompt"]) for row in side.rows]
    found = [
        _signals(prompt, draft, tuple(opinions.items()))
        for prompt, draft, opinions in zip(prompts, drafts, beside, strict=True)
    ]
    columns = {name: side.plain([each[name] for each in found]) for name in found[0]}
    none = [""] * len(prompts)
    wrong = 1.0 - side.weak
    for name, texts in (("difficulty", prompts), ("answer_difficulty", drafts)):
        columns[name] = stacked(words(texts, none, side.known), wrong, side.known, side.others, side.keys)
    return columns


@lru_cache(maxsize=20_000)
def _signals(prompt: str, draft: str, beside: tuple[tuple[str, str], ...]) -> dict[str, float | None]:
    """Signals of one draft."""
    opinions = dict(beside)
    checked = signals_of(Seen(text=draft, question=prompt, opinions=tuple(opinions.values())))
    told: dict[str, float | None] = {name: checked[name] for name in NAMES}
    own = final_answer(draft)
    finals = {name: final_answer(text) for name, text in opinions.items()}
    votes = Counter(final for final in finals.values() if final is not None)
    against = [count for final, count in votes.items() if final != own]
    told |= {f"agrees_{name}": float(own is not None and final == own) for name, final in finals.items()}
    told["against"] = max(against, default=0) / max(1, len(opinions))
    told["distinct"] = len({own, *finals.values()}) / (1.0 + len(opinions))
    sums = [signals_of(Seen(text=text))["arithmetic"] for text in opinions.values()]
    told["opinions_arithmetic"] = float(np.mean([value for value in sums if value is not None] or [0.5]))
    told["steps_shared"] = _shared(draft, opinions.values())
    return told | _measured(prompt, draft, own)


def _measured(prompt: str, draft: str, own: str | None) -> dict[str, float | None]:
    """Lengths and numbers of the question and of the draft."""
    asked, used = set(_NUMBER.findall(prompt)), set(_NUMBER.findall(draft))
    value = _value(own)
    return {
        "marked": float("####" in draft),
        "length": float(len(draft)),
        "asked_length": float(len(prompt)),
        "steps": float(len(_RESULT.findall(draft))),
        "numbers": float(len(asked)),
        "unused": len(asked - used) / max(1, len(asked)),
        "whole": None if value is None else float(value == round(value)),
        "size": None if value is None else float(np.log1p(abs(value))),
    }


def _value(final: str | None) -> float | None:
    """The number that an answer comes to; None: it comes to none."""
    return float(final) if final is not None and not final.isalpha() else None


def _shared(draft: str, opinions: Iterable[str]) -> float | None:
    """The share of the draft's results that another answer reaches as well; None: it has none."""
    own = [result.replace(",", "") for result in _RESULT.findall(draft)]
    theirs = {result.replace(",", "") for text in opinions for result in _RESULT.findall(text)}
    return sum(result in theirs for result in own) / len(own) if own else None


def _counted(side: Side, drafts: Sequence[str], beside: Sequence[dict[str, str]], names: Sequence[str]) -> Numbers:
    """The simple baseline: how many second answers are equal to the draft's, -1 where it has none."""
    counts = []
    for row in side.others.tolist():
        own = _last(drafts[row])
        counts.append(-1.0 if own is None else float(sum(own == _last(beside[row][name]) for name in names)))
    return -np.array(counts)


def _last(text: str) -> float | None:
    found = _NUMBER.findall(text)
    return float(found[-1].replace(",", "")) if found else None


def _text(row: Row, system: str) -> str:
    return str(row.get(system, {}).get("text", ""))
