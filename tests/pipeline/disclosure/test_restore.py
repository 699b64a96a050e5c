"""Restoring a stream gives what restoring the whole gives, wherever it is cut, and holds back next to nothing."""

import json
import random
import string
from itertools import pairwise

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.models.answer import Collected
from pipeline.adapters.models.sse import EventReader
from pipeline.contracts import TokenLogprob
from pipeline.disclosure.restore import Edit, Issued, Restorer, edited_tokens, restore_tokens, restored_split

AWKWARD = 'Dwayne "The\\Rock"\nŻółć 🎷'
ISSUED = {
    "<PERSON_K7QM2>": "Ana Alba",
    "<PERSON_K7QM2_2>": "ANA",
    "<PERSON_K7QM23>": "Bo",
    "<ADDRESS_22222>": AWKWARD,
    "u-k7qm2abc@redacted.invalid": "ana@example.org",
    "+1 (734) 555-0142": "+47 22 00 11 22",
    "9001 0002": "5555 4444",
    "(A-7)": "room 12",
    "ab 12": "one",
    "12 34": "two",
    "9001 0002 0003": "1111 2222 3333",
}
DECOYS = [
    "<b>x</b>", "a<b", "<<", "<PERSON", "<PERSON_", "x<y", "PERSON_K7QM2", "<PERSON_99>", "<PERSON_K7QM", "9001 ",
    "9001 000", "ab", "12", " 34 ", "(734) 555-0142", "(A-",
    "u-k7qm2abc@redacted.invalid.org", "19001 00029", "\\", "\\u003", "\\\\u003cPERSON_K7QM2>", "é", "🎷", '"', " ",
    "2", ">", "<PERSON_K7QM2_", "<PERSON_K7QM2_22>",
]  # fmt: skip
ESCAPED = [key.replace("<", r"\u003c").replace(">", r"\u003E") for key in ISSUED] + [r"\u003cPERSON\u005fK7QM\u0032>"]
BITS = st.one_of(st.sampled_from([*ISSUED, *DECOYS, *ESCAPED]), st.text(max_size=3))
TEXTS = st.lists(BITS, max_size=12).map("".join)
PREPARED = Issued(ISSUED)


def cut(text: str, cuts: list[int]) -> list[str]:
    edges = sorted({0, len(text), *(at for at in cuts if at < len(text))})
    return [text[a:b] for a, b in pairwise(edges)]


# ---------------------------------------------------------------- stream and whole


@given(TEXTS, st.lists(st.integers(0, 200), max_size=40), st.booleans())
def test_a_stream_is_restored_as_the_whole_is_wherever_it_is_cut(text: str, cuts: list[int], as_json: bool) -> None:
    restorer = Restorer(PREPARED, json=as_json)
    streamed = "".join(restorer.feed(piece) for piece in cut(text, cuts)) + restorer.end()
    assert streamed == Restorer(PREPARED, json=as_json).whole(text)


@given(TEXTS, st.booleans())
def test_one_character_at_a_time_is_a_split_like_any_other(text: str, as_json: bool) -> None:
    restorer = Restorer(PREPARED, json=as_json)
    assert "".join(map(restorer.feed, text)) + restorer.end() == restorer.whole(text)


def test_ten_thousand_random_splits_have_no_mismatch() -> None:
    """Seeded; `make bench-pii` makes a million of them."""
    chance, mismatches = random.Random(7), 0
    for _ in range(100):
        bits = [*ISSUED, *DECOYS, *ESCAPED]
        text = " ".join(chance.choice(bits) + chance.choice(["", "a", ", "]) for _ in range(12))
        whole = Restorer(PREPARED).whole(text)
        for _ in range(100):
            cuts = sorted(chance.sample(range(1, len(text)), chance.randint(1, min(30, len(text) - 1))))
            mismatches += restored_split(PREPARED, text, cuts) != whole
    assert mismatches == 0


@given(TEXTS, st.lists(st.integers(0, 200), max_size=40))
def test_never_more_than_the_longest_token_is_held_back(text: str, cuts: list[int]) -> None:
    tokens_alone = {key: value for key, value in ISSUED.items() if key.startswith("<")}
    others_alone = {key: value for key, value in ISSUED.items() if key.endswith(")")}
    for issued, spare in ((ISSUED, 0), (tokens_alone, 1), (others_alone, 1)):
        most = max(map(len, issued)) - spare
        restorer = Restorer(issued)
        for piece in cut(text, cuts):
            restorer.feed(piece)
            assert restorer.held <= most


@pytest.mark.parametrize(
    "tail", ["a<b ", "x < y", "<PERSON_X", "<div", "plain words", "<PERSON_K7QM2>", "<PERSON_K7QM2_9"]
)
def test_a_tail_that_cannot_become_an_issued_token_is_said_at_once(tail: str) -> None:
    restorer = Restorer({"<PERSON_K7QM2>": "Ana", "<PERSON_K7QM2_2>": "ANA"})
    restorer.feed(tail)
    assert restorer.held == 0


