"""A learned score of an answer as data, and its application: a linear form, small trees, or a weighted sum of such.

Its inputs are signals by name. A signal that is missing is replaced by its fill value; the input `name?` is 1 where the
signal `name` is missing, and 0 otherwise, so that a score can learn what a missing signal says. A score is a number
without a unit, higher or lower as it was learned; a curve makes a probability of it. Nothing but numpy is needed here,
and only for many rows at once.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from math import exp
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeAlias, TypeVar

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError, model_validator

from pipeline.contracts import Contract

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "MISSING",
    "Blend",
    "Columns",
    "Linear",
    "Part",
    "Score",
    "Signals",
    "Trees",
    "column",
    "parse_score",
    "scorer",
    "signals_of",
]

MISSING: Final = "?"
"""Ends the name of an input that says whether a signal is missing."""
MOST_NODES: Final = 50_000
_FARTHEST: Final = 30.0
"""Log odds beyond which a probability is no longer told from 0 or 1."""

Number: TypeAlias = Annotated[float, Field(allow_inf_nan=False)]
InputName: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Signals: TypeAlias = Mapping[str, float | None]
Value = TypeVar("Value", float, "NDArray[np.float64]")
Columns: TypeAlias = "Mapping[str, NDArray[np.float64]]"
"""Signals of many rows: a column for each, nan where a signal is missing."""


class Linear(Contract):
    """A weighted sum of inputs.

    Attributes:
        inputs: names of signals, or of signals with `?` behind.
        fill: for each input, what stands for a missing one.
        weights: for each input.
        intercept: what is added.
    """

    kind: Literal["linear"] = "linear"
    inputs: tuple[InputName, ...]
    fill: tuple[Number, ...]
    weights: tuple[Number, ...]
    intercept: Number = 0.0

    @model_validator(mode="after")
    def _as_many(self) -> "Linear":
        if not len(self.inputs) == len(self.fill) == len(self.weights):
            raise ValueError("a linear score needs one fill value and one weight for each input")
        return self

    def rows(self, columns: Columns) -> "NDArray[np.float64]":
        """The score of many rows."""
        import numpy as np

        return _table(self, columns) @ np.array(self.weights, np.float64) + self.intercept


class Trees(Contract):
    """A sum of decision trees, their nodes one after another.

    Attributes:
        inputs: names of signals, or of signals with `?` behind.
        fill: for each input, what stands for a missing one.
        base: what is added.
        roots: for each tree, its first node.
        split: for each node, the place of the input it asks for; -1 for a leaf.
        limit: for each node, up to which value it goes left.
        left: for each node, where it leads then; always a later node.
        right: for each node, where it leads otherwise; always a later node.
        value: for each leaf, what it adds; 0 for other nodes.
    """

    kind: Literal["trees"] = "trees"
    inputs: tuple[InputName, ...]
    fill: tuple[Number, ...]
    base: Number = 0.0
    roots: tuple[int, ...]
    split: tuple[int, ...] = Field(max_length=MOST_NODES)
    limit: tuple[Number, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]
    value: tuple[Number, ...]

    @model_validator(mode="after")
    def _leads_on(self) -> "Trees":
        size = len(self.split)
        if len(self.inputs) != len(self.fill) or any(
            len(each) != size for each in (self.limit, self.left, self.right, self.value)
        ):
            raise ValueError("a score of trees needs one fill value for each input and all columns for each node")
        if any(not 0 <= root < size for root in self.roots):
            raise ValueError("a tree of the score begins at a node that there is not")
        for node, split in enumerate(self.split):
            if split >= len(self.inputs):
                raise ValueError("a node of the score asks for an input that there is not")
            if split >= 0 and not (node < self.left[node] < size and node < self.right[node] < size):
                raise ValueError("a node of the score does not lead on to a later node")
        return self

    def rows(self, columns: Columns) -> "NDArray[np.float64]":
        """The score of many rows."""
        import numpy as np

        table = _table(self, columns)
        split, left, right = (np.array(each, np.int64) for each in (self.split, self.left, self.right))
        limit, value = np.array(self.limit, np.float64), np.array(self.value, np.float64)
        places = np.arange(len(table))
        total = np.full(len(table), self.base)
        for root in self.roots:
            node = np.full(len(table), root)
            while (inner := split[node] >= 0).any():
                goes = table[places, np.maximum(split[node], 0)] <= limit[node]
                node = np.where(inner, np.where(goes, left[node], right[node]), node)
            total += value[node]
        return total


class Part(Contract):
    """One score of a blend: `weight * (score - mean) / deviation` of it is added."""

    score: "Score"
    weight: Number
    mean: Number = 0.0
    deviation: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 1.0


class Blend(Contract):
    """A weighted sum of scores, each standardised.

    Attributes:
        link: `logistic`: the sum is log odds, and the score the probability, above 0 and below 1.
    """

    kind: Literal["blend"] = "blend"
    parts: tuple[Part, ...] = Field(min_length=1, max_length=100)
    intercept: Number = 0.0
    link: Literal["identity", "logistic"] = "identity"

    def rows(self, columns: Columns) -> "NDArray[np.float64]":
        """The score of many rows."""
        import numpy as np

        first = np.full(len(next(iter(columns.values()))), self.intercept)
        total = reduce(lambda total, part: total + _share(part, part.score.rows(columns)), self.parts, first)
        return total if self.link == "identity" else 1.0 / (1.0 + np.exp(-np.clip(total, -_FARTHEST, _FARTHEST)))


Score: TypeAlias = Annotated[Linear | Trees | Blend, Field(discriminator="kind")]
Part.model_rebuild()
Blend.model_rebuild()
_SCORE: Final[TypeAdapter[Linear | Trees | Blend]] = TypeAdapter(Score)


def signals_of(score: Linear | Trees | Blend) -> tuple[str, ...]:
    """The signals that a score asks for, in the order of their names."""
    if isinstance(score, Blend):
        return tuple(sorted({name for part in score.parts for name in signals_of(part.score)}))
    return tuple(sorted({name.removesuffix(MISSING) for name in score.inputs}))


def scorer(score: Linear | Trees | Blend) -> Callable[[Signals], float]:
    """The score as a function of the signals of one answer; make it once, and call it often."""
    if isinstance(score, Blend):
        parts = tuple((scorer(part.score), part) for part in score.parts)
        intercept, logistic = score.intercept, score.link == "logistic"

        def blended(signals: Signals) -> float:
            total = sum((_share(part, own(signals)) for own, part in parts), intercept)
            return 1.0 / (1.0 + exp(-min(max(total, -_FARTHEST), _FARTHEST))) if logistic else total

        return blended
    return _Weighted(score) if isinstance(score, Linear) else _Walk(score)


def parse_score(document: object) -> Linear | Trees | Blend:
    """A score out of its JSON form. Raises `ValueError` with what is wrong with it."""
    try:
        return _SCORE.validate_python(document, strict=False)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        raise ValueError(f"the score cannot be read at {place or 'its beginning'}: {first['msg']}") from None


def column(values: Sequence[float | None]) -> "NDArray[np.float64]":
    """A column of a signal: nan where it is missing."""
    import numpy as np

    return np.array([np.nan if value is None else value for value in values], np.float64)


class _Weighted:
    """A linear score, applied to one answer."""

    __slots__ = ("_intercept", "_terms")

    def __init__(self, score: Linear) -> None:
        self._terms = tuple(zip(score.inputs, score.fill, score.weights, strict=True))
        self._intercept = score.intercept

    def __call__(self, signals: Signals) -> float:
        return sum((weight * _input(signals, name, fill) for name, fill, weight in self._terms), self._intercept)


class _Walk:
    """A score of trees, applied to one answer: nested tuples, which Python walks fastest."""

    __slots__ = ("_base", "_inputs", "_names", "_trees")

    def __init__(self, score: Trees) -> None:
        self._names = signals_of(score)
        place = {name: at for at, name in enumerate(self._names)}
        self._inputs = tuple(
            (place[name[:-1]], 1.0, 0.0) if name[-1] == MISSING else (place[name], fill, None)
            for name, fill in zip(score.inputs, score.fill, strict=True)
        )
        self._base = score.base
        made: list[_Node] = [()] * len(score.split)
        for node in reversed(range(len(score.split))):
            split = score.split[node]
            made[node] = (
                (split, score.limit[node], made[score.left[node]], made[score.right[node]])
                if split >= 0
                else (-1, score.value[node])
            )
        self._trees = tuple(made[root] for root in score.roots)

    def __call__(self, signals: Signals) -> float:
        get = signals.get
        known = [get(name) for name in self._names]
        # For each input the place of its signal, and what it is where that is missing, and where not (None: itself).
        row = [
            lacking if (value := known[at]) is None else value if given is None else given
            for at, lacking, given in self._inputs
        ]
        total = self._base
        for node in self._trees:
            while (split := node[0]) >= 0:
                node = node[2] if row[split] <= node[1] else node[3]
            total += node[1]
        return total


_Node: TypeAlias = tuple[Any, ...]
"""An inner node: input, limit, left, right. A leaf: -1, value."""


def _input(signals: Signals, name: str, fill: float) -> float:
    if name[-1] == MISSING:
        return 1.0 if signals.get(name[:-1]) is None else 0.0
    value = signals.get(name)
    return fill if value is None else value


def _table(score: Linear | Trees, columns: Columns) -> "NDArray[np.float64]":
    import numpy as np

    size = len(next(iter(columns.values())))
    table = np.empty((size, len(score.inputs)))
    for place, (name, fill) in enumerate(zip(score.inputs, score.fill, strict=True)):
        values = columns.get(name.removesuffix(MISSING))
        absent = np.ones(size, np.bool_) if values is None else np.isnan(values)
        if name.endswith(MISSING):
            table[:, place] = absent
        else:
            table[:, place] = fill if values is None else np.where(absent, fill, values)
    return table


def _share(part: Part, score: Value) -> Value:
    return part.weight * (score - part.mean) / part.deviation
