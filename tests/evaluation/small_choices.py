"""Small sets of questions with choices in the layout of the evaluation data, made by chance, with something to find."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from evaluation.data import Folder

PROBABILITIES = "mcq-confidence/rows"
ANSWERS = "mmlupro-many-models/items"
TEXTS = "mmlupro-many-models/weak_texts"

_ASKED = (
    "gpt-3.5-turbo",
    "gpt-4-turbo",
    "Mixtral",
    "Llama3-8b",
    "Llama3-70b",
    "Mistral",
    "Yi-6b",
    "Yi-34b",
    "Llama-7b",
)
_TEN = (
    ("Meta-Llama-3_1-8B-Instruct", 0.45),
    ("Meta-Llama-3_1-70B-Instruct", 0.75),
    ("gemini-1.5-flash-002", 0.5),
    ("gemini-1.5-pro-002", 0.8),
    ("Qwen1.5-7B-Chat", 0.35),
    ("Qwen1.5-72B-Chat", 0.7),
    ("mathstral-7B", 0.5),
    ("Phi-3-mini-4k-instruct", 0.45),
    ("Mistral-7B-Instruct-v0.2", 0.4),
    ("Yi-6b-Chat", 0.4),
)
_STRONG = {"gpt-4-turbo", "Llama3-70b", "Yi-34b"}


def written(folder: Path, name: str, rows: list[dict[str, Any]]) -> Folder:
    """The rows as a set of this folder."""
    file = folder / f"{name}.jsonl.gz"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(gzip.compress(b"\n".join(map(orjson.dumps, rows))))
    return Folder(folder)


def sure_rows(count: int, seed: int, first: int = 0, sets: tuple[str, ...] = ("arc", "mmlu")) -> list[dict[str, Any]]:
    """Probabilities that say when a model is right: strong models nearly always are."""
    chance = np.random.default_rng(seed)
    rows = []
    for place in range(count):
        hard = chance.random()
        row: dict[str, Any] = {"id": f"{sets[place % len(sets)]}-{first + place}", "dataset": sets[place % len(sets)]}
        for model in _ASKED:
            rate = 0.97 - 0.1 * hard if model in _STRONG else 0.98 - 0.75 * hard
            both = []
            for _ in range(2):
                both += [int(chance.random() < rate), float(np.clip(rate + chance.normal(0.0, 0.08), 0.2, 0.999))]
            row[model] = both
        rows.append(row)
    return rows


def ten_rows(count: int, seed: int, first: int = 0) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Answers of many models to questions with ten options, and texts of two of them."""
    chance = np.random.default_rng(seed)
    rows, texts = [], []
    for place in range(count):
        hard, right = chance.random(), int(chance.integers(10))
        systems: dict[str, Any] = {}
        for model, skill in _TEN:
            said = right if chance.random() < skill + 0.5 * (0.5 - hard) else int(chance.integers(10))
            letter = None if chance.random() < 0.05 else "ABCDEFGHIJ"[said]
            systems[model] = [letter, int(letter == "ABCDEFGHIJ"[right]), int(chance.integers(50, 500))]
        rows.append(
            {
                "id": first + place,
                "category": ("math", "law")[place % 2],
                "question": f"What is {first + place} and {place % 7}?",
                "options": [f"{option} apples" for option in range(10)],
                "answer": "ABCDEFGHIJ"[right],
                "systems": systems,
            }
        )
        texts.append(
            {
                "id": first + place,
                "Meta-Llama-3_1-8B-Instruct": f"2 + 2 = {3 + place % 2}. The answer is (A).",
                "gemini-1.5-flash-002": "It is not among them.",
            }
        )
    return rows, texts
