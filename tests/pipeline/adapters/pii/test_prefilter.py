"""The prefilter saves time and loses nothing."""

import itertools
import random

import pytest
from fakes_pii import FRAGMENTS
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sample_keys import KEYS, SETTINGS, draw

from pipeline.adapters.pii import PatternScanner
from pipeline.adapters.pii.detectors import DETECTORS, Detector
from pipeline.adapters.pii.page import Page

WITH, WITHOUT = PatternScanner(), PatternScanner(prefilter=False)
DRAWN = [draw(form, random.Random(5)) for form in (*KEYS.values(), *SETTINGS.values())]
SPREAD = (
    "4 1 1 1   1 1 1 1   1 1 1 1   1 1 1 1", "j o e @ e x a m p l e . o r g", "(4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1)",
    "joe (at) example (dot) org", "joe7 at example dot org", "mail joe @ example.org", "203[.]0[.]113[.]77",
    "joe%40example.org", "joe&#64;example&#46;org", "DE89/3704/0044/0532/0130/00", "4111_1111_1111_1111",
    "D.E.8.9.3.7.0.4.0.0.4.4.0.5.3.2.0.1.3.0.0.0", "data:text/csv,joe%40example.org",
    "data:;base64,am9lQGV4YW1wbGUub3Jn", "bXkgY2FyZCBpcyA0MTExIDExMTEgMTExMSAxMTExLCB0aGFua3M=",
)  # fmt: skip
TEXTS = (*FRAGMENTS, *DRAWN, *SPREAD)
SIGNS = "0123456789 -./:@+()[]<>=_,'\"\n\u200b\u00a0٣①aAbBeEsSkKpPxXzZ"


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """Fragments with data in them, glued together, with single characters changed, dropped or put in."""
    text = list("".join(draw(st.lists(st.sampled_from(TEXTS), max_size=4))))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(text)))
        kind = draw(st.sampled_from(["put", "drop", "change"]))
        if kind == "put" or at == len(text):
            text.insert(at, draw(st.sampled_from(SIGNS)))
        elif kind == "drop":
            del text[at]
        else:
            text[at] = draw(st.sampled_from(SIGNS))
    return "".join(text)


@pytest.mark.parametrize("text", TEXTS)
def test_findings_are_the_same_for_each_fragment_alone(text: str) -> None:
    assert WITH.scan_text(text) == WITHOUT.scan_text(text)


@settings(max_examples=600, deadline=None)
@given(mutated())
def test_findings_are_the_same_with_and_without_prefilter(text: str) -> None:
    assert WITH.scan_text(text) == WITHOUT.scan_text(text)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=SIGNS, max_size=120))
@example("")
def test_findings_are_the_same_in_a_soup_of_signs(text: str) -> None:
    assert WITH.scan_text(text) == WITHOUT.scan_text(text)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80))
def test_any_text_can_be_scanned_and_spans_lie_within_it(text: str) -> None:
    spans = WITH.scan_text(text)
    assert all(0 <= span.start < span.end <= len(text) for span in spans)
    assert all(one.end <= other.start for one, other in itertools.pairwise(spans))


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda detector: detector.name)
def test_each_detector_is_skipped_for_a_plain_question(detector: Detector) -> None:
    assert not detector.needs(Page("Why is the sky blue and why does the rain fall down?"))
