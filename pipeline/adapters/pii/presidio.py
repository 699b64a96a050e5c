"""Presidio as interface and registry: our detectors as recognisers, side by side with any other Presidio recogniser.

Only the child process imports this module. Presidio's own recognisers are not loaded (its URL and telephone
recognisers take seconds on hostile text), nor its context enhancer (it needs lemmas that we do not compute), and
nothing may look anything up in a network: see `stay_offline`.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import tldextract
import tldextract.tldextract as implementation
from presidio_analyzer import EntityRecognizer, RecognizerRegistry, RecognizerResult

from pipeline.adapters.pii.detectors import DETECTORS, Detector
from pipeline.adapters.pii.names import LANGUAGE, NameRecognizer, SmallEngine
from pipeline.adapters.pii.page import Page
from pipeline.adapters.pii.patterns import PATTERNS
from pipeline.adapters.pii.spans import Span, resolve

__all__ = ["Analyzer", "DetectorRecognizer", "registry", "stay_offline"]


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
        self._detector = detector
        super().__init__(list(detector.types), name=detector.name, supported_language=LANGUAGE)

    def load(self) -> None:
        """Nothing to load: the expressions are compiled with the module."""

    def analyze(self, text: str, entities: list[str], *_: Any, **__: Any) -> list[RecognizerResult]:
        """The findings of the detector in `text`, with offsets in `text`. Artifacts of language are not needed."""
        page = _page(text)
        if not self._detector.needs(page):
            return []
        return [
            RecognizerResult(span.type, *page.original(span.start, span.end), span.score)
            for span in self._detector.find(page)
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


class Analyzer:
    """Runs every recogniser of the registry over a text."""

    def __init__(self, engine: SmallEngine, recognizers: RecognizerRegistry) -> None:
        self._engine = engine
        self._recognizers = list(recognizers.recognizers)
        self.version = f"{PATTERNS}+{engine.version}"

    def scan_text(self, text: str, *, names: bool) -> list[Span]:
        """The spans found in `text`, none overlapping another; with `names` also people, places and organisations."""
        if not names:
            return self._resolved(text, None)
        with self._engine.zone():
            return self._resolved(text, self._engine.process_text(text, LANGUAGE))

    def _resolved(self, text: str, artifacts: Any) -> list[Span]:
        spans = [
            Span(result.entity_type, result.start, result.end, result.score)
            for recognizer in self._recognizers
            for result in recognizer.analyze(text, recognizer.supported_entities, artifacts)
            if result.score > 0.0
        ]
        return resolve(spans)
