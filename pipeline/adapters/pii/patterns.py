"""The pattern tier: structured personal data and credentials, in process, without Presidio or spaCy.

Importing Presidio pulls spaCy in and costs about 70 MiB. So the detectors are plain modules: a worker runs them
here, and the child process registers the same ones with Presidio.
"""

from collections.abc import Sequence
from typing import Final

from pipeline.adapters.pii.detectors import DETECTORS, Detector
from pipeline.adapters.pii.page import Page
from pipeline.adapters.pii.report import report_of
from pipeline.adapters.pii.spans import Span, resolve
from pipeline.adapters.pii.steps import Scanned
from pipeline.ports import ScanReport

__all__ = ["CONTEXT", "LONGEST", "PATTERNS", "PatternScanner"]

PATTERNS: Final = "patterns-2"
"""Name and version of the set of detectors; raised whenever findings change."""

LONGEST: Final = 256
"""Characters that a finding has at most, but for credentials (a key block has up to 16,500, a token up to 13,000),
texts embedded in the text (up to 88,000) and runs of single characters."""
CONTEXT: Final = 256
"""Characters to both sides on which a finding depends at most.

A window with as many around it has the same findings of at most `LONGEST` within it as the whole text has, if the text
has words and spaces: in an endless run of numbers, where one ends and the next begins depends on where the run begins.
"""


class PatternScanner:
    """Runs all detectors over a text. Linear in its length; nothing is remembered.

    Args:
        detectors: what to look for.
        prefilter: skip detectors whose necessary condition does not hold. Findings are the same without, only slower.
    """

    engine = PATTERNS

    def __init__(self, detectors: Sequence[Detector] = DETECTORS, *, prefilter: bool = True) -> None:
        self._searches = [(detector.needs if prefilter else _always, detector.find) for detector in detectors]

    def scan_text(self, text: str) -> list[Span]:
        """The spans found in `text`, none overlapping another, in the order of the text."""
        page = Page(text)
        found: list[Span] = []
        for needs, find in self._searches:
            if needs(page):
                found.extend(find(page))
        return _placed(page, resolve(found)) if found else found

    async def scan(self, units: Sequence[str], *, names: bool) -> ScanReport:
        """Scan on the event loop. With `names` the report is partial: this tier knows no names."""
        state = "partial" if names else "complete"
        try:
            scanned = [Scanned(tuple(self.scan_text(unit)), covered=not names) for unit in units]
        except Exception as error:  # noqa: BLE001 - the port promises never to raise; a failed report is restricted
            return ScanReport((), self.engine, "failed", type(error).__name__)
        return report_of(scanned, self.engine, state, "no names" if names else None)


def _always(_: Page) -> bool:
    return True


def _placed(page: Page, spans: list[Span]) -> list[Span]:
    return [Span(span.type, *page.original(span.start, span.end), span.score) for span in spans if span.score > 0.0]
