"""How likely a small model fails at a question, by a learned score: a linear model over hashed words, read from a file.

The file is JSON: a header that people can read, and two columns of numbers, one for each bucket of `features` (half
precision, little-endian, deflated, base64). It holds no word of what it learned from. It is refused when its digest
does not fit, so nothing half-copied is ever in force. `stepwell difficulty train` writes it.
"""

import base64
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from math import exp, sqrt
from typing import Final

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import ValidationError

from pipeline.contracts import Contract, Json
from pipeline.signals.conversation import Said
from pipeline.signals.features import buckets_of, counted

__all__ = ["FORMAT", "VERSION", "DifficultyModel", "InvalidModel", "Learned", "read_model", "write_model"]

FORMAT: Final = "stepwell difficulty"
VERSION: Final = 1
MAX_BITS: Final = 20
_DIGITS: Final = 4
_COUNTS: Final = np.concatenate(([0.0], 1.0 + np.log(np.arange(1, 257)))).astype(np.float32)
"""What a word counts that occurs n times: 1 + log n."""


class InvalidModel(ValueError):
    """A file that is no learned score, in one sentence."""


class Header(Contract):
    """What stands in the file beside the columns.

    Attributes:
        slope: of the logistic curve that makes a probability of the raw score.
        offset: of the same.
        rows: questions it was learned from.
        measured: what it gained on questions it had not seen, as `difficulty show` prints it.
    """

    format: str
    version: int
    bits: int
    slope: float
    offset: float
    rows: int
    measured: dict[str, Json]
    idf: str
    weights: str
    digest: str


@dataclass(frozen=True)
class Learned:
    """What training found: for each bucket how rare it is and what it weighs, and the curve to a probability."""

    idf: NDArray[np.float32]
    weights: NDArray[np.float32]
    slope: float
    offset: float
    rows: int
    measured: Mapping[str, Json]


class DifficultyModel:
    """A learned score in force."""

    def __init__(self, learned: Learned, digest: str) -> None:
        self.learned = learned
        self.digest = digest
        self.bits = len(learned.weights).bit_length() - 1
        self._idf = learned.idf
        self._weights = learned.weights

    def raw(self, text: str) -> float:
        """The linear score of a text: higher is harder. A text of which no word is known has 0."""
        buckets, counts = counted(buckets_of(text, self.bits))
        values = _COUNTS[np.minimum(counts, 256)] * self._idf[buckets]
        length = float(values @ values)
        return float(values @ self._weights[buckets]) / sqrt(length) if length > 0.0 else 0.0

    def score_text(self, text: str) -> float:
        """How likely a small model fails at this question, from 0 to 1."""
        return round(_logistic(self.learned.slope * self.raw(text) + self.learned.offset), _DIGITS)

    def score(self, said: Iterable[Said]) -> float:
        """The same for a conversation: that of its hardest user message, so that a short last turn takes nothing back.

        Messages are read from the first on, `MAX_READ` characters of them together.
        """
        left = MAX_READ
        hardest = 0.0
        for role, text in said:
            if role == "user" and left > 0:
                hardest = max(hardest, self.score_text(text[:left]))
                left -= len(text)
        return hardest


MAX_READ: Final = 24_000


@lru_cache(maxsize=4)
def read_model(data: bytes) -> DifficultyModel:
    """A model out of the bytes of its file; the last few are remembered.

    Raises:
        InvalidModel: it is no such file, of another version, cut off, or changed.
    """
    try:
        header = Header.model_validate_json(data)
    except ValidationError:
        raise InvalidModel("this is no file of `stepwell difficulty train`") from None
    if header.format != FORMAT:
        raise InvalidModel("this is no file of `stepwell difficulty train`")
    if header.version != VERSION:
        raise InvalidModel(f"it has version {header.version} of the format, and only {VERSION} is known; train it anew")
    if header.digest != _digest(header):
        raise InvalidModel("its digest does not fit its content: it was changed or cut off; copy or train it anew")
    return DifficultyModel(_learned(header), header.digest)


def write_model(learned: Learned) -> bytes:
    """The file of a model; the same model makes the same bytes."""
    header = Header(
        format=FORMAT,
        version=VERSION,
        bits=len(learned.weights).bit_length() - 1,
        slope=learned.slope,
        offset=learned.offset,
        rows=learned.rows,
        measured=dict(learned.measured),
        idf=_packed(learned.idf),
        weights=_packed(learned.weights),
        digest="",
    )
    sealed = header.model_copy(update={"digest": _digest(header)})
    return orjson.dumps(sealed.model_dump(mode="json"), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _learned(header: Header) -> Learned:
    if not 1 <= header.bits <= MAX_BITS:
        raise InvalidModel(f"it has 2^{header.bits} buckets; between 2 and 2^{MAX_BITS} are possible")
    idf, weights = (_unpacked(column, 1 << header.bits) for column in (header.idf, header.weights))
    return Learned(idf, weights, header.slope, header.offset, header.rows, header.measured)


def _packed(column: NDArray[np.float32]) -> str:
    return base64.b64encode(zlib.compress(column.astype("<f2").tobytes(), 9)).decode()


def _unpacked(column: str, size: int) -> NDArray[np.float32]:
    try:
        inflate = zlib.decompressobj()
        data = inflate.decompress(base64.b64decode(column, validate=True), 2 * size + 1)
    except (ValueError, zlib.error):
        raise InvalidModel("a column of it cannot be unpacked; copy or train it anew") from None
    if len(data) != 2 * size:
        raise InvalidModel(f"a column of it has not one number for each of its {size} buckets; train it anew")
    numbers = np.frombuffer(data, "<f2").astype(np.float32)
    if not np.isfinite(numbers).all():
        raise InvalidModel("a column of it holds what is no number; train it anew")
    return numbers


def _digest(header: Header) -> str:
    content = header.model_dump(mode="json", exclude={"digest"})
    return sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _logistic(x: float) -> float:
    return 1.0 / (1.0 + exp(-x)) if x >= 0.0 else 1.0 - 1.0 / (1.0 + exp(x))
