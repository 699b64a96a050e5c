"""What a model says is masked in a stream as it is in the whole, wherever the stream is cut."""

import json
import random
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.pii.patterns import PatternScanner
from pipeline.contracts import Finding
from pipeline.disclosure.redact import Found, Redactor, Windows, within_json
from pipeline.disclosure.restore import Edit, edited

SMALL = Windows(step=8, left=12, right=32, most=128)


class Hit(NamedTuple):
    type: str
    start: int
    end: int
    score: float = 0.9


_MARKED = re.compile(
    r"(?P<EMAIL>\w{1,20}@\w{1,20}\.\w{2,5})|(?<!\d)(?P<PHONE>\d(?:[ -]?\d){6,20})(?!\d)|(?P<SECRET>key-\w{4,})"
)


def scan(text: str) -> Sequence[Found]:
    """E-mail, long numbers and keys of any length; look-behind and look-ahead, as real detectors have them."""
    return [Hit(match.lastgroup or "", *match.span()) for match in _MARKED.finditer(text)]


def everything(_: Found) -> bool:
    return True


def redactor(windows: Windows = SMALL, issued: Sequence[str] = ()) -> Redactor:
    return Redactor(scan, everything, windows, issued)


def streamed(subject: Redactor, text: str, cuts: Sequence[int]) -> str:
    edges = sorted({0, len(text), *(at for at in cuts if at < len(text))})
    return "".join(subject.feed(text[a:b]) for a, b in pairwise(edges)) + subject.end()


KEY = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMIIEow\nABCD+/==\n-----END RSA PRIVATE KEY-----"
BITS = st.one_of(
    st.sampled_from(
        ["ana@example.org", "4000 0000 0000 0002", "212-555-0187", "key-" + "a1" * 40, "key-abcd", KEY, KEY[:60],
         KEY[40:], "word ", "1", "12", " ", "\n", "@", "-", "-----", "key", "日本語", "🎷", "<PERSON_22222>", "x" * 40]
    ),
    st.text(max_size=5),
)  # fmt: skip
TEXTS = st.lists(BITS, max_size=25).map("".join)
CUTS = st.lists(st.integers(0, 1500), max_size=40)


# ---------------------------------------------------------------- stream and whole


@given(TEXTS, CUTS, st.sampled_from([SMALL, Windows(), Windows(step=1, left=0, right=80, most=80)]))
def test_redacting_a_stream_is_redacting_the_whole(text: str, cuts: list[int], windows: Windows) -> None:
    assert streamed(redactor(windows), text, cuts) == redactor(windows).whole(text)


@given(TEXTS)
def test_one_character_at_a_time_is_a_split_like_any_other(text: str) -> None:
    subject = redactor()
    assert "".join(map(subject.feed, text)) + subject.end() == subject.whole(text)


@given(TEXTS, CUTS)
def test_a_stream_counts_what_the_whole_counts(text: str, cuts: list[int]) -> None:
    stream, whole = redactor(), redactor()
    streamed(stream, text, cuts)
    whole.whole(text)
    assert stream.found == whole.found


@given(st.lists(st.sampled_from(["ana@example.org", "4000 0000 0000 0002", "key-abcd1234"]), max_size=20))
def test_nothing_that_the_scan_finds_in_the_whole_comes_out(values: list[str]) -> None:
    text = "".join(f"one {value}, and " for value in values)
    said = redactor().whole(text)
    assert not scan(said)
    assert said.count("[") == len(values)


def test_a_text_without_findings_comes_out_as_it_is() -> None:
    text = "plain words and 12 numbers, " * 50
    subject = redactor()
    assert subject.whole(text) == text
    assert subject.found == ()


@given(st.lists(st.sampled_from(["plain words, ", "ana@example.org ", "212-555-0187 "]), max_size=40), CUTS)
def test_no_more_than_a_window_and_what_follows_it_is_held_back(bits: list[str], cuts: list[int]) -> None:
    subject, text = Redactor(scan, everything), "".join(bits)
    for a, b in pairwise(sorted({0, len(text), *(at for at in cuts if at < len(text))})):
        subject.feed(text[a:b])
        assert subject.held < Windows().step + Windows().right <= 256


def test_a_finding_longer_than_any_window_is_masked_whole_and_what_follows_is_said() -> None:
    text = f"see key-{'a1' * 3000} and ana"
    for step in (1, 7, 500):
        assert streamed(redactor(), text, range(0, len(text), step)) == "see [SECRET] and ana"
    subject = redactor()
    subject.feed(text[:5000])
    assert subject.held <= SMALL.most + SMALL.step


