"""A learned score is read from a file, quickly and from no other; a broken file is refused with a sentence."""

from itertools import pairwise
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.signals.difficulty import MAX_READ, DifficultyModel, InvalidModel, Learned, read_model, write_model
from pipeline.signals.features import MAX_BYTES, buckets_of, counted

BITS = 10


def model(slope: float = 4.0, **weights: float) -> DifficultyModel:
    """A score that knows these words."""
    idf, column = np.zeros(1 << BITS, np.float32), np.zeros(1 << BITS, np.float32)
    for word, weight in weights.items():
        bucket = buckets_of(word, BITS)[0]
        idf[bucket], column[bucket] = 1.0, weight
    return read_model(write_model(Learned(idf, column, slope, 0.0, 7, {"sets": []})))


def broken(**changed: Any) -> bytes:
    return orjson.dumps(orjson.loads(write_model(model(prove=1.0).learned)) | changed)


def test_known_words_move_the_score_and_others_do_not() -> None:
    found = model(prove=1.0, hello=-1.0)

    assert found.score_text("Prove!") == pytest.approx(0.982, abs=1e-3)
    assert found.score_text("hello") == pytest.approx(0.018, abs=1e-3)
    assert found.score_text("whatever") == found.score_text("") == 0.5


def test_the_hardest_message_of_the_user_counts() -> None:
    found = model(prove=1.0, hello=-1.0)
    hard = [("user", "prove"), ("assistant", "hello")]

    assert found.score(hard) == found.score_text("prove")
    assert found.score([*hard, ("user", "hello")]) == found.score_text("prove")
    assert found.score([("system", "prove"), ("user", "hello")]) == found.score_text("hello")
    assert found.score([]) == 0.0


TURNS = st.lists(st.sampled_from(["prove", "hello", "and now?", "", "x" * MAX_READ]), min_size=1, max_size=6)


@given(TURNS, st.text(max_size=20))
def test_a_further_turn_never_makes_it_easier(turns: list[str], last: str) -> None:
    found = model(prove=1.0, hello=-1.0)
    said = [("user", turn) for turn in turns]

    assert 0.0 <= found.score(said) <= found.score([*said, ("user", last)]) <= 1.0


def test_the_file_gives_back_what_was_written() -> None:
    written = model(prove=0.5).learned
    again = read_model(write_model(written)).learned

    assert again.weights.tolist() == written.weights.tolist()
    assert (again.slope, again.rows, again.measured) == (4.0, 7, {"sets": []})
    assert write_model(again) == write_model(written)


def test_equal_files_are_read_once() -> None:
    data = write_model(model(prove=0.25).learned)

    assert read_model(data) is read_model(bytes(bytearray(data)))


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "this is no file of"),
        (b"\x80\x04\x95pickle", "this is no file of"),
        (b"[]", "this is no file of"),
        (broken(format="other"), "this is no file of"),
        (broken(more=1), "this is no file of"),
        (broken(version=2), "it has version 2 of the format, and only 1 is known"),
        (broken(slope=5.0), "its digest does not fit its content"),
        (broken(weights="AAAA"), "its digest does not fit its content"),
        (write_model(model(prove=1.0).learned)[:-40], "this is no file of"),
    ],
)
def test_a_broken_file_is_refused_with_a_sentence(data: bytes, sentence: str) -> None:
    with pytest.raises(InvalidModel) as caught:
        read_model(data)

    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"bits": 0}, "it has 2^0 buckets"),
        ({"bits": 40}, "it has 2^40 buckets"),
        ({"bits": 11}, "a column of it has not one number for each of its 2048 buckets"),
        ({"bits": 9}, "a column of it has not one number for each of its 512 buckets"),
        ({"idf": "AAAA"}, "a column of it cannot be unpacked"),
        ({"idf": "é"}, "a column of it cannot be unpacked"),
    ],
)
def test_a_file_whose_digest_was_made_to_fit_is_still_looked_through(changed: dict[str, Any], sentence: str) -> None:
    from pipeline.signals.difficulty import Header, _digest

    header = Header.model_validate_json(broken(**changed))
    data = header.model_copy(update={"digest": _digest(header)}).model_dump_json().encode()

    with pytest.raises(InvalidModel) as caught:
        read_model(data)
    assert str(caught.value).startswith(sentence)


def test_no_number_that_is_none_gets_in() -> None:
    learned = model(prove=1.0).learned
    column = learned.weights.copy()
    column[3] = np.nan

    with pytest.raises(InvalidModel, match="holds what is no number"):
        read_model(write_model(Learned(learned.idf, column, 1.0, 0.0, 7, {})))


# ------------------------------------------------------------ words as buckets


def plainly(text: str) -> list[str]:
    """The words of an ASCII text, the slow way."""
    cleaned = "".join(("0" if c.isdigit() else c.lower()) if c.isalnum() else " " for c in text)
    return cleaned.split()


@given(st.text(st.characters(max_codepoint=127), max_size=80))
def test_every_word_and_every_pair_has_its_bucket(text: str) -> None:
    words = plainly(text)
    pairs = [f"{one} {two}" for one, two in pairwise(words)]
    expected = [int(buckets_of(word, 16)[0]) for word in words] + [int(buckets_of(pair, 16)[2]) for pair in pairs]

    assert buckets_of(text, 16).tolist() == expected


def test_order_counts_capitals_do_not_and_other_scripts_have_words() -> None:
    assert set(buckets_of("a b", 18)) != set(buckets_of("b a", 18))
    assert buckets_of("PROVE It", 18).tolist() == buckets_of("prove it", 18).tolist()
    assert len(buckets_of("证明 定理", 18)) == 3
    assert len(buckets_of("\ud800", 18)) == 1


def test_long_texts_are_read_to_a_bound() -> None:
    assert len(buckets_of("a " * MAX_BYTES, 18)) == MAX_BYTES - 1


@given(st.lists(st.integers(0, 5), max_size=30))
def test_buckets_are_counted(buckets: list[int]) -> None:
    once, counts = counted(np.array(buckets, np.uint32))

    assert dict(zip(once.tolist(), counts.tolist(), strict=True)) == {b: buckets.count(b) for b in set(buckets)}
    assert once.tolist() == sorted(once.tolist())
