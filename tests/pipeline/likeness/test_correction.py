"""What is asked by somebody who corrected themselves."""

import pytest

from pipeline.likeness import read
from pipeline.likeness.correction import corrected


def after_all(new: str, old: str) -> str:
    return " ".join(token.word for token in corrected(read(new).tokens, read(old).tokens).tokens)


@pytest.mark.parametrize(
    ("new", "old"),
    [
        ("how deep is the pond no sorry the well", "how deep is the well"),
        ("how deep is uh the well", "how deep is the well"),
        ("where is or rather how deep is the well", "how deep is the well"),
        ("how deep is the pond no no the well rather", "how deep is the well"),
        ("how wide um how deep is the pond I mean the well", "how wide um how deep is the well"),
    ],
)
def test_what_was_taken_back_is_left_out(new: str, old: str) -> None:
    """Where the correction begins is found beside the remembered question."""
    assert after_all(new, old) == " ".join(token.word for token in read(old).tokens if token.word != "um")


@pytest.mark.parametrize(
    ("new", "old"),
    [
        ("how deep is the pond no sorry the well", "how deep is the pond"),
        ("the red pond has no fish today no wait the blue well has no fish today", "the red pond has no fish today"),
        ("is the pond 9 years old or less no wait is the well 9 years old or less", "is the pond 9 years old or less"),
    ],
)  # fmt: skip
def test_what_was_taken_back_is_not_what_is_asked(new: str, old: str) -> None:
    """Words after the correction are never left out."""
    assert "well" in after_all(new, old)


def test_a_denial_is_no_correction() -> None:
    """`no` takes something back only where what follows stands for what went before."""
    assert (
        after_all("is there no water in the well", "is there no water in the well") == "is there no water in the well"
    )
