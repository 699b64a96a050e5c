"""How cues are written."""

import pytest

from pipeline.adapters.pii.lexicon import Lexicon


def test_a_cue_must_begin_with_a_letter() -> None:
    with pytest.raises(ValueError, match="begins with a letter"):
        Lexicon().kind("4you")