def test_a_stream_that_ends_within_a_token_ends_with_what_there_was() -> None:
    restorer = Restorer(ISSUED)
    assert restorer.feed("see <PERSON_K7Q") == "see "
    assert restorer.end() == "<PERSON_K7Q"
    assert restorer.feed("M2>") == "M2>", "what comes after the end is another text"


def test_stand_ins_that_overlap_are_told_apart_from_the_left() -> None:
    for text, expected in (("ab 12 34", "one 34"), ("ab 12 12 34", "one two"), ("b 12 34", "b two")):
        for at in range(len(text)):
            assert restored_split(ISSUED, text, [at]) == expected


def test_what_stood_before_the_end_of_a_text_does_not_touch_the_next_one() -> None:
    restorer = Restorer(ISSUED)
    assert restorer.feed("x1") + restorer.end() + restorer.feed("ab 12!") == "x1one!"


def test_without_tokens_everything_passes_as_it_is() -> None:
    restorer = Restorer({})
    assert restorer.feed("a <PERSON_K7QM2> \\u003") == "a <PERSON_K7QM2> \\u003"
    assert Restorer({}, json=True).whole("a \\u003cb") == "a \\u003cb"


def test_the_longest_of_two_stand_ins_is_meant_where_both_could_be() -> None:
    assert Restorer(ISSUED).whole("9001 0002 0003, 9001 0002 0004") == "1111 2222 3333, 5555 4444 0004"


def test_bytes_cut_within_a_character_and_within_an_event_are_restored() -> None:
    """UTF-8 and events are put together before text reaches a restorer, so a cut through either changes nothing."""
    pieces = ["Für <PER", "SON_K", "7QM2> und «<ADDRESS_22222>» 🎷"]
    stream = b"".join(
        b"data: " + json.dumps({"choices": [{"delta": {"content": piece}}]}, ensure_ascii=False).encode() + b"\r\n\r\n"
        for piece in pieces
    )
    for size in (1, 2, 3, 5, 7):
        reader, collected, restorer = EventReader(), Collected("m"), Restorer(ISSUED)
        said = ""
        for at in range(0, len(stream), size):
            for data in reader.feed(stream[at : at + size]):
                said += restorer.feed(collected.feed(data))
        assert said + restorer.end() == f"Für Ana Alba und «{AWKWARD}» 🎷"


# ---------------------------------------------------------------- JSON


@pytest.mark.parametrize("dump", [orjson.dumps, lambda document: json.dumps(document).encode()])
def test_values_with_quotes_and_line_ends_leave_json_intact(dump: object) -> None:
    document = {
        "who": "<PERSON_K7QM2>",
        "where": ["<ADDRESS_22222>", {"<PERSON_K7QM2_2>": "é <ADDRESS_22222> \\u003c"}],
    }
    text = dump(document).decode()  # type: ignore[operator]  # both take a document
    restored = Restorer(ISSUED, json=True).whole(text)
    assert json.loads(restored) == {"who": "Ana Alba", "where": [AWKWARD, {"ANA": f"é {AWKWARD} \\u003c"}]}


@pytest.mark.parametrize(
    "written",
    [
        r"\u003cPERSON_K7QM2\u003e",
        r"\u003CPERSON_K7QM2>",
        r"<PERSON\u005FK7QM2\u003E",
        r"\u003c\u0050ERSON_K7QM\u0032>",
    ],
)
def test_tokens_under_json_escapes_are_known_at_every_cut(written: str) -> None:
    text = f'{{"who": "{written}"}}'
    for at in range(len(text)):
        assert restored_split(ISSUED, text, [at], json=True) == '{"who": "Ana Alba"}'


def test_an_escaped_backslash_before_what_looks_like_an_escape_is_no_token() -> None:
    text = r'{"pattern": "\\u003cPERSON_K7QM2\\u003e"}'
    assert Restorer(ISSUED, json=True).whole(text) == text
    for at in range(len(text)):
        assert restored_split(ISSUED, text, [at], json=True) == text


def test_values_in_json_that_is_a_string_of_json_leave_both_intact() -> None:
    inner = json.dumps({"at": "<ADDRESS_22222>", "deep": json.dumps(["<ADDRESS_22222>"])})
    text = json.dumps(
        {"said": 'He said "<ADDRESS_22222>"', "body": inner, "list": ["x", "<ADDRESS_22222>", "[<ADDRESS_22222>"]}
    )
    restored = json.loads(Restorer(ISSUED, json=True).whole(text, tolerant=True))
    body = json.loads(restored["body"])
    assert restored["said"] == f'He said "{AWKWARD}"'
    assert restored["list"] == ["x", AWKWARD, f"[{AWKWARD}"]
    assert body["at"] == AWKWARD
    assert json.loads(body["deep"]) == [AWKWARD]


