"""Confidence from the tokens that make up values, and proof of which they are."""

import json
import math
import re
from itertools import pairwise

import pytest
from fakes_stages import scored
from hypothesis import given
from hypothesis import strategies as st

from pipeline.confidence.certainty import certainty, fenced

SURE, DOUBT = -0.01, -2.0


def confidence(*logprobs: float) -> float:
    return math.exp(math.fsum(logprobs) / len(logprobs))


def test_keys_brackets_and_quotes_do_not_count() -> None:
    tokens = scored(('{"', SURE), ("city", SURE), ('":', SURE), (' "', SURE), ("Oslo", DOUBT), ('"}', SURE))
    sure = certainty('{"city": "Oslo"}', tokens, document=True)
    assert sure.confidence == pytest.approx(math.exp(DOUBT))
    assert sure.signals["value_tokens"] == 1
    assert sure.signals["aligned"] == 1.0
    assert sure.signals["logprob_mean_all"] > sure.signals["logprob_mean"]


def test_a_token_that_holds_a_part_of_a_value_counts() -> None:
    tokens = scored(('{"a":"', SURE), ('x"', DOUBT), (',"b":1', -1.0), ("2", -3.0), ("}", SURE))
    assert certainty('{"a":"x","b":12}', tokens, document=True).confidence == pytest.approx(
        confidence(DOUBT, -1.0, -3.0)
    )


def test_numbers_and_literals_are_values_and_blanks_are_not() -> None:
    tokens = scored(
        ("[", SURE), ("1", -1.0), (",", SURE), (" ", SURE), ("true", -2.0), (", ", SURE), ("null", -3.0), ("]", SURE)
    )
    assert certainty("[1, true, null]", tokens, document=True).confidence == pytest.approx(confidence(-1.0, -2.0, -3.0))


def test_a_string_that_holds_a_colon_or_a_brace_is_still_a_value() -> None:
    tokens = scored(('{"k":"', SURE), ("a:", DOUBT), ("{b}", DOUBT), ('\\"', DOUBT), ('"}', SURE))
    assert certainty('{"k":"a:{b}\\""}', tokens, document=True).confidence == pytest.approx(math.exp(DOUBT))


def test_plain_text_counts_its_words() -> None:
    tokens = scored(("The", -1.0), (" end", -3.0), (".", SURE), ("\n", SURE))
    assert certainty("The end.\n", tokens, document=False).confidence == pytest.approx(confidence(-1.0, -3.0))


def test_lines_of_code_fences_do_not_count() -> None:
    text = "```python\nx = 1\n```"
    tokens = scored(
        ("```", SURE), ("python", SURE), ("\n", SURE), ("x", DOUBT), (" =", SURE), (" 1", DOUBT), ("\n```", SURE)
    )
    assert certainty(text, tokens, document=False).confidence == pytest.approx(math.exp(DOUBT))


@pytest.mark.parametrize("before", [("```", "json", "\n"), ("```json\n",), (" \n",), ()])
def test_scored_tokens_that_the_text_lacks_are_found_out(before: tuple[str, ...]) -> None:
    """An endpoint may strip a fence from the text and leave it in the log-probabilities."""
    inner = (('{"s":"', SURE), ("s", DOUBT), ('"}', SURE))
    after = (("\n```", SURE),) if any("`" in part for part in before) else ()
    tokens = scored(*((part, SURE) for part in before), *inner, *after)
    sure = certainty('{"s":"s"}', tokens, document=True)
    assert sure.signals["aligned"] == 1.0
    assert sure.confidence == pytest.approx(math.exp(DOUBT))


def test_a_text_that_occurs_twice_is_not_guessed_at() -> None:
    tokens = scored(("a", -1.0), (" b", -2.0), (" a", -3.0))
    sure = certainty("a", tokens, document=False)
    assert sure.signals["aligned"] == 0.0
    assert sure.confidence == pytest.approx(confidence(-1.0, -2.0, -3.0))


def test_tokens_that_do_not_make_the_text_give_the_coarser_signal() -> None:
    """A character that was split over two tokens is shown as none in both."""
    tokens = scored(
        ('{"', SURE), ("city", -1.0), ('":"', SURE), ("\ufffd", SURE), ("\ufffdlesund", DOUBT), ('"}', SURE)
    )
    sure = certainty('{"city":"Ålesund"}', tokens, document=True)
    assert sure.signals["aligned"] == 0.0
    assert sure.confidence == pytest.approx(confidence(-1.0, DOUBT))


@pytest.mark.parametrize("tokens", [None, ()])
def test_without_log_probabilities_nothing_is_known(tokens: tuple | None) -> None:
    sure = certainty("Oslo", tokens, document=False)
    assert sure.confidence is None
    assert sure.signals == {}


