"""Words and pairs of words of a text as numbers of buckets, a few dozen microseconds for a page.

A word is a run of letters and digits, in lower case; every digit counts as the same one, so that no figure of a text
is ever a feature. Each word, and each pair of neighbours, falls by its hash into one of `2 ** bits` buckets. All words
are hashed at once: with prefix sums of `byte * P ** position` (modulo 2**64) the hash of a word is a difference of two
of them, divided by the power where the word begins (Rabin and Karp's rolling hash).
"""

from functools import lru_cache
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["MAX_BYTES", "buckets_of", "counted"]

MAX_BYTES: Final = 16_384
"""What of a text is read: its beginning."""
Buckets: TypeAlias = NDArray[np.uint32]

_BASE: Final = 0x9E3779B97F4A7C15  # odd, so that it has an inverse modulo 2**64
_SECOND: Final = np.uint64(0xC2B2AE3D27D4EB4F)
_MIX: Final = np.uint64(0xFF51AFD7ED558CCD)
_HALF: Final = np.uint64(33)


def _codes() -> NDArray[np.uint64]:
    """A byte as a number: 0 for what belongs to no word, capitals as small letters, all digits alike."""
    codes = np.zeros(256, np.uint64)
    for byte in range(256):
        if chr(byte).isalnum() or byte > 127:
            codes[byte] = ord("0") if chr(byte).isdigit() else byte
    codes[65:91] += np.uint64(32)
    codes[128:] = np.arange(128, 256)
    return codes


_CODES: Final = _codes()


@lru_cache(maxsize=1)
def _powers() -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Powers of the base, and of its inverse, modulo 2**64."""
    inverse = pow(_BASE, -1, 1 << 64)
    with np.errstate(over="ignore"):
        ones = np.ones(MAX_BYTES + 1, np.uint64)
        up, down = ones.copy(), ones.copy()
        up[1:], down[1:] = np.uint64(_BASE), np.uint64(inverse)
        return np.cumprod(up), np.cumprod(down)


def buckets_of(text: str, bits: int) -> Buckets:
    """The bucket of every word and every pair of neighbours of the text, as often as it is hit.

    Args:
        text: any text; beyond `MAX_BYTES` it is not read.
        bits: there are `2 ** bits` buckets.
    """
    data = np.frombuffer(text[:MAX_BYTES].encode("utf-8", "surrogatepass")[:MAX_BYTES], np.uint8)
    codes = _CODES[data]
    inside = np.empty(len(codes) + 2, np.bool_)
    inside[0] = inside[-1] = False
    np.not_equal(codes, 0, out=inside[1:-1])
    edges = np.flatnonzero(inside[1:] != inside[:-1])
    starts, ends = edges[::2], edges[1::2]
    up, down = _powers()
    sums = np.zeros(len(codes) + 1, np.uint64)
    np.cumsum(codes * up[: len(codes)], out=sums[1:])
    words = (sums[ends] - sums[starts]) * down[starts]
    pairs = words[:-1] * _SECOND + words[1:]
    return _mixed(np.concatenate((words, pairs)), bits)


def counted(buckets: Buckets) -> tuple[Buckets, NDArray[np.int64]]:
    """Each bucket once, in order, and how often it was hit."""
    ordered = np.sort(buckets)
    if not len(ordered):
        return ordered, np.empty(0, np.int64)
    first = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    return ordered[first], np.diff(np.append(first, len(ordered)))


def _mixed(hashes: NDArray[np.uint64], bits: int) -> Buckets:
    """Every bit of a hash made to depend on all others (as MurmurHash3 ends), and the highest taken."""
    hashes ^= hashes >> _HALF
    hashes *= _MIX
    return (hashes >> np.uint64(64 - bits)).astype(np.uint32)
