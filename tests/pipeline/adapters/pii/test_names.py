"""The language pipeline through Presidio: names found, code left alone, nothing asked of the network."""

import subprocess
import sys

import pytest
from fakes_pii import CLEAN, EXAMPLES

from pipeline.adapters.pii import PatternScanner
from pipeline.adapters.pii.names import SmallEngine, believable, chunks
from pipeline.adapters.pii.presidio import Analyzer, registry, stay_offline

pytestmark = pytest.mark.nlp

LETTER = "My name is Odalys Brandvold, I work for Siemens in Berlin. Card 4111 1111 1111 1111."


@pytest.fixture(scope="module")
def analyzer() -> Analyzer:
    stay_offline()
    return Analyzer(SmallEngine(), registry())


def test_people_places_and_forms_are_found_together(analyzer: Analyzer) -> None:
    found = {(span.type, LETTER[span.start : span.end]) for span in analyzer.scan_text(LETTER, names=True)}
    assert {("PERSON", "Odalys Brandvold"), ("LOCATION", "Berlin"), ("CREDIT_CARD", "4111 1111 1111 1111")} <= found


def test_without_names_the_registry_finds_what_the_plain_patterns_find(analyzer: Analyzer) -> None:
    texts = [text for texts in EXAMPLES.values() for text in texts] + list(CLEAN)
    plain = PatternScanner()
    for text in texts:
        assert analyzer.scan_text(text, names=False) == plain.scan_text(text), text


def test_offsets_are_those_of_the_whole_text_beyond_the_first_chunk(analyzer: Analyzer) -> None:
    text = "The weather is fine today. " * 120 + LETTER
    people = [text[s.start : s.end] for s in analyzer.scan_text(text, names=True) if s.type == "PERSON"]
    assert "Odalys Brandvold" in people


def test_a_bare_first_name_scores_lower_than_a_full_name(analyzer: Analyzer) -> None:
    def score(text: str) -> float:
        return max(span.score for span in analyzer.scan_text(text, names=True) if span.type == "PERSON")

    assert score("Yesterday John Smith went home.") > score("Yesterday John went home.")


@pytest.mark.parametrize("text", ["self.x_y", "StopIteration()", "v2", "a::b", "x=1", "--", "<b>"])
def test_code_is_no_name(text: str) -> None:
    assert not believable(text)


def test_chunks_cover_the_text_without_overlap() -> None:
    text = "one two three. " * 500
    pieces = list(chunks(text, 100))
    assert "".join(piece for _, piece in pieces) == text
    assert all(text[offset : offset + len(piece)] == piece and len(piece) <= 100 for offset, piece in pieces)


def test_a_text_without_any_break_is_cut_all_the_same() -> None:
    assert [len(piece) for _, piece in chunks("x" * 250, 100)] == [100, 100, 50]


OFFLINE = """
import socket
attempts = []
def refuse(*given, **named):
    attempts.append(given[:1])
    raise OSError("no network here")
socket.getaddrinfo = socket.create_connection = socket.gethostbyname = refuse
socket.socket.connect = lambda self, address: refuse(address)
from pipeline.adapters.pii.names import SmallEngine
from pipeline.adapters.pii.presidio import Analyzer, registry, stay_offline
{patch}
from presidio_analyzer.predefined_recognizers import EmailRecognizer
analyzer = Analyzer(SmallEngine(), registry([EmailRecognizer()]))
analyzer.scan_text("write to odalys@example.co.uk or see http://sub.example.com.au/x", names=True)
mail = EmailRecognizer().analyze("a@example.org", ["EMAIL_ADDRESS"])
print(len(attempts), bool(mail))
"""


@pytest.mark.parametrize(("patch", "silent"), [("stay_offline()", True), ("", False)])
def test_nothing_is_looked_up_in_the_network(
    patch: str, silent: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Every way to resolve a name is denied and counted. Unpatched, a recogniser of Presidio does try."""
    home = str(tmp_path_factory.mktemp("home"))
    run = subprocess.run(
        [sys.executable, "-c", OFFLINE.format(patch=patch)],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "", "HOME": home, "TLDEXTRACT_CACHE": home, "PYTHONPATH": "."},
    )
    attempts, found = run.stdout.split()
    assert (int(attempts) == 0) is silent
    assert found == "True"