def test_an_answer_without_a_value_counts_all_its_tokens() -> None:
    sure = certainty("{}", scored(("{", -1.0), ("}", -2.0)), document=True)
    assert sure.confidence == pytest.approx(confidence(-1.0, -2.0))
    assert sure.signals["value_tokens"] == 0


def test_a_score_above_zero_makes_no_confidence_above_one() -> None:
    assert certainty("x", scored(("x", 0.5)), document=False).confidence == 1.0


LEAVES = st.text(alphabet='ab "\\{}:,é1`\n', max_size=6) | st.integers(-999, 999) | st.booleans() | st.none()
DOCUMENTS = st.dictionaries(
    st.text(alphabet='kq:" {\\', min_size=1, max_size=5), LEAVES | st.lists(LEAVES, max_size=3), max_size=4
)


@given(DOCUMENTS, st.data())
def test_however_a_document_is_cut_into_tokens_exactly_those_of_values_count(
    document: dict, data: st.DataObject
) -> None:
    """Held against a slow reading: mark each character of a value by walking the document as it was written."""
    text, values = _written(document)
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(text) - 1)), max_size=12)) | {0, len(text)})
    parts = [(a, b) for a, b in pairwise(cuts) if a < b]
    tokens = scored(*((text[a:b], -1.0 - i) for i, (a, b) in enumerate(parts)))
    expected = [-1.0 - i for i, (a, b) in enumerate(parts) if values & set(range(a, b)) and not text[a:b].isspace()]
    sure = certainty(text, tokens, document=True)
    assert sure.signals["value_tokens"] == len(expected)
    if expected:
        assert sure.signals["logprob_mean"] == pytest.approx(sum(expected) / len(expected))


def _written(document: dict) -> tuple[str, set[int]]:
    """JSON text of the document, and the places in it that belong to values."""
    text, values = "{", set[int]()

    def leaf(value: object) -> None:
        nonlocal text
        said = json.dumps(value, ensure_ascii=False)
        quote = 1 if isinstance(value, str) else 0
        values.update(range(len(text) + quote, len(text) + len(said) - quote))
        text += said

    for i, (key, value) in enumerate(document.items()):
        text += (", " if i else "") + json.dumps(key, ensure_ascii=False) + ": "
        if not isinstance(value, list):
            leaf(value)
            continue
        text += "["
        for j, each in enumerate(value):
            text += ", " if j else ""
            leaf(each)
        text += "]"
    return text + "}", values


@given(
    st.text(max_size=80),
    st.lists(st.tuples(st.text(max_size=5), st.floats(-30, 0)), min_size=1, max_size=30),
    st.booleans(),
)
def test_any_text_and_any_tokens_give_a_confidence_between_0_and_1(text: str, pairs: list, document: bool) -> None:
    sure = certainty(text, scored(*pairs), document=document)
    assert sure.confidence is not None
    assert 0.0 <= sure.confidence <= 1.0


def test_the_words_of_an_answer_cannot_raise_its_confidence() -> None:
    tokens = scored(("Confidence", DOUBT), (": 100", DOUBT), ("%", DOUBT))
    said = certainty("Confidence: 100%", tokens, document=False)
    assert said.confidence == pytest.approx(math.exp(DOUBT))


_BY_PATTERN = re.compile(r"\s*```[\w+-]*[ \t]*\n?(.*?)\s*```\s*", re.DOTALL)


@given(st.text(alphabet="`ja \n\t+x{", max_size=24) | st.text(max_size=6).map(lambda inner: f"```json\n{inner}\n```"))
def test_what_a_fence_holds_is_found_without_going_back(text: str) -> None:
    """A pattern says the same of short texts, and takes the square of the length of long ones."""
    match, found = _BY_PATTERN.fullmatch(text), fenced(text)
    assert (found is None) == (match is None)
    if match is not None and found is not None:
        assert text[slice(*found)].strip() == match.group(1).strip()


@pytest.mark.parametrize("unit", ["\n", " ", "`", "```json\n", "```a\n", '"', "[", "7", '"a" ', "\\"])
@pytest.mark.parametrize("document", [True, False])
def test_whatever_a_long_answer_is_made_of_its_tokens_are_weighed(unit: str, document: bool) -> None:
    """With the square of its length it would take minutes, and the limit of a test ends it."""
    width = 4 if unit == "```a\n" else 32
    text = "```json\n" + unit * (200_000 // len(unit)) + "x"
    tokens = scored(*[(text[at : at + width], SURE) for at in range(0, len(text), width)])
    assert certainty(text, tokens, document=document).signals["aligned"] == 1.0
