"""Labelled texts made of templates and names: the same recipe and seed give the same texts, byte for byte."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Final, NamedTuple

from pipeline.adapters.pii.training.slots import STREET, Piece, Slots
from pipeline.adapters.pii.training.templates import Template, all_templates, parts
from pipeline.adapters.pii.training.words import prose

__all__ = ["Document", "Label", "Recipe", "generate"]

Label = tuple[str, int, int]
"""What `text[start:end]` is: `(label, start, end)`."""


class Document(NamedTuple):
    """A labelled text. `template` names what it was made from; several names have spaces between."""

    text: str
    labels: tuple[Label, ...]
    template: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model of names is made. Its fields and the seed decide everything.

    Attributes:
        documents: how many texts are made.
        epochs: how often all are learnt.
        dropout: share of activations left out while learning.
        rate: learning rate at the start; it falls to a tenth in a straight line.
        averaged: take the running average of the weights of the last hundred steps or so, not the last weights.
        stock_share: share of the stock weights in the result; the rest is what was learnt.
        prose: share of the texts that are paragraphs of prose without names.
        together: share of the texts that are put behind another.
        held_out: share of the templates that are scored on and not learnt.
        cases: shares of texts in lower case, upper case and title case; of texts whose names alone are lower case.
    """

    documents: int = 14000
    epochs: int = 3
    dropout: float = 0.12
    rate: float = 0.001
    averaged: bool = True
    stock_share: float = 0.0
    prose: float = 0.07
    together: float = 0.12
    held_out: float = 0.05
    cases: dict[str, float] = field(
        default_factory=lambda: {"lower": 0.16, "upper": 0.05, "title": 0.02, "names": 0.05, "names_upper": 0.03}
    )


_OWN: Final = {"PERSON", "GPE", STREET}


def generate(recipe: Recipe, seed: int, templates: Iterable[Template] | None = None) -> list[Document]:
    """So many labelled texts as the recipe says, templates in turn, each filled anew."""
    chance = Random(seed)
    slots = Slots(chance, seed)
    order = list(all_templates() if templates is None else templates)
    read = [Document(text, (), f"prose/{number}") for number, text in enumerate(prose())]
    made = chance.sample(read, min(len(read), round(recipe.prose * recipe.documents)))
    while len(made) < recipe.documents:
        chance.shuffle(order)
        made.extend(_document(template, slots, chance, recipe) for template in order)
    return _together(made[: recipe.documents], chance, recipe.together)


def _together(documents: list[Document], chance: Random, share: float) -> list[Document]:
    """Such a share of the documents put behind others, as a longer text that is named by its first template."""
    chance.shuffle(documents)
    made: list[Document] = []
    for document in documents:
        if made and chance.random() < share:
            first, gap = made[-1], chance.choice((" ", " ", " ", "\n", "\n\n"))
            moved = len(first.text) + len(gap)
            labels = (*first.labels, *((label, moved + start, moved + end) for label, start, end in document.labels))
            made[-1] = Document(first.text + gap + document.text, labels, f"{first.template} {document.template}")
        else:
            made.append(document)
    return made


def _document(template: Template, slots: Slots, chance: Random, recipe: Recipe) -> Document:
    slots.begin()
    pieces = [
        piece for part, slot in parts(_untidy(template.chosen(chance), chance)) for piece in _fill(part, slot, slots)
    ]
    text, labels = _joined(_cased(pieces, chance, recipe.cases))
    return Document(text, labels, template.name)


def _untidy(text: str, chance: Random) -> str:
    """Sometimes without spaces after colons, without the last sign, or as it stands inside of a JSON string."""
    draw = chance.random()
    if draw < 0.06:
        return text.replace(": ", ":")
    if draw < 0.12:
        return text.rstrip(".!?")
    if draw < 0.15:
        return text.replace('"', '\\"').replace("'", "\\'")
    return text.replace("\n", "\\n") if draw < 0.16 else text


def _fill(part: str, slot: bool, slots: Slots) -> list[Piece]:
    return slots.fill(part) if slot else [(part, None)]


def _cased(pieces: list[Piece], chance: Random, cases: dict[str, float]) -> list[Piece]:
    draw = chance.random()
    for case, share in cases.items():
        if draw < share:
            return [_recased(piece, case) for piece in pieces]
        draw -= share
    return pieces


def _recased(piece: Piece, case: str) -> Piece:
    text, label = piece
    if case.startswith("names"):
        if label not in _OWN:
            return piece
        return (text.upper() if case == "names_upper" else text.lower()), label
    changed = {"lower": text.lower, "upper": text.upper, "title": text.title}[case]()
    return changed, label


def _joined(pieces: Iterable[Piece]) -> tuple[str, tuple[Label, ...]]:
    """The pieces as one text; streets that follow each other with a space or line end between are one."""
    text, labels = "", list[Label]()
    for piece, label in pieces:
        start, text = len(text), text + piece
        if label:
            labels.append((label, start, len(text)))
    return text, tuple(_bridged(text, labels))


def _bridged(text: str, labels: list[Label]) -> Iterator[Label]:
    held: Label | None = None
    for label in labels:
        if held and held[0] == label[0] == STREET and not text[held[2] : label[1]].strip(" ,\n"):
            held = (STREET, held[1], label[2])
            continue
        if held:
            yield held
        held = label
    if held:
        yield held