def test_outside_of_json_an_escape_is_only_a_backslash() -> None:
    assert Restorer(ISSUED).whole(r"\u003cPERSON_K7QM2\u003e") == r"\u003cPERSON_K7QM2\u003e"


# ---------------------------------------------------------------- what models make of tokens


@pytest.mark.parametrize(
    "written",
    [
        "<person_k7qm2>", "PERSON_K7QM2", "[PERSON_K7QM2]", "&lt;PERSON_K7QM2&gt;", r"<PERSON\_K7QM2>",
        r"\<PERSON_K7QM2\>",
        "Person K7QM2", "{PERSON_K7QM2}", r"\[PERSON\_K7QM2\]", "PERSON-K7QM2", "<PERSON_K7QM2>",
    ],
)  # fmt: skip
def test_a_whole_text_is_read_tolerantly(written: str) -> None:
    said = f"Dear {written}'s friend, **{written}** ({written})"
    assert Restorer(ISSUED).whole(said, tolerant=True) == "Dear Ana Alba's friend, **Ana Alba** (Ana Alba)"


@pytest.mark.parametrize(
    "written",
    [
        "PERSON_K7QM2_9",
        "PERSON_K7QM22",
        "XPERSON_K7QM2",
        "PERSON_QQQQQ",
        "person of interest",
        "<PERSON_K7QM2_9>",
        "K7QM2",
        "PERSON_K7QM2ab",
        "PERSON_K7QM2_a",
    ],
)
def test_tolerance_ends_where_another_token_could_be_meant(written: str) -> None:
    assert Restorer(ISSUED).whole(written, tolerant=True) == written


def test_a_link_keeps_its_brackets_when_read_tolerantly() -> None:
    assert Restorer(ISSUED).whole("[PERSON_K7QM2](x.org)", tolerant=True) == "[Ana Alba](x.org)"


def test_forms_of_one_person_are_told_apart_when_read_tolerantly() -> None:
    assert Restorer(ISSUED).whole("person_k7qm2_2 and PERSON\\_K7QM2\\_2", tolerant=True) == "ANA and ANA"


@given(TEXTS)
def test_tolerance_never_undoes_what_strictness_restores(text: str) -> None:
    exact = Restorer(PREPARED).edits(text)
    loose = Restorer(PREPARED).edits(text, tolerant=True)
    covered = {at for edit in loose for at in range(edit.start, edit.end)}
    assert all(edit.start in covered for edit in exact)


# ---------------------------------------------------------------- scored tokens


def scored(pieces: list[str]) -> tuple[TokenLogprob, ...]:
    return tuple(TokenLogprob(token=piece, logprob=-0.5 - at) for at, piece in enumerate(pieces))


def test_tokens_that_cover_a_restored_place_become_one_with_the_sum_of_their_scores() -> None:
    tokens = scored(["Dear ", "<PER", "SON_", "K7QM2>, ", "<PERSON_K7QM2", "_2>", "!"])
    made = restore_tokens(tokens, ISSUED)
    assert [(token.token, token.logprob) for token in made] == [
        ("Dear ", -0.5),
        ("Ana Alba, ", -1.5 - 2.5 - 3.5),
        ("ANA", -4.5 - 5.5),
        ("!", -6.5),
    ]


@given(TEXTS, st.lists(st.integers(0, 200), max_size=30), st.booleans())
def test_restored_tokens_join_to_the_restored_text_and_keep_the_whole_score(
    text: str, cuts: list[int], as_json: bool
) -> None:
    tokens = scored([*cut(text, cuts), ""])
    made = restore_tokens(tokens, PREPARED, json=as_json)
    assert "".join(token.token for token in made) == Restorer(PREPARED, json=as_json).whole(text)
    assert sum(token.logprob for token in made) == pytest.approx(sum(token.logprob for token in tokens))


def test_one_token_may_hold_several_places_and_several_tokens_one_place() -> None:
    made = edited_tokens(scored(["abc", "def", "g"]), [Edit(0, 1, "X"), Edit(2, 4, "Y"), Edit(4, 5, "")])
    assert [token.token for token in made] == ["XbYf", "g"]


# ---------------------------------------------------------------- how the work grows


def test_the_work_for_a_token_does_not_grow_with_the_number_of_tokens_issued() -> None:
    """Ten thousand tokens are prepared and restored in a moment, and a character at a time too."""
    chance = random.Random(3)
    codes = ["".join(chance.choices(string.digits + "BCDFG", k=8)) for _ in range(10_000)]
    issued = Issued({f"<PERSON_{code}>": f"person {at}" for at, code in enumerate(codes)})
    text = " ".join(f"<PERSON_{code}>" for code in codes)
    restorer = Restorer(issued)
    assert "".join(map(restorer.feed, text)) + restorer.end() == " ".join(f"person {at}" for at in range(10_000))
