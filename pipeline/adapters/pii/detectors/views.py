"""A second reading of a part of a text, and the way back: what other detectors find in it stands in the text itself."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from pipeline.adapters.pii.detectors.base import Detector
from pipeline.adapters.pii.page import Page
from pipeline.adapters.pii.spans import Span

__all__ = ["Edit", "View", "reading", "rewritten"]


class Edit(NamedTuple):
    """`text[start:end]` reads as `instead`."""

    start: int
    end: int
    instead: str


class View(NamedTuple):
    """A text made of another one, and where each of its characters comes from there."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]


def rewritten(text: str, edits: Sequence[Edit], margin: int) -> View:
    """The part of `text` from `margin` characters before the first of `edits` to as many after the last, edited."""
    first, last = max(0, edits[0].start - margin), min(len(text), edits[-1].end + margin)
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    at = first
    for start, end, instead in (*edits, Edit(last, last, "")):
        parts += (text[at:start], instead)
        starts += range(at, start)
        ends += range(at + 1, start + 1)
        starts += [start] * len(instead)
        ends += [end] * len(instead)
        at = end
    return View("".join(parts), starts, ends)


def reading(view: View, detectors: Iterable[Detector], floors: Mapping[str, float]) -> Iterator[Span]:
    """What `detectors` find in a view, where it stands in the text: all of the types in `floors` with that score."""
    page = Page(view.text)
    for detector in detectors:
        if floors.keys().isdisjoint(detector.types) or not detector.needs(page):
            continue
        for span in detector.find(page):
            if span.score >= floors.get(span.type, 2.0):
                start, end = page.original(span.start, span.end)
                yield Span(span.type, view.starts[start], view.ends[end - 1], span.score)
