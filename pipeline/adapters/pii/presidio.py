"""Presidio as interface and registry: our detectors as recognisers, side by side with any other Presidio recogniser.

Only the child process imports this module. Presidio's own recognisers are not loaded (its URL and telephone
recognisers take seconds on hostile text), nor its context enhancer (it needs lemmas that we do not compute), and
nothing may look anything up in a network: see `stay_offline`.

To plug in a recogniser of somebody else, name it as `package.module:Name` (see `plugged_in`): a class without
arguments, or a function that makes one recogniser or several. It gets the text and no artifacts of language.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from importlib import import_module
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import tldextract
import tldextract.tldextract as implementation
from presidio_analyzer import EntityRecognizer, RecognizerRegistry, RecognizerResult
from presidio_analyzer.nlp_engine import NlpArtifacts

from pipeline.adapters.pii.detectors import DETECTORS, Detector
from pipeline.adapters.pii.names import LANGUAGE, Entity, NameRecognizer, SmallEngine, chunks
from pipeline.adapters.pii.page import Page
from pipeline.adapters.pii.patterns import PATTERNS, PatternScanner
from pipeline.adapters.pii.spans import Span, resolve, united
from pipeline.adapters.pii.steps import Ask, Scanned, Steps, drive, piecewise
from pipeline.adapters.pii.tongues import Tongues

__all__ = ["Analyzer", "DetectorRecognizer", "plugged_in", "registry", "stay_offline"]

AT_ONCE: Final = 4
"""Pieces of one text in one wish for names."""
_RULER: Final = re.compile(r"[^\w\s]{24,}")
"""Signs in a row, a line across or worse: spaCy takes them apart one by one, in time that grows with their square."""
_LETTER: Final = re.compile(r"[^\W\d_]").search


def stay_offline() -> None:
    """Bind tldextract, which some Presidio recognisers call, to its bundled list of suffixes.

    Unpatched, it asks for a newer list over the network on first use.
    """
    bundled = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
    implementation.TLD_EXTRACTOR = bundled

    vars(tldextract)["extract"] = vars(implementation)["extract"] = _offline(bundled)


def _offline(bundled: tldextract.TLDExtract) -> Callable[..., tldextract.ExtractResult]:
    def extract(url: str, *_: object, **__: object) -> tldextract.ExtractResult:
        return bundled(url)

    return extract


class DetectorRecognizer(EntityRecognizer):
    """One of our detectors in the shape that Presidio's registry takes."""

    def __init__(self, detector: Detector) -> None:
        self.detector = detector
        super().__init__(list(detector.types), name=detector.name, supported_language=LANGUAGE)

    def load(self) -> None:
        """Nothing to load: the expressions are compiled with the module."""

    def analyze(self, text: str, entities: list[str], *_: Any, **__: Any) -> list[RecognizerResult]:
        """The findings of the detector in `text`, with offsets in `text`. Artifacts of language are not needed."""
        page = _page(text)
        if not self.detector.needs(page):
            return []
        return [
            RecognizerResult(span.type, *page.original(span.start, span.end), span.score)
            for span in self.detector.find(page)
            if span.type in entities
        ]


class _LastPage:
    """The page of the text that is being analysed, shared by all recognisers."""

    text: str | None = None
    page: Page


_LAST: Final = _LastPage()


def _page(text: str) -> Page:
    if _LAST.text is not text:
        _LAST.text, _LAST.page = text, Page(text)
    return _LAST.page


def registry(extra: Sequence[Any] = ()) -> RecognizerRegistry:
    """Our recognisers and the names', plus any `extra` Presidio recognisers."""
    recognizers = [*(DetectorRecognizer(detector) for detector in DETECTORS), NameRecognizer(), *extra]
    return RecognizerRegistry(recognizers=recognizers, supported_languages=[LANGUAGE])


def plugged_in(paths: Iterable[str]) -> list[EntityRecognizer]:
    """The recognisers that `package.module:Name` stand for.

    Raises:
        ImportError, AttributeError, ValueError: there is no such thing.
        TypeError: it is no recogniser, and makes none.
    """
    made: list[EntityRecognizer] = []
    for path in paths:
        module, _, name = path.partition(":")
        result = getattr(import_module(module), name)()
        made.extend(result if isinstance(result, (list, tuple)) else [result])
    if not all(isinstance(recognizer, EntityRecognizer) for recognizer in made):
        raise TypeError
    return made


