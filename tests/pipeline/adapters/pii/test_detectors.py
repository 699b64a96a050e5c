"""What has a form is found, in its many ways of writing; what only looks like it is not."""

import pytest
from fakes_pii import CLEAN, EXAMPLES
from stdnum import luhn

from pipeline.adapters.pii import PatternScanner, Span
from pipeline.adapters.pii.detectors import DETECTORS

SCANNER = PatternScanner()
CASES = [(kind, text) for kind, texts in EXAMPLES.items() for text in texts]
USUAL = 0.5


def found(text: str) -> list[Span]:
    return [span for span in SCANNER.scan_text(text) if span.score >= USUAL]


@pytest.mark.parametrize(("kind", "text"), CASES)
def test_a_thing_with_a_form_is_found_under_its_type(kind: str, text: str) -> None:
    assert kind in [span.type for span in found(text)]


@pytest.mark.parametrize("text", CLEAN)
def test_ordinary_text_has_no_findings(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(("kind", "text"), CASES)
def test_a_span_says_where_the_thing_stands(kind: str, text: str) -> None:
    for span in found(text):
        assert 0 <= span.start < span.end <= len(text)
        assert text[span.start : span.end].strip()


def test_every_detector_is_tried_by_an_example() -> None:
    assert {kind for detector in DETECTORS for kind in detector.types} - {"AGE"} == set(EXAMPLES)


def test_check_digits_raise_the_score_of_a_card_and_a_wrong_one_does_not_clear_it() -> None:
    right, wrong = found("card 4111 1111 1111 1111")[0], found("card 4111 1111 1111 1112")[0]
    assert luhn.is_valid("4111111111111111")
    assert right.type == wrong.type == "CREDIT_CARD"
    assert right.score > wrong.score


def test_a_number_without_form_needs_a_cue_word() -> None:
    assert found("order 467 3395") == []
    assert [span.type for span in found("phone 467 3395")] == ["PHONE"]


def test_a_cue_word_far_away_does_not_count() -> None:
    assert found("phone " + "and so on " * 20 + "467 3395") == []


def plain(text: str) -> str:
    return text


def zero_width(text: str) -> str:
    return "\u200b".join(text)


def full_width(text: str) -> str:
    return "".join(chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign for sign in text)


def arabic_digits(text: str) -> str:
    return "".join(chr(0x0660 + int(sign)) if sign.isdigit() else sign for sign in text)


def typographic(text: str) -> str:
    return text.replace("-", "\u2011").replace(" ", "\u00a0")


def cyrillic(text: str) -> str:
    return text.translate(str.maketrans("aeopcx", "аеорсх"))


@pytest.mark.parametrize("disguise", [plain, zero_width, full_width, arabic_digits, typographic, cyrillic])
@pytest.mark.parametrize(
    ("kind", "thing"),
    [
        ("EMAIL", "odalys@example.org"),
        ("CREDIT_CARD", "4111 1111 1111 1111"),
        ("IBAN", "DE89 3704 0044 0532 0130 00"),
        ("PHONE", "+49 30 901820"),
        ("US_SSN", "536-90-4399"),
        ("IP", "203.0.113.77"),
    ],
)
def test_a_disguise_hides_nothing(disguise: object, kind: str, thing: str) -> None:
    assert callable(disguise)
    text = f"see {disguise(thing)} there"
    spans = found(text)
    assert kind in [span.type for span in spans]
    span = next(span for span in spans if span.type == kind)
    assert disguise(thing).startswith(text[span.start : span.end][:1])
    assert len(text[span.start : span.end]) >= len(disguise(thing)) - 1


def test_the_scanner_says_which_is_a_card_and_which_an_iban_when_one_stands_in_the_other() -> None:
    assert [span.type for span in found("send it to NL43 5847 4263 0476 13 today")] == ["IBAN"]
