"""Which weights find names: a model installed in the home folder, the one that comes with Stepwell, or the stock one.

A model is a folder named by the digest of its two files: `manifest.json` says what it was made from and how it scored,
`ner.f16.xz` holds the weights of the `ner` component in half precision. Everything else (vocabulary, tokenizer,
vectors) is the base pipeline's. Folders lie side by side under a root; the file `active` beside them names the one in
use and is replaced in one step.

    <root>/active                 the digest of the model in use, or `stock`
    <root>/<digest>/manifest.json
    <root>/<digest>/ner.f16.xz
"""

import hashlib
import json
import logging
import lzma
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import spacy
import spacy.util
from spacy.language import Language
from thinc.api import NumpyOps, set_current_ops

from pipeline.adapters.pii.labels import MODEL
from pipeline.settings import Settings

__all__ = [
    "SHIPPED",
    "STOCK",
    "ModelRefused",
    "Trained",
    "activate",
    "activate_stock",
    "active",
    "best",
    "install",
    "load",
    "open_model",
    "overlay",
    "roots_from",
    "weights",
]

SHIPPED: Final = Path(__file__).parent / "model"
"""The root with the model that comes with Stepwell."""
MANIFEST: Final = "manifest.json"
WEIGHTS: Final = "ner.f16.xz"
FORMAT: Final = 1
STOCK: Final = "stock"
_ACTIVE: Final = "active"
_SHOWN: Final = 12
"""Digits of a digest that tell models apart."""
_LARGEST: Final = 64 * 2**20
_LEFT_OUT: Final = ["tok2vec", "tagger", "parser", "attribute_ruler", "lemmatizer", "senter"]
_READ: Final = ("IS_SPACE", "NORM", "PREFIX", "SHAPE", "SUFFIX")
_INFIX: Final = (r"(?<=\w)[:;=&|~•·(\[{<>\"](?=[\"'\w(\[{<])", r"(?<=[\w.!?])[\"”]+(?=[:,;}\])])", r"(?<=\w)_+(?=\w)")
_log = logging.getLogger("stepwell.pii")


class ModelRefused(Exception):
    """A model of names that cannot be used. The message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A model of names: what it is, and its packed weights."""

    manifest: dict[str, Any]
    packed: bytes

    @property
    def digest(self) -> str:
        """SHA-256 over both files, in hexadecimal: the name of its folder."""
        return _digest({MANIFEST: _text(self.manifest), WEIGHTS: self.packed})


