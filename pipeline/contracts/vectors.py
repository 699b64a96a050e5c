"""Vectors as they travel: the base64 of little-endian float32, as the OpenAI API writes them. Pure."""

import binascii
import sys
from array import array
from base64 import b64decode, b64encode
from collections.abc import Iterable
from math import isfinite

__all__ = ["NUMBER_BYTES", "broken", "count_of", "packed", "unpacked"]

NUMBER_BYTES = 4
"""Bytes of one number of a vector."""


def packed(numbers: Iterable[float]) -> str:
    """A vector in the form in which it travels.

    Raises:
        ValueError: something in it is no number that 32 bits can hold.
    """
    try:
        row = array("f", numbers)
    except (TypeError, OverflowError):
        raise ValueError("a vector holds something that is no number") from None
    return b64encode(_little(row).tobytes()).decode("ascii")


def unpacked(text: str) -> "array[float]":
    """The numbers of a vector that travelled.

    Raises:
        ValueError: it is none.
    """
    row = array("f")
    try:
        row.frombytes(b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        raise ValueError("the text is no vector: base64 of float32 is one") from None
    return _little(row)


def count_of(text: str) -> int:
    """How many numbers a vector has, without reading them."""
    return (len(text) * 3 // 4 - text[-2:].count("=")) // NUMBER_BYTES


def broken(text: str) -> bool:
    """Whether it is no vector of finite numbers."""
    try:
        row = unpacked(text)
    except ValueError:
        return True
    # No sum of so few float32 leaves the range of a double, so only what is not finite itself makes it so.
    return not row or not isfinite(sum(row))


def _little(row: "array[float]") -> "array[float]":
    if sys.byteorder == "big":
        row.byteswap()
    return row
