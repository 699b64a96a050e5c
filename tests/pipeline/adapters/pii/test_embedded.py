"""What a `data:` address or a word of base64 holds is read, when it is text."""

from base64 import b64encode

import pytest

from pipeline.adapters.pii import PatternScanner
from pipeline.adapters.pii.detectors.embedded import LONGEST_EMBEDDED

SCANNER = PatternScanner()
INSIDE = "name,mail\nOdalys,odalys@example.org\n"


def address(body: str, mime: str = "text/csv") -> str:
    return f"data:{mime};base64,{b64encode(body.encode()).decode()}"


def types(text: str) -> set[str]:
    return {span.type for span in SCANNER.scan_text(text) if span.score >= 0.5}


@pytest.mark.parametrize(
    "mime", ["text/plain", "text/csv;charset=utf-8", "application/json", "application/ld+json", ""]
)
def test_a_readable_address_is_searched_and_covered_whole(mime: str) -> None:
    url = address(INSIDE, mime)
    (span,) = SCANNER.scan_text(f"see {url} there")
    assert (span.type, span.start, span.end) == ("EMAIL", 4, 4 + len(url))


def test_of_several_types_none_is_lost_and_all_is_covered() -> None:
    url = address(INSIDE + "card 4111 1111 1111 1111, from 203.0.113.77")
    spans = SCANNER.scan_text(url)
    assert {span.type for span in spans} >= {"EMAIL", "CREDIT_CARD", "IP"}
    assert sum(span.end - span.start for span in spans) == len(url)


def test_an_address_in_percent_signs_is_searched() -> None:
    assert types("data:text/plain,write%20to%20odalys%40example.org") == {"EMAIL"}


@pytest.mark.parametrize("mime", ["image/png", "application/pdf", "application/octet-stream"])
def test_what_is_no_text_is_left_to_policy(mime: str) -> None:
    body = b64encode(bytes(range(256)) + INSIDE.encode()).decode()
    assert types(f"data:{mime};base64,{body}") == set()


def test_a_word_of_base64_that_is_text_is_searched() -> None:
    assert types("decode " + b64encode(b"my card is 4111 1111 1111 1111, thanks").decode()) == {"CREDIT_CARD"}
    assert types("decode " + b64encode(bytes(range(200))).decode()) == set()


@pytest.mark.parametrize(
    "text", ["data:text/plain;base64,%%%%%%%%%%", "data:,", "data:text/csv;base64,AAAAA", "data:;;;,x"]
)
def test_a_broken_address_holds_nothing(text: str) -> None:
    assert types(text) == set()


def test_reading_ends_at_sixty_four_kibibytes() -> None:
    assert types(address("so it goes on " * 6000 + " odalys@example.org")) == set()
    assert LONGEST_EMBEDDED > 87_000
