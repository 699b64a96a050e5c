"""Vectors by the script: the sum of a vector for each word, so that texts with the same words lie close together."""

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import hypot
from random import Random
from struct import pack
from typing import Any

import orjson

from pipeline.embedded.scripted.answers import Answer, draw_of
from pipeline.embedded.scripted.behaviour import Behaviour

__all__ = ["DIMENSIONS", "asked_tokens", "embeddings", "texts_of"]

DIMENSIONS = 64
"""Numbers of a vector, where no other length is asked for."""
_WORD = re.compile(r"\w+")


def texts_of(body: Mapping[str, Any]) -> list[str]:
    """The texts of a body of `/v1/embeddings`. Raises `ValueError` where there are none."""
    given = body["input"]
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
        raise ValueError
    return texts


def asked_tokens(texts: Sequence[str]) -> Answer:
    """What was used, as an answer that is billed."""
    return Answer((), (), "stop", sum(max(1, len(_WORD.findall(text))) for text in texts))


def embeddings(body: Mapping[str, Any], texts: Sequence[str], behaviour: Behaviour, seed: int, used: int) -> bytes:
    """The answer. A model that is `truncated` leaves the last vector out, a `contrary` one makes longer ones."""
    size = int(body.get("dimensions") or DIMENSIONS) + (1 if behaviour.contrary else 0)
    rows = [_vector(text, size, seed) for text in (texts[:-1] if behaviour.cut else texts)]
    written = [_base64(row) for row in rows] if body.get("encoding_format") == "base64" else rows
    data = [{"object": "embedding", "index": index, "embedding": row} for index, row in enumerate(written)]
    usage = {"prompt_tokens": used, "total_tokens": used}
    return orjson.dumps({"object": "list", "data": data, "model": body["model"], "usage": usage})


def _vector(text: str, size: int, seed: int) -> list[float]:
    words = _WORD.findall(text.lower()) or [text]
    sums = [sum(column) for column in zip(*(_of_word(word, size, seed) for word in words), strict=True)]
    length = hypot(*sums) or 1.0
    return [number / length for number in sums]


@lru_cache(maxsize=4096)
def _of_word(word: str, size: int, seed: int) -> tuple[float, ...]:
    chance = Random(draw_of(seed, word))
    return tuple(chance.gauss(0.0, 1.0) for _ in range(size))


def _base64(row: Sequence[float]) -> str:
    return b64encode(pack(f"<{len(row)}f", *row)).decode("ascii")
