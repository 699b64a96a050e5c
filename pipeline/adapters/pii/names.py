"""People, places, organisations and nationalities: an `NlpEngine` of Presidio that runs entity recognition alone.

Only the child process imports this module. Of the small English pipeline only `ner` is kept: it has its own
`tok2vec`, and leaving out the other components changes next to no entity while it halves the time. The layers compute
with OpenBLAS instead of BLIS, which on short texts is about one and a half times as fast, with the same entities.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from presidio_analyzer import EntityRecognizer, RecognizerResult
from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine
from spacy.language import Language
from spacy.tokens import Doc

from pipeline.adapters.pii.entities import STREET, believable, mended, readable, trimmed
from pipeline.adapters.pii.entity import Entity
from pipeline.adapters.pii.greedy import Greedy, searchable
from pipeline.adapters.pii.labels import LABELS, MODEL
from pipeline.adapters.pii.models import best, load, roots_from

__all__ = [
    "LABELS",
    "MODEL",
    "Entity",
    "NameRecognizer",
    "SmallEngine",
    "believable",
    "chunks",
    "load",
    "roots_from",
    "trimmed",
]

LANGUAGE: Final = "en"
_CHUNK: Final = 1200
_BATCH: Final = 16
_SHOUTED: Final = 6
"""Words in capitals that are read as if only their first letters were; longer, the pipeline does better itself."""
_MOST_WORDS: Final = 20_000
"""Words beyond those of the pipeline that stay in memory, some hundred bytes each."""


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
    """Presidio's view of the pipeline. Lemmas stay empty: our cues need none, and Presidio's enhancer is not used.

    Args:
        roots: folders that may hold an active model, the first that does counts; by default those of the environment.
        base: the pipeline when there is none.
    """

    engine_name = "stepwell"

    def __init__(self, roots: Sequence[Path] | None = None, base: str = MODEL) -> None:
        self._roots = roots_from(os.environ) if roots is None else tuple(roots)
        self._base = base
        self._nlp: Language | None = None
        self._greedy: Greedy | None = None
        self._held: ExitStack | None = None
        self._words = 0
        self._version = base
        self.troubles: tuple[str, ...] = ()

    @classmethod
    def of(cls, nlp: Language) -> "SmallEngine":
        """An engine over a pipeline that is loaded already."""
        engine = cls(())
        engine._take(nlp, f"{nlp.meta['name']}-{nlp.meta['version']}")
        return engine

    def _take(self, nlp: Language, version: str) -> None:
        self._nlp, self._version = nlp, version
        component = nlp.get_pipe("ner")
        self._greedy = Greedy(component) if searchable(component) else None

    @property
    def nlp(self) -> Language:
        """The pipeline, loaded on first use."""
        if self._nlp is None:
            nlp, version, self.troubles = best(self._roots, self._base)
            self._take(nlp, version)
        assert self._nlp is not None
        return self._nlp

    def load(self) -> None:
        """Load the pipeline now."""
        assert self.nlp is not None

    def is_loaded(self) -> bool:
        """Whether the pipeline is in memory."""
        return self._nlp is not None

    @property
    def version(self) -> str:
        """Name and version of the pipeline, and the digest of what was learnt on top of it."""
        self.load()
        return self._version

    @contextmanager
    def zone(self) -> Iterator[None]:
        """Within it the vocabulary grows; when it has grown by much it shrinks back: a process keeps its size.

        It does not shrink each time, because texts share most of their words.
        """
        vocabulary = self.nlp.vocab
        if self._held is None:
            self._held = ExitStack()
            self._held.enter_context(self.nlp.memory_zone())
            self._words = len(vocabulary)
        try:
            yield
        finally:
            if len(vocabulary) - self._words > _MOST_WORDS:
                self._held.close()
                self._held = None

    def entities(self, text: str) -> list[Entity]:
        """The named things in `text`, of any length."""
        pieces = list(chunks(text))
        found = self.entities_of([piece for _, piece in pieces])
        return [
            Entity(one.label_, offset + one.start_char, offset + one.end_char, one.text)
            for (offset, _), ones in zip(pieces, found, strict=True)
            for one in ones
        ]

    def entities_of(self, texts: Sequence[str]) -> list[list[Entity]]:
        """The named things in each of several short texts, mended, in one pass with batches of at most 16."""
        found = (seen for batch in _batches(texts) for seen in self._read(batch))
        return [mended(text, seen) for text, seen in zip(texts, found, strict=True)]

    def _read(self, texts: Sequence[str]) -> Iterator[list[Entity]]:
        """What the pipeline itself says of a few texts."""
        nlp = self.nlp
        if self._greedy is None:
            for text, document in zip(texts, nlp.pipe(map(_calm, texts), batch_size=_BATCH), strict=True):
                yield [_entity(text, one.label_, one.start_char, one.end_char) for one in document.ents]
            return
        documents = [nlp.make_doc(_calm(text)) for text in texts]
        for text, document, ranges in zip(texts, documents, self._greedy.ranges(documents), strict=True):
            yield [_entity(text, label, *_characters(document, first, end)) for label, first, end in ranges]

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
        return word.lower() in (self.nlp.Defaults.stop_words or ())

    def is_punct(self, word: str, *_: str) -> bool:
        """Whether `word` is punctuation."""
        return not any(map(str.isalnum, word)) and not word.isspace()

    def get_supported_entities(self) -> list[str]:
        """The types it finds, in our words."""
        return sorted(set(LABELS.values()))

    def get_supported_languages(self) -> list[str]:
        """The languages it was trained for."""
        return [LANGUAGE]


def _batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    return (texts[at : at + _BATCH] for at in range(0, len(texts), _BATCH))


def _calm(text: str) -> str:
    """`text` as the pipeline reads it, of the same length: a few words in capitals may be a name."""
    plain = readable(text)
    small = plain.title() if plain.isupper() and plain.count(" ") < _SHOUTED else plain
    return small if len(small) == len(plain) else plain


def _entity(text: str, label: str, start: int, end: int) -> Entity:
    return Entity(label, start, end, text[start:end])


def _characters(document: Doc, first: int, end: int) -> tuple[int, int]:
    """Where the tokens from `first` to before `end` stand."""
    last = document[end - 1]
    return document[first].idx, last.idx + len(last)


_FULL: Final = 0.85
_FULL_ADDRESS: Final = 0.7
_CODE_ALONE: Final = 0.5
_SINGLE: Final = {"PERSON": 0.55, "LOCATION": 0.65, "ORG": 0.45, "NRP": 0.6}
"""A bare first name identifies hardly anybody, and a bare capitalised word is often no organisation."""


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
            RecognizerResult(LABELS[found.label_], found.start_char, found.end_char, _score(found))
            for found in map(_clean, artifacts.entities)
            if found.label_ in LABELS and (found.label_ == STREET or believable(found.text))
        ]


def _clean(entity: Entity) -> Entity:
    return entity if entity.label_ == STREET else trimmed(entity)


def _score(entity: Entity) -> float:
    kind = LABELS[entity.label_]
    if kind == STREET:
        return _FULL_ADDRESS if any(map(str.isalpha, entity.text)) and " " in entity.text else _CODE_ALONE
    return _FULL if len(entity.text.split()) > 1 else _SINGLE[kind]
