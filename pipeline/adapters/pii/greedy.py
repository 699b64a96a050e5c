"""Reads the entities off spaCy's `ner` component: what its own greedy search finds, in a third of the time.

The component scores each token in the state that its search is in: outside of an entity the score depends on the token
alone, inside also on the entity's first token and the token before (Honnibal's stack features). So the scores outside
are one product of matrices for all tokens of all texts, and only the tokens within an entity are looked at one by one;
spaCy looks at every token that way, with one small product each.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc

from pipeline.adapters.pii.vectors import Vectors

__all__ = ["Greedy", "Range", "searchable"]

_FEATURES: Final = 3
_Floats = NDArray[np.float32]


class Range(NamedTuple):
    """A named thing: its label, its first token, and the one behind its last."""

    label: str
    start: int
    end: int


def searchable(component: Any) -> bool:
    """Whether `component` scores with the three features and the hidden layer that `Greedy` knows."""
    model = component.model
    return bool(
        model.attrs.get("has_upper")
        and model.get_ref("lower").get_dim("nF") == _FEATURES
        and component.cfg.get("beam_width", 1) == 1
    )


class Greedy:
    """The search over one `ner` component. It keeps copies of the weights: make it when they are final.

    Args:
        component: a trained `ner` component, with no entities set before it runs.
    """

    def __init__(self, component: Any) -> None:
        model = component.model
        lower, upper = model.get_ref("lower"), model.get_ref("upper")
        self._tok2vec = _vectors(model.get_ref("tok2vec"))
        self._pieces = lower.get_dim("nP")
        width = lower.get_dim("nO") * self._pieces
        weights = lower.get_param("W").reshape(_FEATURES, width, -1).transpose(0, 2, 1)
        self._token, *rest = (np.ascontiguousarray(one) for one in weights)
        self._first, self._before = rest
        padding = lower.get_param("pad").reshape(_FEATURES, width)
        self._bias: _Floats = lower.get_param("b").reshape(width)
        self._outside = self._bias + padding[1] + padding[2]
        self._read_moves(component, upper.get_param("W"), upper.get_param("b"))

    def _read_moves(self, component: Any, weights: _Floats, bias: _Floats) -> None:
        """Which outcome means what: `B-PERSON` begins somebody, `U-PERSON` is all of somebody, `O` is none."""
        names: list[str] = [component.moves.get_class_name(move) for move in range(component.moves.n_moves)]
        seen = [at for at in range(len(names)) if at not in component.model.attrs["unseen_classes"]]
        opening = [at for at in seen if names[at] == "O" or (names[at][:2] in ("B-", "U-") and len(names[at]) > 2)]
        self._opening = [names[at] for at in opening]
        self._none = self._opening.index("O")
        self._begins = np.array([name.startswith("B-") for name in self._opening])
        self._opens = np.ascontiguousarray(weights[opening].T), bias[opening]
        self._goes_on = {
            name[2:]: (weights[[at, names.index(f"L-{name[2:]}")]], bias[[at, names.index(f"L-{name[2:]}")]])
            for at, name in enumerate(names)
            if name.startswith("I-")
        }

    def ranges(self, docs: Sequence[Doc]) -> list[list[Range]]:
        """The entities of each of `docs`, which are tokens and nothing else, in the order of the text."""
        if not any(map(len, docs)):
            return [[] for _ in docs]
        vectors: _Floats = self._tok2vec.predict(docs)
        token = vectors @ self._token
        scores = self._maxed(token + self._outside) @ self._opens[0] + self._opens[1]
        lasts = np.cumsum([len(doc) for doc in docs if len(doc)]) - 1
        scores[np.ix_(lasts, self._begins)] = -np.inf  # there is nothing that it could begin with
        best = scores.argmax(axis=1)
        best[np.concatenate([doc.to_array("IS_SPACE") for doc in docs]).astype(bool)] = self._none
        found = np.flatnonzero(best != self._none)
        inside = _Inside(self, vectors, token) if found.size else None
        ranges: list[list[Range]] = []
        offset = 0
        for doc in docs:
            end = offset + len(doc)
            low, high = np.searchsorted(found, (offset, end))
            ranges.append(
                [
                    Range(one.label, one.start - offset, one.end - offset)
                    for one in self._walk(found[low:high].tolist(), best, inside, end)
                ]
            )
            offset = end
        return ranges

    def _maxed(self, values: _Floats) -> _Floats:
        shaped = values.reshape(*values.shape[:-1], -1, self._pieces)
        result: _Floats = shaped[..., 0]
        for piece in range(1, self._pieces):
            result = np.maximum(result, shaped[..., piece])
        return result

    def _walk(self, found: list[int], best: NDArray[np.intp], inside: "_Inside | None", end: int) -> Iterator[Range]:
        free = 0
        for at in found:
            if at < free or inside is None:
                continue
            move, label = self._opening[best[at]].split("-", 1)
            free = at + 1 if move == "U" else inside.end(label, at, end)
            yield Range(label, at, free)


def _vectors(tok2vec: Any) -> Any:
    try:
        return Vectors(tok2vec)
    except ValueError:
        return tok2vec


class _Inside:
    """Where entities end, in the texts of one call."""

    def __init__(self, greedy: Greedy, vectors: _Floats, token: _Floats) -> None:
        self._greedy = greedy
        self._token = token + greedy._bias
        self._first = vectors @ greedy._first
        self._before = vectors @ greedy._before

    def end(self, label: str, start: int, stop: int) -> int:
        """Behind the last token of the entity that begins at `start`, in a text that stops at `stop`."""
        weights, bias = self._greedy._goes_on[label]
        for at in range(start + 1, stop - 1):
            values = self._token[at] + self._first[start] + self._before[at - 1]
            more, last = weights @ self._greedy._maxed(values) + bias
            if last > more:
                return at + 1
        return stop
