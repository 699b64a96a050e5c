"""The language pipelines that the scan process has loaded, by language. Only the child imports this module."""

from collections.abc import Sequence
from typing import Any, Final

from spacy.language import Language
from spacy.pipeline.tok2vec import Tok2VecListener
from spacy.util import load_model
from thinc.api import NumpyOps

from pipeline.adapters.pii import names
from pipeline.adapters.pii.languages import LABELS_OF_ALL, MODELS, LanguageGuess, model_for
from pipeline.adapters.pii.names import Entity, SmallEngine

__all__ = ["Tongues"]

ENGLISH: Final = "en"
_IN_OUR_LABELS: Final = {"PERSON": "PERSON", "LOCATION": "GPE", "ORG": "ORG", "NRP": "NORP"}
_NOT_NEEDED: Final = ("tagger", "morphologizer", "parser", "senter", "attribute_ruler", "lemmatizer")


def _load(package: str) -> Language:
    """A pipeline with entity recognition alone; where that listens to a shared `tok2vec`, with that as well."""
    nlp = names.load(package)
    if not any(isinstance(layer, Tok2VecListener) for layer in _layers(nlp)):
        return nlp
    nlp = load_model(package, exclude=_NOT_NEEDED)
    ops = NumpyOps(use_blis=False)
    for layer in _layers(nlp):
        layer.ops = ops
    return nlp


def _layers(nlp: Language) -> list[Any]:
    return [layer for _, component in nlp.pipeline for layer in getattr(component, "model").walk()]  # noqa: B009


class Tongues:
    """One pipeline for each language, and the guess which one a text is in.

    Args:
        english: the pipeline for English, in which more care is taken than in the others.
        guess: tells languages; without it every text is in the first language of those asked about.
    """

    def __init__(self, english: SmallEngine, guess: LanguageGuess | None = None) -> None:
        self._english = english
        self._guess = guess
        self._pipelines: dict[str, Language | None] = {}

    def ready(self, languages: Sequence[str]) -> bool:
        """Whether all that is installed for these languages is loaded."""
        return all(self._english.is_loaded() if code == ENGLISH else code in self._pipelines for code in languages)

    def load(self, languages: Sequence[str]) -> None:
        """Load the pipelines of these languages, as far as they are installed and not loaded yet."""
        for language in languages:
            if language == ENGLISH:
                self._english.load()
            elif language not in self._pipelines:
                package = model_for(language)
                self._pipelines[language] = None if package is None else (self._shared(package) or _load(package))

    def _shared(self, package: str) -> Language | None:
        """The pipeline of another language, when that is the one for many."""
        loaded = (pipeline for language, pipeline in self._pipelines.items() if model_for(language) == package)
        return next(loaded, None)

    @property
    def version(self) -> str:
        """The pipelines that are loaded, with their versions, and what tells languages."""
        parts = [self._english.version] if self._english.is_loaded() else []
        for language, pipeline in sorted(self._pipelines.items()):
            if pipeline is not None:
                parts.append(f"{language}:{pipeline.meta['lang']}_{pipeline.meta['name']}-{pipeline.meta['version']}")
        return "+".join([*parts, *([] if self._guess is None else [self._guess.version])])

    def knows(self, language: str) -> bool:
        """Whether the pipeline of `language` is loaded."""
        return self._english.is_loaded() if language == ENGLISH else self._pipelines.get(language) is not None

    def language(self, text: str, languages: Sequence[str]) -> str:
        """The language of `text`; the first of `languages` when it cannot be told."""
        told = None if self._guess is None else self._guess.language(text)
        if told is None or told in languages:
            return told or languages[0]
        twins = [code for code in languages if code in MODELS and MODELS[code] == MODELS.get(told)]
        return twins[0] if twins else told  # Norwegian has two codes; the one that is configured is meant

    def entities(self, language: str, texts: Sequence[str]) -> list[list[Entity]]:
        """The named things in each of `texts`, all of `language`, in one pass of its pipeline."""
        if language == ENGLISH:
            return _english(self._english, texts)
        nlp = self._pipelines[language]
        assert nlp is not None
        with nlp.memory_zone():
            return [_known(document) for document in nlp.pipe(texts, batch_size=len(texts))]


def _english(engine: Any, texts: Sequence[str]) -> list[list[Entity]]:
    with engine.zone():
        if hasattr(engine, "entities_of"):
            return [list(found) for found in engine.entities_of(list(texts))]
        return [
            [Entity(found.label_, found.start_char, found.end_char, found.text) for found in document.ents]
            for document in engine.nlp.pipe(texts, batch_size=len(texts))
        ]


def _known(document: Any) -> list[Entity]:
    return [
        Entity(_IN_OUR_LABELS[LABELS_OF_ALL[found.label_]], found.start_char, found.end_char, found.text)
        for found in document.ents
        if found.label_ in LABELS_OF_ALL
    ]
