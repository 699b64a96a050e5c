"""People, places, organisations and nationalities: an `NlpEngine` of Presidio that runs entity recognition alone.

Only the child process imports this module. Of the small English pipeline only `ner` is kept: it has its own
`tok2vec`, and leaving out the other components changes next to no entity while it halves the time. The layers compute
with OpenBLAS instead of BLIS, which on short texts is about one and a half times as fast, with the same entities.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final

import spacy
from presidio_analyzer import EntityRecognizer, RecognizerResult
from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine
from spacy.language import Language
from thinc.api import NumpyOps, set_current_ops

from pipeline.adapters.pii.labels import LABELS, MODEL

__all__ = ["LABELS", "MODEL", "NameRecognizer", "SmallEngine"]

LANGUAGE: Final = "en"
_LEFT_OUT: Final = ["tok2vec", "tagger", "parser", "attribute_ruler", "lemmatizer"]
_CHUNK: Final = 1200
_BATCH: Final = 16


@dataclass(frozen=True, slots=True)
class Entity:
    """One named thing, with offsets in the whole text. The attributes are those that Presidio reads from spaCy."""

    label_: str
    start_char: int
    end_char: int
    text: str


def load(model: str = MODEL) -> Language:
    """The pipeline with entity recognition alone, every layer on OpenBLAS."""
    ops = NumpyOps(use_blis=False)
    set_current_ops(ops)
    nlp = spacy.load(model, exclude=_LEFT_OUT)
    for _, component in nlp.pipeline:
        for layer in getattr(component, "model").walk():  # noqa: B009 - spaCy types a component as a bare callable
            layer.ops = ops
    return nlp


def chunks(text: str, size: int = _CHUNK) -> Iterator[tuple[int, str]]:
    """Cut `text` at line ends, sentence ends or spaces into pieces of at most `size` characters, with their offsets."""
    start = 0
    while len(text) - start > size:
        window = text[start : start + size]
        cut = max(window.rfind("\n"), window.rfind(". ") + 1, 0)
        cut = cut if cut > size // 2 else window.rfind(" ")
        end = start + (cut if cut > size // 2 else size)
        yield start, text[start:end]
        start = end
    yield start, text[start:]


class SmallEngine(NlpEngine):
    """Presidio's view of the pipeline. Lemmas stay empty: our cues need none, and Presidio's enhancer is not used."""

    engine_name = "stepwell"

    def __init__(self, model: str = MODEL) -> None:
        self._model = model
        self._nlp: Language | None = None

    @property
    def nlp(self) -> Language:
        """The pipeline, loaded on first use."""
        if self._nlp is None:
            self._nlp = load(self._model)
        return self._nlp

    def load(self) -> None:
        """Load the pipeline now."""
        assert self.nlp is not None

    def is_loaded(self) -> bool:
        """Whether the pipeline is in memory."""
        return self._nlp is not None

    @property
    def version(self) -> str:
        """Name and version of the pipeline."""
        return f"{self._model}-{self.nlp.meta['version']}"

    def zone(self) -> AbstractContextManager[Any]:
        """Within it the vocabulary grows, at its end it shrinks back: a long-lived process keeps its size."""
        return self.nlp.memory_zone()

    def entities(self, text: str) -> list[Entity]:
        """The named things in `text`."""
        pieces = list(chunks(text))
        documents = self.nlp.pipe((piece for _, piece in pieces), batch_size=_BATCH)
        return [
            Entity(found.label_, offset + found.start_char, offset + found.end_char, found.text)
            for (offset, _), document in zip(pieces, documents, strict=True)
            for found in document.ents
        ]

    def process_text(self, text: str, language: str) -> NlpArtifacts:
        """What the recognisers get to see: entities and no tokens."""
        seen: Any = self.entities(text)  # Presidio reads four attributes of each, those that Entity has
        nothing: Any = None
        return NlpArtifacts(seen, nothing, [], [], self, language)

    def process_batch(
        self,
        texts: Iterable[str],
        language: str,
        *_: Any,
        **__: Any,
    ) -> Iterator[tuple[str, NlpArtifacts]]:
        """The same for several texts, one after the other."""
        for text in texts:
            yield text, self.process_text(text, language)

    def is_stopword(self, word: str, *_: str) -> bool:
        """Whether `word` says nothing."""
        return bool(self.nlp.vocab[word].is_stop)

    def is_punct(self, word: str, *_: str) -> bool:
        """Whether `word` is punctuation."""
        return bool(self.nlp.vocab[word].is_punct)

    def get_supported_entities(self) -> list[str]:
        """The types it finds, in our words."""
        return sorted(set(LABELS.values()))

    def get_supported_languages(self) -> list[str]:
        """The languages it was trained for."""
        return [LANGUAGE]


_CODE: Final = re.compile(r"[\d_{}()\[\]<>=/\\|@#$%^*~;+`\"]|::|\.\w+\.")
_EDGE: Final = re.compile(r"^[\W\d_]+|[\s\d][\W\d_]*$|[^\w.]+$")
_FULL: Final = 0.85
_SINGLE: Final = {"PERSON": 0.55, "LOCATION": 0.65, "ORG": 0.45, "NRP": 0.6}
"""A bare first name identifies hardly anybody, and a bare capitalised word is often no organisation."""


def trimmed(entity: Entity) -> Entity:
    """Without what stands on further lines, and without numbers and signs at its edges."""
    text = entity.text.split("\n", 1)[0]
    kept = _EDGE.sub("", text)
    start = entity.start_char + (text.find(kept) if kept else 0)
    return Entity(entity.label_, start, start + len(kept), kept)


def believable(text: str) -> bool:
    """Whether a named thing reads like one: no digits, no characters of code, at least two letters."""
    return _CODE.search(text) is None and sum(map(str.isalpha, text)) >= 2 and len(text) <= 80


class NameRecognizer(EntityRecognizer):
    """Turns the engine's entities into findings, without those that are code, numbers or noise."""

    def __init__(self) -> None:
        super().__init__(sorted(set(LABELS.values())), name="names", supported_language=LANGUAGE)

    def load(self) -> None:
        """Nothing to load: the engine holds the pipeline."""

    def analyze(self, *given: Any, **named: Any) -> list[RecognizerResult]:
        """The findings among the entities of `nlp_artifacts`; a single word scores lower than a full name.

        Takes `text, entities, nlp_artifacts` as every Presidio recogniser does, and needs only the last.
        """
        artifacts = named["nlp_artifacts"] if "nlp_artifacts" in named else given[2]
        if artifacts is None:
            return []
        return [
            RecognizerResult(
                LABELS[found.label_], found.start_char, found.end_char, _score(LABELS[found.label_], found.text)
            )
            for found in map(trimmed, artifacts.entities)
            if found.label_ in LABELS and believable(found.text)
        ]


def _score(kind: str, text: str) -> float:
    return _FULL if len(text.split()) > 1 else _SINGLE[kind]
