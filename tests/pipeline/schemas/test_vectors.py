"""Vectors as they travel."""

import math
from base64 import b64encode
from struct import pack, unpack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.contracts.vectors import broken, count_of, packed, unpacked

NUMBERS = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(st.lists(NUMBERS, min_size=1, max_size=50))
def test_what_was_packed_is_unpacked_as_it_was(numbers: list[float]) -> None:
    text = packed(numbers)
    assert list(unpacked(text)) == numbers
    assert count_of(text) == len(numbers)
    assert not broken(text)


def test_it_is_the_base64_of_little_endian_float32() -> None:
    assert packed([1.0, -2.5]) == b64encode(pack("<2f", 1.0, -2.5)).decode()


@given(st.lists(NUMBERS, max_size=20), st.sampled_from([math.nan, math.inf, -math.inf]), st.lists(NUMBERS, max_size=20))
def test_a_number_that_is_not_finite_breaks_it_wherever_it_stands(
    before: list[float], odd: float, after: list[float]
) -> None:
    assert broken(packed([*before, odd, *after]))


def test_the_largest_numbers_together_are_finite_still() -> None:
    (largest,) = unpack("<f", bytes.fromhex("ffff7f7f"))
    assert not broken(packed([largest] * 4096))


@given(st.text())
def test_any_text_is_a_vector_or_broken(text: str) -> None:
    assert broken(text) or len(unpacked(text)) > 0


@pytest.mark.parametrize("numbers", [["a"], [None], [[1.0]]])
def test_what_is_no_number_is_not_packed(numbers: list[object]) -> None:
    with pytest.raises(ValueError, match="no number"):
        packed(numbers)  # type: ignore[arg-type]
