"""Weights of the guard as a file."""

import pytest

from pipeline.likeness import BUILTIN, Weights


def test_weights_are_read_as_they_were_written() -> None:
    """Through JSON and back nothing is lost."""
    weights = Weights(0.5, 0.9, {"similarity": 2.5}, ("numbers",), {"please": 1.0, "~well": -0.25}, "a test")
    assert Weights.from_json(weights.to_json()) == weights
    assert Weights.from_json(BUILTIN.to_json()) == BUILTIN


@pytest.mark.parametrize(
    "raw",
    [
        b"[]",
        b"{",
        b"{}",
        b'{"bias": 0, "threshold": 0.5, "measures": {"charm": 1}}',
        b'{"bias": 0, "threshold": 0.5, "measures": {}, "checks": ["charm"]}',
        b'{"bias": NaN, "threshold": 0.5, "measures": {}}',
        b'{"bias": 0, "threshold": 0.5, "measures": {}, "words": {"a": Infinity}}',
        b'{"bias": "x", "threshold": 0.5, "measures": {}}',
    ],
)
def test_what_is_no_file_of_weights_is_refused(raw: bytes) -> None:
    """With a sentence, before anything is judged with it."""
    with pytest.raises(ValueError, match=r"."):
        Weights.from_json(raw)
