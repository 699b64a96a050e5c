"""What spaCy's `tok2vec` layers say of each token, with less work: embeddings of words seen before are kept.

The embedding of a word depends on the word alone, so it is made by thinc once and remembered. The convolutions over it
(`MaxoutWindowEncoder`: window, maxout, layer norm, residual) are done in place, on all texts at once. The numbers are
those of thinc but for the last digits.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc

__all__ = ["Vectors"]

_COLUMNS: Final = ["NORM", "PREFIX", "SUFFIX", "SHAPE"]
_MOST: Final = 16_384
"""Words whose embeddings are kept, about 400 bytes each; beyond them all are forgotten."""
_TINY: Final = np.float32(1e-8)
_ODD: Final = np.uint64(0x9E3779B97F4A7C15)
_Floats = NDArray[np.float32]


class Vectors:
    """The vectors of one model's tokens.

    Args:
        tok2vec: the layers of that name in a trained `ner` component.

    Raises:
        ValueError: they are built otherwise than in spaCy's small pipelines.
    """

    def __init__(self, tok2vec: Any) -> None:
        nodes = list(tok2vec.walk())
        features = [node for node in nodes if node.name == "extract_features"]
        hashes = [node for node in nodes if node.name.startswith("ints-getitem>>hashembed|")]
        embeds = [node for node in nodes if node.name == "with_array(maxout>>layernorm>>dropout)"]
        blocks = [node for node in nodes if node.name == "residual(expand_window>>maxout>>layernorm>>dropout)"]
        if (len(features), len(hashes), len(embeds)) != (1, 1, 1) or features[0].attrs["columns"] != _COLUMNS:
            raise ValueError("unknown layers")
        linear = tok2vec.layers[-1]
        if linear.name != "linear" or not blocks or any(_window(block).attrs["window_size"] != 1 for block in blocks):
            raise ValueError("unknown layers")
        self._hashes, self._embed = hashes[0], embeds[0].layers[0]
        self._blocks = [_Block(block) for block in blocks]
        self._out = np.ascontiguousarray(linear.get_param("W").T), linear.get_param("b")
        self._width = self._blocks[0].width
        self._places: dict[int, int] = {}
        self._table: _Floats = np.empty((_MOST, self._width), dtype=np.float32)

    def predict(self, docs: Sequence[Doc]) -> _Floats:
        """One row for each token of all `docs`, in order; not for no tokens at all."""
        keys = np.concatenate([_keys(doc) for doc in docs])
        gap = len(self._blocks)  # as many empty rows around each text as the windows reach
        place = np.arange(len(keys)) + gap
        place += np.repeat(np.arange(len(docs)) * gap, [len(doc) for doc in docs])
        rows: _Floats = np.zeros((len(keys) + gap * (len(docs) + 1), self._width), dtype=np.float32)
        rows[place] = self._embedded(keys, docs)
        window: _Floats = np.zeros((len(rows), 3 * self._width), dtype=np.float32)
        for block in self._blocks:
            block.add(rows, window)
        result: _Floats = rows[place] @ self._out[0] + self._out[1]
        return result

    def _embedded(self, keys: NDArray[np.uint64], docs: Sequence[Doc]) -> _Floats:
        every, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        words = every.tolist()
        fresh = [at for at, word in enumerate(words) if word not in self._places]
        if fresh:
            features = np.concatenate([doc.to_array([*_COLUMNS]).reshape(-1, len(_COLUMNS)) for doc in docs])
            if len(self._places) + len(fresh) > _MOST:
                self._places.clear()
                fresh = list(range(len(words)))
            made = self._embed.predict(self._hashes.predict(features[first[fresh]]))
            if len(fresh) > _MOST:
                result: _Floats = made[inverse]
                return result
            start = len(self._places)
            self._table[start : start + len(fresh)] = made
            self._places.update((words[at], start + number) for number, at in enumerate(fresh))
        places = np.fromiter((self._places[word] for word in words), dtype=np.intp, count=len(words))
        return self._table[places[inverse]]


def _keys(doc: Doc) -> NDArray[np.uint64]:
    """What tells words apart: how they are written, and what they stand for ("n't" may be "not")."""
    attributes: Any = doc.to_array(["ORTH", "NORM"]).reshape(-1, 2)
    keys: NDArray[np.uint64] = attributes[:, 0] * _ODD + attributes[:, 1]
    return keys


def _window(block: Any) -> Any:
    return next(node for node in block.walk() if node.name == "expand_window")


class _Block:
    """One residual layer: three neighbours through a maxout and a layer norm, added to the row in the middle."""

    def __init__(self, block: Any) -> None:
        maxout = next(node for node in block.walk() if node.name == "maxout")
        norm = next(node for node in block.walk() if node.name == "layernorm")
        weights: _Floats = maxout.get_param("W")
        self.width, self._pieces, inner = weights.shape
        # piece after piece, so that the largest is found between whole rows
        self._weights = np.ascontiguousarray(weights.transpose(1, 0, 2).reshape(-1, inner).T)
        self._bias = np.ascontiguousarray(maxout.get_param("b").T.reshape(-1))
        self._gain, self._shift = norm.get_param("G"), norm.get_param("b")

    def add(self, rows: _Floats, window: _Floats) -> None:
        """Add to `rows` what this layer makes of them; `window` is scratch, its outermost corners zero."""
        width = self.width
        window[1:, :width] = rows[:-1]
        window[:, width : 2 * width] = rows
        window[:-1, 2 * width :] = rows[1:]
        made = window @ self._weights
        made += self._bias
        best = made[:, :width]
        for piece in range(1, self._pieces):
            np.maximum(best, made[:, piece * width : (piece + 1) * width], out=best)
        best = best - best.mean(axis=1, keepdims=True)
        spread = np.einsum("ij,ij->i", best, best) / np.float32(width) + _TINY
        best *= (1 / np.sqrt(spread))[:, None]
        best *= self._gain
        best += self._shift
        rows += best