def test_the_context_of_a_window_does_not_begin_within_a_number() -> None:
    """A number of 21 digits is nothing here; its last 13 alone would be."""
    short = re.compile(r"(?<!\d)\d{10,15}(?!\d)")
    subject = Redactor(lambda text: [Hit("PHONE", *match.span()) for match in short.finditer(text)], everything, SMALL)
    for pad in range(24):
        text = f"{'x' * pad} {'1' * 21} and so on" + " and on" * 20
        assert subject.whole(text) == text


def test_findings_that_overlap_are_under_one_mask() -> None:
    overlapping = [Hit("EMAIL", 2, 5), Hit("PHONE", 3, 8), Hit("PHONE", 4, 6)]
    assert Redactor(lambda _: overlapping, everything).whole("0123456789") == "01[EMAIL]89"


# ---------------------------------------------------------------- private keys


def test_a_private_key_is_masked_from_its_first_line_without_waiting_for_its_last() -> None:
    body = "\n".join("Ab+/" * 16 for _ in range(40))
    text = f"Here: -----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\nKeep it well, please."
    subject = redactor(Windows())
    said = ""
    for at in range(0, len(text), 50):
        said += subject.feed(text[at : at + 50])
        assert subject.held < Windows().step + Windows().right
        assert "Ab+/" not in said
    assert said + subject.end() == "Here: [SECRET]\nKeep it well, please."


def test_header_lines_of_a_key_are_masked_with_it() -> None:
    assert redactor(Windows()).whole(f"a {KEY} b") == "a [SECRET] b"


def test_a_key_that_never_ends_is_masked_to_the_end() -> None:
    assert redactor(Windows()).whole("a " + KEY[:60]) == "a [SECRET]"


def test_the_mention_of_a_key_is_not_taken_for_one() -> None:
    said = redactor(Windows()).whole("A file that begins with -----BEGIN PRIVATE KEY----- is secret, and so on.")
    assert said == "A file that begins with [SECRET] is secret, and so on."


def test_a_key_in_lines_of_a_program_is_masked_whole() -> None:
    lines = ["-----BEGIN PRIVATE KEY-----", *["Ab+/" * 16] * 20, "aB==", "-----END PRIVATE KEY-----"]
    text = "key = (\n" + "".join(f'    "{line}\\n"\n' for line in lines) + ")\nprint(key)"
    assert redactor(Windows()).whole(text) == 'key = (\n    "[SECRET]\\n"\n)\nprint(key)'


def test_a_key_in_json_is_masked_like_any_other() -> None:
    text = json.dumps({"key": KEY, "more": 1})
    assert json.loads(redactor(Windows()).whole(text)) == {"key": "[SECRET]", "more": 1}


def test_a_key_is_said_where_secrets_are_not_hidden() -> None:
    assert Redactor(lambda _: (), lambda found: found.type != "SECRET").whole(KEY) == KEY


# ---------------------------------------------------------------- what is not masked


def test_only_what_is_to_be_hidden_is_masked_and_counted() -> None:
    subject = Redactor(scan, lambda found: found.type == "EMAIL")
    assert subject.whole("ana@example.org or 212-555-0187") == "[EMAIL] or 212-555-0187"
    assert subject.found == (Finding(type="EMAIL", count=1, score=0.9),)


def test_tokens_of_ours_are_no_personal_data() -> None:
    issued = ["u-abcdefgh@redacted.invalid", "<PHONE_22222>"]
    text = "u-abcdefgh@redacted.invalid, 212-555-0187 <PHONE_22222>"
    shaped = re.compile(r"[\w-]+@[\w.]+|\d[\d -]+ <PHONE_\w+>|<PHONE_2")
    subject = Redactor(
        lambda part: [Hit("PHONE", *match.span()) for match in shaped.finditer(part)], everything, issued=issued
    )
    assert subject.whole(text) == "u-abcdefgh@redacted.invalid, [PHONE]<PHONE_22222>"


def test_a_scan_that_fails_hides_everything_it_should_have_seen() -> None:
    def broken(text: str) -> Sequence[Found]:
        if "bad" in text:
            raise RuntimeError("no")
        return ()

    subject = Redactor(broken, everything, SMALL)
    text = "good " * 30 + "bad " + "good " * 30
    said = streamed(subject, text, range(0, len(text), 3))
    assert subject.failed
    assert "bad" not in said
    assert said.startswith("good good")
    assert said.endswith("good good ")
    assert "[UNSCANNED]" in said
    assert subject.found == ()
    assert said == Redactor(broken, everything, SMALL).whole(text)


# ---------------------------------------------------------------- JSON


