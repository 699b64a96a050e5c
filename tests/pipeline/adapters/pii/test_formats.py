"""Credentials of published forms are found by their form alone, and the fixed part of a form is in all of them."""

import random
from re import _parser  # type: ignore[attr-defined]

import pytest
from sample_keys import KEYS, draw

from pipeline.adapters.pii import PatternScanner
from pipeline.adapters.pii.detectors.formats import FORMATS, Format
from pipeline.adapters.pii.page import Page

parse = _parser.parse
SCANNER = PatternScanner()


@pytest.mark.parametrize("issuer", KEYS)
def test_a_key_of_a_published_form_is_found(issuer: str) -> None:
    for seed in range(5):
        key = draw(KEYS[issuer], random.Random(seed))
        found = [span for span in SCANNER.scan_text(f"see {key} there") if span.score >= 0.5]
        assert "SECRET" in [span.type for span in found]


@pytest.mark.parametrize("issuer", [name for name, form in KEYS.items() if ":" not in form and "=" not in form[:40]])
def test_the_span_of_a_key_covers_all_of_it(issuer: str) -> None:
    for seed in range(5):
        key = draw(KEYS[issuer], random.Random(seed))
        spans = [span for span in SCANNER.scan_text(f"see {key} there") if span.type == "SECRET"]
        assert sum(span.end - span.start for span in spans) >= 0.9 * len(key)


def test_more_than_a_hundred_forms_are_known() -> None:
    assert len({form.literal for form in FORMATS}) > 100


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_every_form_has_its_fixed_part_and_is_one_long_word(form: Format) -> None:
    shortest, _ = parse(form.expression).getwidth()
    assert form.literal in form.expression.replace("\\", "")
    assert Page("x" * shortest).long_words
    assert " " not in form.expression
    assert not form.pattern.search(" " + form.literal + " ")


@pytest.mark.parametrize(
    "text",
    [
        "sk-learn-contrib-something-long-name",
        "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "AKIA is the prefix of a key id",
        "ghp_your-token-goes-here",
        "the keys of s.replace and s.translate",
        "git commit 3f5e8a9c0b1d2e4f5a6b7c8d9e0f1a2b3c4d5e6f",
        "uuid 123e4567-e89b-12d3-a456-426614174000",
        "integrity: sha512-abcDEF1234567890abcDEF1234567890",
    ],
)
def test_what_only_begins_like_a_key_is_none(text: str) -> None:
    assert [span for span in SCANNER.scan_text(text) if span.type == "SECRET" and span.score >= 0.5] == []
