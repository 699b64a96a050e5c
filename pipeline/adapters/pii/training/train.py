"""From labelled texts to a model of names with its papers: what it was made from, and how it scores on the rest."""

import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from random import Random
from typing import Any, Final

from pipeline.adapters.pii.entities import joined
from pipeline.adapters.pii.entity import Entity
from pipeline.adapters.pii.labels import MODEL
from pipeline.adapters.pii.models import FORMAT, Trained, activate, install, load, overlay, pack
from pipeline.adapters.pii.names import SmallEngine
from pipeline.adapters.pii.training.fit import LEARNT, Progress, fit
from pipeline.adapters.pii.training.generate import Document, Label, Recipe, generate
from pipeline.adapters.pii.training.read import read_folder
from pipeline.adapters.pii.training.score import Scores, score

__all__ = ["digest", "make", "split", "train"]

_LIBRARIES: Final = ("spacy", "thinc", "numpy", "faker")


def train(
    documents: Sequence[Document],
    recipe: Recipe,
    seed: int,
    base: str | Path = MODEL,
    progress: Progress | None = None,
) -> Trained:
    """Fine-tune the pipeline `base` and score the result on templates that it did not learn.

    The same documents, recipe, seed, base and versions of libraries give the same model on the same kind of processor;
    elsewhere the last digits of a sum may differ, and with them the weights. The manifest says where it was made. What
    is scored is what is stored: the weights in half precision.
    """
    learnt, held = split(documents, recipe.held_out, seed)
    nlp = load(base)
    fit(nlp, learnt, recipe, seed, progress)
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "base": str(base),
        "base_version": str(nlp.meta["version"]),
        "labels": sorted({label for document in learnt for label, _, _ in document.labels} & LEARNT),
        "recipe": asdict(recipe),
        "seed": seed,
        "documents": {
            "learnt": len(learnt),
            "held_out": len(held),
            "templates_held_out": len(_names(held)),
            "sha256": digest(documents),
        },
        "made_with": _surroundings(),
    }
    trained = Trained(manifest, pack(nlp))
    return Trained(manifest | {"scores": _scored(trained, base, held)}, trained.packed)


def _surroundings() -> dict[str, str]:
    here = {"python": platform.python_version(), "machine": platform.machine()}
    return here | {name: version(name) for name in _LIBRARIES}


def make(
    root: Path,
    recipe: Recipe,
    seed: int,
    folder: Path | None = None,
    base: str | Path = MODEL,
    progress: Progress | None = None,
) -> Trained:
    """Train on generated texts, and on those in `folder` if there is one; install under `root`; put it in use.

    Raises:
        TextRefused: what is in the folder cannot be read.
        OSError: there is no such base, or `root` cannot be written.
    """
    own = [] if folder is None else read_folder(folder)
    trained = train([*own, *generate(recipe, seed)], recipe, seed, base, progress)
    activate(root, install(root, trained).name)
    return trained


def _scored(trained: Trained, base: str | Path, held: Sequence[Document]) -> Scores:
    nlp = load(base)
    overlay(nlp, trained)
    whole = [document._replace(labels=_as_found(document)) for document in held]
    return score(whole, SmallEngine.of(nlp).entities_of([document.text for document in held]))


def _as_found(document: Document) -> tuple[Label, ...]:
    """The labels with streets and the towns behind them as one, since that is how addresses are found."""
    text = document.text
    parts = [Entity(label, start, end, text[start:end]) for label, start, end in document.labels]
    return tuple((one.label_, one.start_char, one.end_char) for one in joined(text, parts))


def split(documents: Iterable[Document], share: float, seed: int) -> tuple[list[Document], list[Document]]:
    """Cut into learnt and held out, by templates: none occurs on both sides.

    A text made of a template of either side is on neither.
    """
    every = list(documents)
    names = sorted(_names(every))
    held = set(Random(seed).sample(names, round(share * len(names))))
    learnt = [document for document in every if held.isdisjoint(document.template.split())]
    return learnt, [document for document in every if held.issuperset(document.template.split())]


def _names(documents: Iterable[Document]) -> set[str]:
    return {name for document in documents for name in document.template.split()}


def digest(documents: Iterable[Document]) -> str:
    """SHA-256 of texts and labels, in hexadecimal."""
    whole = sha256()
    for document in documents:
        whole.update(repr((document.text, document.labels)).encode(errors="backslashreplace") + b"\n")
    return whole.hexdigest()
