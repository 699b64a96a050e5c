"""Vectors of texts: what an endpoint is asked, and what it answered. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from pipeline.adapters.models.answer import MalformedAnswer
from pipeline.adapters.models.usage import read_usage
from pipeline.contracts import Embed, Usage
from pipeline.contracts.vectors import packed
from pipeline.disclosure.view import View
from pipeline.policy.models import Price, Target
from pipeline.ports import Completion

__all__ = ["LARGEST_VECTORS", "Vectors", "embed_body", "vectors"]

LARGEST_VECTORS: Final = 64 * 1024 * 1024
"""Bytes of one answer: so many numbers, written out, take ten times as much room as they travel in."""


class Vectors:
    """What was answered. `rows` are in the order of the texts, one for each that was answered."""

    __slots__ = ("_model", "_usage", "rows")

    def __init__(self, rows: Sequence[str], model: str, usage: Usage | None) -> None:
        self.rows = tuple(rows)
        self._model = model
        self._usage = usage

    @property
    def generated(self) -> int:
        """Tokens of the answer: a vector has none."""
        return 0

    def completion(self, *, latency_ms: float, first_token_ms: float | None, calls: int) -> Completion:
        """As any answer."""
        return Completion(
            model=self._model,
            text=None,
            finish_reason=None,
            usage=self._usage or Usage(),
            embeddings=self.rows,
            latency_ms=latency_ms,
            first_token_ms=first_token_ms,
            calls=calls,
            usage_reported=self._usage is not None,
        )


def embed_body(view: View, embed: Embed, spec: Target) -> bytes:
    """The JSON body for `view`. The model and the texts are never taken from `extra`.

    Fewer numbers are asked for only where the target can do that: others have as many as were asked for anyway.
    """
    body: dict[str, Any] = {**spec.extra, "model": spec.model, "input": embed.texts}
    if embed.dimensions is not None and spec.vectors.shortens:
        body["dimensions"] = embed.dimensions
    if view.user:
        body["user"] = view.user
    return orjson.dumps(body)


def vectors(payload: bytes, model: str, price: Price | None = None) -> Vectors:
    """Read the body of an answer. `model` is the name to record where the endpoint gives none.

    Raises:
        MalformedAnswer: it is no list of vectors. Whether these are as many, and as long, as they have to be is not
            looked at here.
    """
    try:
        document = orjson.loads(payload)
        rows = _in_order(document["data"])
        named = document.get("model")
        reported = document.get("usage")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        raise MalformedAnswer("something that is no list of vectors") from None
    usage = read_usage(reported, price) if isinstance(reported, Mapping) else None
    return Vectors(rows, named if isinstance(named, str) and named else model, usage)


def _in_order(data: Sequence[Mapping[str, Any]]) -> list[str]:
    """The vectors by their index; where an endpoint gives none, as they stand."""
    rows: dict[int, str] = {}
    for place, entry in enumerate(data):
        index = entry.get("index", place)
        if type(index) is not int or index in rows:
            raise ValueError
        row = entry["embedding"]
        rows[index] = row if isinstance(row, str) else packed(row)
    if rows.keys() != set(range(len(rows))):
        raise ValueError
    return [rows[place] for place in range(len(rows))]
