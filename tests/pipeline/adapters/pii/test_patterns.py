"""What is found in a part of a text does not depend on what stands far from it."""

import random

from fakes_pii import CLEAN, EXAMPLES
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_keys import KEYS, SETTINGS, draw

from pipeline.adapters.pii import PatternScanner, Span
from pipeline.adapters.pii.patterns import CONTEXT, LONGEST

SCANNER = PatternScanner()
PROSE = (
    "It rained all day and nobody came.",
    "Please tell me more about it, when you can.",
    "On the other hand, there is a lot to do before the end of the week.",
)
KNOWN = [*(text for texts in EXAMPLES.values() for text in texts), *CLEAN, *PROSE]
FORMS = [*KEYS.values(), *SETTINGS.values()]


def long_text(dice: random.Random) -> str:
    """About four thousand characters of sentences, data and credentials."""
    parts: list[str] = []
    for _ in range(80):
        parts.append(draw(dice.choice(FORMS), dice) if dice.random() < 0.2 else dice.choice(KNOWN))
        parts.append(dice.choice([" ", "\n", ". ", ", "]))
    return "".join(parts)


def within(spans: list[Span], start: int, end: int) -> set[Span]:
    return {span for span in spans if start <= span.start and span.end <= end and span.end - span.start <= LONGEST}


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), cut=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_a_window_has_the_findings_of_the_whole_text(seed: int, cut: tuple[float, float]) -> None:
    text = long_text(random.Random(seed))
    start, end = sorted(round(share * len(text)) for share in cut)
    part = [
        span._replace(start=span.start + start, end=span.end + start) for span in SCANNER.scan_text(text[start:end])
    ]
    first = start + CONTEXT if start else 0
    last = end - CONTEXT if end < len(text) else end
    assert within(part, first, last) == within(SCANNER.scan_text(text), first, last)


def test_most_of_what_stands_in_the_long_texts_is_found() -> None:
    assert len(SCANNER.scan_text(long_text(random.Random(0)))) > 40
