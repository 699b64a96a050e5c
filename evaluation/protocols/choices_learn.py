"""Learners of the gain of escalation for questions with choices, and what second opinions cost.

A score is an expected gain: how much more often the strong model is right than the weak one, on questions like this.
It is learned from questions whose both answers are known; whoever calls has split them off from those that are scored.

These learners are the protocol's own and not those of `pipeline.calibrate.learn`: linear forms and boosted trees are
kinds that the product fits too, with other settings; randomised trees it neither fits nor exports. What is told of
choices is what such signals and opinions are worth, not what a file of the product has been seen to decide.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["PRICES", "affordable", "boosted", "many_trees", "price", "ridge"]

Floats = NDArray[np.float64]

PRICES: Final = {
    "Phi-3-mini-4k-instruct": 0.1,
    "gemini-1.5-flash-002": 0.13,
    "Falcon-7b": 0.2,
    "Llama-7b": 0.2,
    "Llama3-8b": 0.2,
    "Meta-Llama-3_1-8B-Instruct": 0.2,
    "Mistral": 0.2,
    "Mistral-7B-Instruct-v0.2": 0.2,
    "Qwen1.5-7B-Chat": 0.2,
    "Yi-6b": 0.2,
    "Yi-6b-Chat": 0.2,
    "mathstral-7B": 0.2,
    "Llama-13b": 0.3,
    "Solar": 0.3,
    "Mixtral": 0.6,
    "gpt-3.5-turbo": 0.75,
    "Falcon-40b": 0.8,
    "Yi-34b": 0.8,
    "Llama-70b": 0.9,
    "Llama3-70b": 0.9,
    "Meta-Llama-3_1-70B-Instruct": 0.9,
    "Qwen1.5-72B-Chat": 0.9,
    "gemini-1.5-pro-002": 2.2,
    "gpt-4-turbo": 15.0,
}
"""Dollars for a million tokens, three of the prompt for one of the answer.

Open models by size as hosts priced them in 2024: up to 4B .1, 8B .2, 21B .3, 8x7B .6, 41B .8, 80B .9; the others by
the lists of their makers."""
_DEARER: Final = 1.5
_PART: Final = 0.1


def price(models: Sequence[str], weak: str) -> float:
    """What these models' opinions cost together, in prices of a draft."""
    return sum(PRICES[model] for model in models) / PRICES[weak]


def affordable(models: Sequence[str], weak: str, strong: str) -> list[str]:
    """Models whose opinion is cheap: at most 1.5 drafts, or a tenth of a strong answer; the two themselves are none."""
    most = max(_DEARER * PRICES[weak], _PART * PRICES[strong])
    return [model for model in models if model not in (weak, strong) and PRICES[model] <= most + 1e-9]


def ridge(known: Floats, gain: Floats, asked: Floats, strength: float = 150.0) -> Floats:
    """A linear form on standardised features."""
    mean, deviation = known.mean(axis=0), known.std(axis=0)
    deviation[deviation == 0.0] = 1.0
    table = (known - mean) / deviation
    weights = np.linalg.solve(table.T @ table + strength * np.eye(table.shape[1]), table.T @ (gain - gain.mean()))
    return np.asarray((asked - mean) / deviation @ weights + gain.mean(), np.float64)


def boosted(known: Floats, target: Floats, asked: Floats, trees: int, seeds: Sequence[int]) -> Floats:
    """Boosted trees of depth 3, the mean over some seeds."""
    from sklearn.ensemble import GradientBoostingRegressor

    settings: dict[str, Any] = {
        "n_estimators": trees,
        "learning_rate": 0.08,
        "max_depth": 3,
        "subsample": 0.6,
        "max_features": 0.25,
        "min_samples_leaf": 20,
    }
    each = [
        GradientBoostingRegressor(random_state=seed, **settings).fit(known, target).predict(asked) for seed in seeds
    ]
    return np.asarray(np.mean(each, axis=0), np.float64)


def many_trees(known: Floats, weak: Floats, strong: Floats, asked: Floats, trees: int, leaf: int, seed: int) -> Floats:
    """Randomised trees that learn how right both models are at once; the difference."""
    from sklearn.ensemble import ExtraTreesRegressor

    model = ExtraTreesRegressor(trees, min_samples_leaf=leaf, max_features=0.5, random_state=seed, n_jobs=1)
    both = np.column_stack([weak, strong, strong - weak])
    return np.asarray(model.fit(known, both).predict(asked)[:, 2], np.float64)