class Analyzer:
    """Runs every recogniser of the registry over a text: our detectors in one pass, the others one after the other.

    Args:
        engine: finds English names.
        recognizers: those of `registry`.
        tongues: the pipelines of all languages; English alone when not given.
    """

    def __init__(self, engine: SmallEngine, recognizers: RecognizerRegistry, tongues: Tongues | None = None) -> None:
        self._engine = engine
        self._tongues = tongues
        every: list[Any] = list(recognizers.recognizers)
        ours = tuple(recognizer.detector for recognizer in every if isinstance(recognizer, DetectorRecognizer))
        self._patterns = PatternScanner() if ours == DETECTORS else PatternScanner(ours)
        self._names = [recognizer for recognizer in every if isinstance(recognizer, NameRecognizer)]
        self._others = [each for each in every if not isinstance(each, (DetectorRecognizer, NameRecognizer))]

    @property
    def tongues(self) -> Tongues:
        """The pipelines of all languages."""
        if self._tongues is None:
            self._tongues = Tongues(self._engine)
            self._tongues.load([LANGUAGE])
        return self._tongues

    @property
    def version(self) -> str:
        """The patterns, the pipelines, and what is plugged in."""
        return "+".join([PATTERNS, self.tongues.version, *(str(other.name) for other in self._others)])

    @property
    def troubles(self) -> tuple[str, ...]:
        """Why a model of names that was to be used is not."""
        return self._engine.troubles

    def scan_text(self, text: str, *, names: bool) -> list[Span]:
        """The spans found in `text`, none overlapping another; with `names` also people, places and organisations."""
        return list(drive(self.steps(text, names=names), self._alone).spans)

    def _alone(self, ask: Ask) -> list[list[Entity]]:
        return self.tongues.entities(ask.language, ask.texts)

    def steps(self, text: str, *, names: bool, languages: Sequence[str] = (LANGUAGE,)) -> Steps:
        """The scan of `text` in steps; an `Ask` is to be answered with a list of `Entity` for each text."""
        spans = yield from piecewise(text, self._forms)
        if not names:
            return Scanned(tuple(spans))
        entities: list[Entity] = []
        seen: dict[str, bool] = {}
        for language, pieces in self._by_language(text, languages):
            seen[language] = language in languages and self.tongues.knows(language)
            if seen[language]:
                found = yield Ask(language, tuple(piece for _, piece in pieces))
                entities += _placed(pieces, found)
        named = self._named(text, entities)
        return Scanned(tuple(resolve(united([*spans, *named]))), tuple(seen), all(seen.values()))

    def _by_language(self, text: str, languages: Sequence[str]) -> Iterator[tuple[str, list[tuple[int, str]]]]:
        """The pieces of `text` that hold letters, with their offsets: a few in a row, all of one language."""
        calm = _RULER.sub(_blank, text)
        told = ((self.tongues.language(piece, languages), at, piece) for at, piece in chunks(calm) if _LETTER(piece))
        for language, group in groupby(told, key=itemgetter(0)):
            pieces = [(at, piece) for _, at, piece in group]
            for first in range(0, len(pieces), AT_ONCE):
                yield language, pieces[first : first + AT_ONCE]

    def _forms(self, text: str) -> list[Span]:
        """What has a form, by our detectors and by what is plugged in."""
        spans = self._patterns.scan_text(text)
        if not self._others:
            return spans
        nothing: Any = None
        others = (_spans(other.analyze(text, other.supported_entities, nothing)) for other in self._others)
        return resolve([*spans, *(span for found in others for span in found)])

    def _named(self, text: str, entities: list[Entity]) -> list[Span]:
        if not entities:
            return []
        nothing: Any = None
        seen: Any = entities
        artifacts = NlpArtifacts(seen, nothing, [], [], self._engine, LANGUAGE)
        found = (_spans(names.analyze(text, names.supported_entities, artifacts)) for names in self._names)
        return [span for spans in found for span in spans]


def _blank(ruler: re.Match[str]) -> str:
    return " " * len(ruler.group())


def _placed(pieces: Sequence[tuple[int, str]], found: Sequence[Sequence[Entity]]) -> list[Entity]:
    """The entities of pieces of a text, with offsets in the text."""
    return [
        replace(entity, start_char=offset + entity.start_char, end_char=offset + entity.end_char)
        for (offset, _), entities in zip(pieces, found, strict=True)
        for entity in entities
    ]


def _spans(results: Iterable[RecognizerResult] | None) -> list[Span]:
    return [
        Span(result.entity_type, result.start, result.end, min(result.score, 1.0))
        for result in results or ()
        if result.score > 0.0 and result.start < result.end
    ]