def _text(manifest: dict[str, Any]) -> bytes:
    return (json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _digest(files: dict[str, bytes]) -> str:
    whole = hashlib.sha256()
    for name in sorted(files):
        whole.update(f"{name} {hashlib.sha256(files[name]).hexdigest()}\n".encode())
    return whole.hexdigest()


# ---------------------------------------------------------------- pipelines


def load(base: str | Path = MODEL) -> Language:
    """A pipeline with entity recognition alone, every layer on OpenBLAS, words apart where signs join them.

    Raises:
        OSError: there is no such pipeline.
    """
    ops = NumpyOps(use_blis=False)
    set_current_ops(ops)
    nlp = spacy.load(base, exclude=_LEFT_OUT)
    _on(nlp, ops)
    _sparing(nlp)
    infixes = [*(nlp.Defaults.infixes or ()), *_INFIX]
    tokenizer: Any = nlp.tokenizer
    tokenizer.infix_finditer = spacy.util.compile_infix_regex(infixes).finditer
    return nlp


def _on(nlp: Language, ops: NumpyOps) -> None:
    for _, component in nlp.pipeline:
        for layer in getattr(component, "model").walk():  # noqa: B009 - spaCy types a component as a bare callable
            layer.ops = ops


def _sparing(nlp: Language) -> None:
    """Of each new word only what entity recognition reads is computed: most of the rest is never asked for."""
    vocab: Any = nlp.vocab
    for attribute in vocab.lex_attr_getters.keys() - {vocab.strings[name] for name in _READ}:
        del vocab.lex_attr_getters[attribute]


def weights(nlp: Language) -> Iterator[tuple[Any, str]]:
    """The layers of the `ner` component that hold weights, with the weights' names, in an order that stays the same."""
    component: Any = nlp.get_pipe("ner")
    for layer in component.model.walk():
        for name in layer.param_names:
            if layer.has_param(name):
                yield layer, name


def pack(nlp: Language) -> bytes:
    """The weights of the `ner` component in half precision, compressed."""
    halves = (layer.get_param(name).astype("<f2").tobytes() for layer, name in weights(nlp))
    return lzma.compress(b"".join(halves), preset=9)


def overlay(nlp: Language, trained: Trained) -> None:
    """Put the weights of `trained` into the `ner` component of its base pipeline.

    Raises:
        ModelRefused: they are not made for this pipeline.
    """
    made_for, here = trained.manifest["base_version"], nlp.meta["version"]
    if made_for != here:
        raise ModelRefused(
            f"made for {trained.manifest['base']} {made_for}, and {here} is installed; train the model again"
        )
    component: Any = nlp.get_pipe("ner")
    for label in trained.manifest["labels"]:
        component.add_label(label)
    component.model.attrs["unseen_classes"].clear()  # or the new labels are never given
    halves = np.frombuffer(_unpacked(trained.packed), dtype="<f2")
    at = 0
    for layer, name in weights(nlp):
        shape = layer.get_param(name).shape
        size = int(np.prod(shape))
        if at + size > halves.size:
            break
        layer.set_param(name, halves[at : at + size].astype(np.float32).reshape(shape))
        at += size
    else:
        if at == halves.size:
            return
    raise ModelRefused(f"the weights do not fit {trained.manifest['base']}; train the model again")


def _unpacked(packed: bytes) -> bytes:
    reader = lzma.LZMADecompressor()
    try:
        return reader.decompress(packed, _LARGEST)
    except lzma.LZMAError as error:
        raise ModelRefused("the weights cannot be unpacked; train the model again") from error


# ---------------------------------------------------------------- folders


def open_model(root: Path, digest: str) -> Trained:
    """Read and verify the model `digest` under `root`.

    Raises:
        ModelRefused: a file is missing or damaged, or of a format that this version does not know.
    """
    if re.fullmatch(r"[0-9a-f]{64}", digest) is None:
        raise ModelRefused(f"{root / _ACTIVE} does not name a model; run `stepwell pii train`")
    folder = root / digest
    try:
        files = {name: (folder / name).read_bytes() for name in (MANIFEST, WEIGHTS)}
    except OSError as error:
        raise ModelRefused(f"{error.filename} cannot be read; run `stepwell pii train`") from error
    if _digest(files) != digest:
        raise ModelRefused(f"{folder} is not what its name says: a file was changed; run `stepwell pii train`")
    manifest = json.loads(files[MANIFEST])
    if manifest.get("format") != FORMAT:
        raise ModelRefused(f"{folder} has a format of another version; run `stepwell pii train`")
    return Trained(manifest, files[WEIGHTS])


def install(root: Path, trained: Trained) -> Path:
    """Write the model under `root` and return its folder. It is there whole or not at all; it is not in use yet."""
    root.mkdir(parents=True, exist_ok=True)
    folder = root / trained.digest
    if folder.is_dir():
        return folder
    fresh = Path(tempfile.mkdtemp(prefix=".new-", dir=root))
    try:
        (fresh / MANIFEST).write_bytes(_text(trained.manifest))
        (fresh / WEIGHTS).write_bytes(trained.packed)
        fresh.chmod(0o755)
        fresh.rename(folder)
    except OSError:
        shutil.rmtree(fresh, ignore_errors=True)
        if not folder.is_dir():  # another process was first
            raise
    return folder


def activate(root: Path, digest: str) -> None:
    """Make the installed model `digest` the one in use, in one step.

    Raises:
        ModelRefused: it is not there or damaged.
    """
    open_model(root, digest)
    _choose(root, digest)


def activate_stock(root: Path) -> None:
    """Make the stock pipeline the one in use, in one step, whatever comes after `root`."""
    root.mkdir(parents=True, exist_ok=True)
    _choose(root, STOCK)


def _choose(root: Path, name: str) -> None:
    handle, fresh = tempfile.mkstemp(prefix=".active-", dir=root)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(name + "\n")
    Path(fresh).chmod(0o644)
    Path(fresh).replace(root / _ACTIVE)


def active(root: Path) -> str | None:
    """The digest of the model in use under `root`, `stock` for none at all; None when nothing was chosen."""
    try:
        return (root / _ACTIVE).read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return None


# ---------------------------------------------------------------- the choice


def roots_from(environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Where to look for a model, the most wanted first.

    `STEPWELL_NAMES` is a folder of models such as `stepwell pii train --in` writes, or `stock` for no trained model at
    all; without it the model installed in the home folder comes before the one that Stepwell brings along.
    """
    wish = environment.get("STEPWELL_NAMES", "").strip()
    if wish == STOCK:
        return ()
    if wish:
        return (Path(wish), SHIPPED)
    try:
        home = Settings.from_environment(environment).home
    except RuntimeError:  # nobody's home folder is known
        return (SHIPPED,)
    return (home / "models" / "names", SHIPPED)


def _trouble(model: Path, error: Exception) -> str:
    """What is wrong, and with which model: not every sentence names it."""
    what = str(error) if isinstance(error, ModelRefused) else type(error).__name__
    return what if str(model.parent) in what else f"{model}: {what}"


def best(roots: tuple[Path, ...] = (SHIPPED,), base: str = MODEL) -> tuple[Language, str, tuple[str, ...]]:
    """The pipeline of the first root whose active model is whole and fits, otherwise the stock one.

    Returns the pipeline, its version (base, and the first twelve digits of the model's digest), and what went wrong on
    the way, which is logged as well.
    """
    troubles: list[str] = []
    for root in roots:
        digest = active(root)
        if digest is None:
            continue
        if digest == STOCK:
            break
        try:
            trained = open_model(root, digest)
            nlp = load(trained.manifest["base"])
            overlay(nlp, trained)
        except (ModelRefused, OSError, KeyError, ValueError) as error:
            troubles.append(_trouble(root / digest[:_SHOWN], error))
            _log.error("a model of names is not used: %s", troubles[-1])
        else:
            return nlp, f"{nlp.meta['name']}-{nlp.meta['version']}+{digest[:_SHOWN]}", tuple(troubles)
    nlp = load(base)
    return nlp, f"{base}-{nlp.meta['version']}", tuple(troubles)