@given(
    st.dictionaries(
        st.text(max_size=4), st.one_of(BITS, st.integers(10**9, 10**12), st.lists(BITS, max_size=3)), max_size=5
    )
)
def test_a_json_text_stays_one_with_the_same_shape(document: dict[str, object]) -> None:
    text = json.dumps(document)
    edits = within_json(text, redactor().edits(text))
    again = json.loads(edited(text, edits))
    assert [type(value) is list for value in again.values()] == [type(value) is list for value in document.values()]


def test_a_number_becomes_a_string_and_a_finding_over_two_strings_stays_inside_both() -> None:
    text = '{"n": 2125550187, "a": "12 Long\\nRoad", "b": "Oslo", "c": "\\u00e5ge"}'
    hits = [
        Hit("PHONE", 6, 16),
        Hit("ADDRESS", text.index("Long"), text.index("slo")),
        Hit("X", text.index("00e5"), 999),
    ]
    edits = within_json(text, [Edit(hit.start, hit.end, f"[{hit.type}]") for hit in hits])
    assert json.loads(edited(text, edits)) == {
        "n": "[PHONE]",
        "a": "12 [ADDRESS]",
        "[ADDRESS]": "[ADDRESS]slo",
        "c": "[X]",
    }


def test_what_lies_between_strings_is_left_alone() -> None:
    text = '{"a": "x", "b": true}'
    assert within_json(text, [Edit(text.index('"x"') + 2, text.index('b"'), "[X]")]) == []


# ---------------------------------------------------------------- with the real scanner


def _documents(count: int) -> list[str]:
    """Documents dense with personal data, made up on the spot; seeded."""
    chance = random.Random(11)

    def digits(count: int) -> str:
        return "".join(chance.choices("0123456789", k=count))

    makers = (
        lambda: f"Write to {chance.choice(['ana', 'bo.borg', 'x_y'])}{digits(2)}@example{digits(1)}.org",
        lambda: f"call +1 212 555 {digits(4)}",
        lambda: f"card {chance.choice(['4012888888881881', '4111 1111 1111 1111', '378282246310005'])}",
        lambda: "IBAN GB82 WEST 1234 5698 7654 32",
        lambda: f"the host is 10.{chance.randint(0, 255)}.{chance.randint(0, 255)}.7",
        lambda: f"SSN {chance.randint(100, 665)}-{chance.randint(10, 99)}-{chance.randint(1000, 9999)}",
        lambda: f"token ghp_{''.join(chance.choices('abcdefghijkXYZ0123', k=36))}",
        lambda: f"eyJ{'aB3_' * chance.randint(10, 120)}.eyJ{'cD4-' * chance.randint(10, 120)}.{'eF5_' * 10}",
        lambda: chance.choice(
            ["It was a long day at the office.", "The total is 1,204.50 for 3 items.", "See section 4.2."]
        ),
        lambda: "and so on, as was agreed between the parties in the spring of the year before",
    )
    return [
        " ".join(chance.choice(makers)() + chance.choice([".", ",", "\n", ";"]) for _ in range(chance.randint(3, 60)))
        for _ in range(count)
    ]


def test_windows_find_what_the_scanner_finds_in_the_whole_text() -> None:
    """Windows see less than the whole; on documents dense with structured data it makes no difference."""
    scanner = PatternScanner()
    findings = lost = added = 0
    for text in _documents(80):
        spans = {span[:3] for span in scanner.scan_text(text)}
        subject = Redactor(scanner.scan_text, everything)
        edits = {(edit.start, edit.end) for edit in subject.edits(text)}
        findings += len(spans)
        whole = {span[1:] for span in spans}
        lost += len(whole - edits)
        added += len(edits - whole)
    assert findings > 1000
    assert (lost, added) == (0, 0)


def test_a_key_that_shows_only_late_what_it_is_is_waited_for() -> None:
    lines = "\n".join(["Ab+/" * 16] * 6)
    text = (
        f"PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\nComment: mine\nPublic-Lines: 6\n{lines}\nPrivate-Lines: 6\n"
    )
    subject = Redactor(PatternScanner().scan_text, everything)
    said = streamed(subject, f"Here it is: {text}{lines}\n# end", range(0, 1500, 9))
    assert said.startswith("Here it is: [SECRET]")
    assert said.endswith("# end")
    assert "Ab+/" not in said


def test_a_stream_through_the_real_scanner_is_its_whole() -> None:
    scanner, chance = PatternScanner(), random.Random(5)
    for text in _documents(10):
        cuts = sorted(chance.sample(range(1, len(text)), min(60, len(text) - 1)))
        assert streamed(Redactor(scanner.scan_text, everything), text, cuts) == Redactor(
            scanner.scan_text, everything
        ).whole(text)
