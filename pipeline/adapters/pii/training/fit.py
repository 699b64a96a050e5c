"""Teaches the stock pipeline's name component from labelled texts, on one thread of a CPU.

What the stock model says of the texts apart from people, places, groups and organisations (dates, amounts, products, …)
is kept as labels of its own, so that it does not forget them and still has something else to call what is no name.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import filter_spans
from thinc.api import fix_random_seed

from pipeline.adapters.pii.entities import readable
from pipeline.adapters.pii.training.generate import Document, Label, Recipe

__all__ = ["LEARNT", "Progress", "fit", "referenced"]

Progress = Callable[[int, int, float], None]
"""Called after each step with the epoch, the documents learnt in it, and the loss so far."""

LEARNT: Final = frozenset({"PERSON", "ADDRESS", "GPE", "ORG", "NORP"})
"""Labels that the texts decide; where they name none, there is none."""
_FREE: Final = LEARNT | {"LOC", "FAC"}
_BATCH: Final = 32


def fit(
    nlp: Language, documents: Sequence[Document], recipe: Recipe, seed: int, progress: Progress | None = None
) -> None:
    """Fine-tune the `ner` component of `nlp` in place.

    Every choice by chance comes from `seed`: the same texts, recipe, pipeline and library versions on the same kind of
    machine give the same weights. Other processors may round otherwise.
    """
    component: Any = nlp.get_pipe("ner")
    stock = {name: array.copy() for name, array in _weights(component.model)}
    references = list(referenced(nlp, documents))
    for label in sorted({label for document in documents for label, _, _ in document.labels}):
        component.add_label(label)
    fix_random_seed(seed)
    chance = random.Random(seed)
    optimizer: Any = nlp.resume_training()
    optimizer.averages = {} if recipe.averaged else None
    steps, done = recipe.epochs * len(references), 0
    for epoch in range(recipe.epochs):
        chance.shuffle(references)
        losses: dict[str, float] = {}
        for batch in (references[at : at + _BATCH] for at in range(0, len(references), _BATCH)):
            optimizer.learn_rate = recipe.rate * (1 - 0.9 * done / steps)
            examples = [
                Example(
                    Doc(nlp.vocab, [t.text for t in reference], [bool(t.whitespace_) for t in reference]), reference
                )
                for reference in batch
            ]
            component.update(examples, sgd=optimizer, drop=recipe.dropout, losses=losses)
            done += len(batch)
            if progress is not None:
                progress(epoch, done - epoch * len(references), losses["ner"])
    if recipe.averaged:
        _average(component.model, optimizer.averages)
    _mix(component.model, stock, recipe.stock_share)


def referenced(nlp: Language, documents: Iterable[Document]) -> Iterator[Doc]:
    """The documents as spaCy learns them: their labels, and the stock model's where it speaks of something else."""
    pairs = ((readable(document.text), document.labels) for document in documents)
    for seen, labels in nlp.pipe(pairs, as_tuples=True, batch_size=16):
        said = [span for span in seen.ents if span.label_ not in _FREE]
        reference = nlp.make_doc(seen.text)
        ours = list(_spans(reference, labels))
        taken = {place for span in ours for place in range(span.start, span.end)}
        kept = [
            Span(reference, span.start, span.end, span.label)
            for span in said
            if taken.isdisjoint(range(span.start, span.end))
        ]
        reference.set_ents([*ours, *kept])
        yield reference


def _spans(doc: Doc, labels: Iterable[Label]) -> list[Span]:
    """The labels on whole tokens; of two that meet in one token the longer stays."""
    found = (doc.char_span(start, end, label, alignment_mode="expand") for label, start, end in labels)
    return filter_spans([span for span in found if span is not None and span.text.strip()])


def _weights(model: Any) -> Iterator[tuple[tuple[int, str], Any]]:
    for place, node in enumerate(model.walk()):
        for name in node.param_names:
            if node.has_param(name):
                yield (place, name), node.get_param(name)


def _average(model: Any, averages: dict[tuple[int, str], Any]) -> None:
    """Replace the weights by their running averages (Polyak and Juditsky 1992), as the optimizer kept them."""
    for node in model.walk():
        for name in node.param_names:
            if (node.id, name) in averages:
                node.set_param(name, averages[node.id, name])


def _mix(model: Any, stock: dict[tuple[int, str], Any], share: float) -> None:
    """Draw the weights back towards the stock ones by `share`. Layers that grew keep what they learnt."""
    if share <= 0:
        return
    nodes = list(model.walk())
    for (place, name), learnt in _weights(model):
        before = stock.get((place, name))
        if before is not None and before.shape == learnt.shape:
            nodes[place].set_param(name, share * before + (1 - share) * learnt)
