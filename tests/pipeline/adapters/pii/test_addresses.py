"""Postal addresses are found whole in the forms of many countries; prose, code and lists of numbers are none."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.adapters.pii import PatternScanner, Span
from pipeline.adapters.pii.detectors.address_classes import read
from pipeline.adapters.pii.detectors.addresses import ADDRESS
from pipeline.adapters.pii.page import Page

SCANNER = PatternScanner()
USUAL = 0.5

WHOLE = (
    "12 Old Mill Rd NW, Dayton, OH 45402",
    "4120 W 38th St Apt 12B, Chicago, IL 60632-1234",
    "221B Baker Street, London NW1 6XE",
    "Flat 4\n17 Harbour View\nBristol\nBS1 5TY",
    "1200 Highway 61, Red Wing, MN 55066",
    "100 Queen St W, Toronto, ON M5H 2N2",
    "5/18 Wattle Grove, Fremantle WA 6160",
    "14 Rathmines Road, Dublin D06 Y2X4",
    "Hauptstraße 12a, 10115 Berlin",
    "Lange Gasse 7\n1080 Wien\nAustria",
    "Am Markt 3, 04109 Leipzig",
    "12 bis rue de la Paix, 75002 Paris",
    "33 avenue Foch\n69006 Lyon\nFrance",
    "Via dei Serpenti 45, 00184 Roma",
    "Calle de Alcalá, 120, 28009 Madrid",
    "C/ Mayor 5, 28013 Madrid",
    "Carrera 15 # 93-60, Bogotá, Colombia",
    "Rua Augusta, 1508, 01304-001 São Paulo",
    "Kerkstraat 14, 1017 GC Amsterdam",
    "Gentsesteenweg 101, 9300 Aalst",
    "ul. Długa 7/12, 00-238 Warszawa",
    "Dlouhá 33, 110 00 Praha",
    "Kossuth Lajos utca 12, 1053 Budapest",
    "6722 Szeged, Petőfi u. 8",
    "Storgata 25\n0184 Oslo\nNorway",
    "Drottninggatan 71, 111 36 Stockholm",
    "Nørrebrogade 44, 2200 København",
    "Mannerheimintie 22 B 5, 00100 Helsinki",
    "Laugavegur 40, 101 Reykjavík, Iceland",
    "Slovenska cesta 9b, 1000 Ljubljana",
    "Bulevardul Unirii Nr. 15 Bl. 4 Sc. 2 Ap. 31",
    "ул. Лесная, д. 5, кв. 12",
    "Jalan Sudirman No. 7, Bandung 40112",
    "東京都千代田区丸の内1-9-1",
    "北京市海淀区中关村大街27号",
    "서울특별시 강남구 테헤란로 152",
    "P.O. Box 4711",
    "Postfach 1204",
    "PSC 812, Box 3340\nFPO AE 09627",
    "USS Example\nFPO AP 96601",
    "Unit 4402 Box 18\nDPO AA 34001",
    "RR 2 Box 15",
)
CLEAN = (
    "There were 8 blue tulips in a row.",
    "She has 3 German Shepherds and 2 Bulldogs.",
    "He walked 5 blocks down the street and 2 miles along the road.",
    "What is the square root of 144?",
    "Based on RFC 5321, see chapter 12 and table 4.",
    "Python 3.11 runs on Windows 11, not on Windows 7.",
    "In 2019 Google and Apple met in Paris, France.",
    "A. 15, 17\nB. 15, 19\nC. 17, 19\nD. 17, 21\nAnswer:",
    "sys.path.insert(0, os.curdir)",
    "for i in range(10): print(i, 100 * i)",
    "total = base64.b64decode(text)[:128]  # 3 of 4",
    "set an alarm for 7 am and remind me in 30 minutes",
    "Boeing 747 landed at gate 12 on Monday 5 May 2014.",
    "The Beatles recorded 213 songs; 12 Monkeys is a film of 1995.",
    "-rw-r--r-- 1 root root 1024 Jan  3  1994 notes",
    "Revenue | 1200 | 1300 | 1400\nCosts | 900 | 950 | 990",
    "my account number ends in 12 and the bill was 40 dollars",
)


def addresses(text: str) -> list[Span]:
    return [span for span in SCANNER.scan_text(text) if span.type == "ADDRESS" and span.score >= USUAL]


def covered(text: str, start: int, end: int) -> float:
    inside = sum(max(0, min(span.end, end) - max(span.start, start)) for span in addresses(text))
    return inside / (end - start)


@pytest.mark.parametrize("address", WHOLE)
@pytest.mark.parametrize("sentence", ["{}", "Please send it to {} today.", "My address: {}\nThank you, Ann"])
def test_an_address_is_found_from_end_to_end(sentence: str, address: str) -> None:
    start = sentence.index("{")
    text = sentence.format(address)
    spans = addresses(text)
    assert covered(text, start, start + len(address)) > 0.95
    assert max(span.end for span in spans) <= start + len(address)
    assert min(span.start for span in spans) >= start


@pytest.mark.parametrize("text", CLEAN)
def test_ordinary_text_holds_no_address(text: str) -> None:
    assert addresses(text) == []


def test_small_letters_hide_no_address() -> None:
    assert addresses("ship it to 12 main street") != []
    assert addresses("my address is via garibaldi 12, torino, italy 10122") != []
    assert addresses("psc 812, box 3340\nfpo ae 09627") != []


def test_a_name_and_a_number_need_words_that_lead_to_them_or_a_place_that_follows() -> None:
    assert addresses("The score was Rosewood 12.") == []
    assert [span.start for span in addresses("We live at Rosewood 12.")] == [11]
    assert [span.start for span in addresses("Rosewood 12, Nairobi, Kenya")] == [0]


def test_a_common_word_is_a_street_only_beside_other_signs() -> None:
    assert addresses("They scored 12 Golden Points") == []
    assert addresses("Deliver to 12 Golden Point, please") != []


def test_the_corner_of_two_streets_is_an_address() -> None:
    text = "Meet me at the corner of Elm Street and 5th Avenue"
    assert covered(text, text.index("the corner"), len(text)) == 1.0


def test_the_items_of_a_list_are_addresses_of_their_own() -> None:
    text = "- Ann Lee\n- 57 Mill Road\n- Apt. 12\n- Springfield\n- Kenya 57006"
    assert [text[span.start : span.end] for span in addresses(text)] == ["57 Mill Road", "Apt. 12", "57006"]


def test_a_year_after_a_place_is_no_house_number() -> None:
    assert addresses("She was based in Vienna 1975.") == []


def test_an_address_keeps_its_place_when_its_letters_are_disguised() -> None:
    text = "Hello \u200b\u200b, 12\u00a0M\u0430in Street, ok"
    [span] = addresses(text)
    assert text[span.start : span.end] == "12\u00a0M\u0430in Street"


def test_two_addresses_are_two_findings() -> None:
    assert len(addresses("From 12 Main Street to Hauptstraße 5.")) == 2


def test_the_end_of_a_line_before_a_code_is_no_part_of_it() -> None:
    [span] = addresses("x \n SW1A 1AA")
    assert span.start == len("x \n ")


SIGNS = st.sampled_from(
    ["12", "4711", "75002", "12b", "Main", "Street", "rue", "de", "Hauptstraße", "Apt.", "#", ",", "\n", ".", "Kenya",
     "IL", "P.O.", "Box", "SW1A", "1AA", "and", "the corner of", "lives at", "u.", "x", "- ", "South", "Africa"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(SIGNS, max_size=24), st.sampled_from([" ", ""]))
def test_spans_lie_in_the_text_and_begin_and_end_with_a_word(parts: list[str], glue: str) -> None:
    text = glue.join(parts)
    for span in ADDRESS.find(Page(text)):
        found = text[span.start : span.end]
        assert 0 <= span.start < span.end <= len(text)
        assert found == found.strip() != ""
        assert 0.0 < span.score <= 1.0


@settings(max_examples=300, deadline=None)
@given(st.lists(SIGNS, max_size=24))
def test_a_text_without_what_is_needed_holds_no_address(parts: list[str]) -> None:
    page = Page(" ".join(parts))
    assert ADDRESS.needs(page) or not list(ADDRESS.find(page))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=120), st.booleans())
def test_each_word_read_has_one_class_and_a_place_of_its_own(text: str, low: bool) -> None:
    reading = read(text, low=low)
    assert len(reading.classes) == len(reading.starts) == len(reading.ends)
    edges = [edge for pair in zip(reading.starts, reading.ends, strict=True) for edge in pair]
    assert edges == sorted(edges)


@pytest.mark.parametrize(
    "seed",
    ["1 ", "12 Aa ", "AB12 ", "1, ", "Aa 1\n", "Suite 1 ", "1 Aa Street, ", "Astrasse ", "12 Aa Aa, ", "Unit 1 Box 1\n",
     "corner of Aa and ", "rue a 1 ", "市", "市1", "a, ", "Kenya ", "South ", "P.O. Box ", "\n- ", "lives at 1 Aa, "],
)  # fmt: skip
def test_fifty_kilobytes_of_a_hostile_pattern_are_read_in_bounded_time(seed: str) -> None:
    """Generous, for a busy machine: what it excludes is time that grows with the square of the length."""
    text = (seed * (51200 // len(seed) + 1))[:51200]
    start = time.process_time()
    list(ADDRESS.find(Page(text)))
    assert time.process_time() - start < 2.0
