"""Words that alone are hardly anybody's name."""

import pytest

from pipeline.adapters.pii.ordinary import ordinary


@pytest.mark.parametrize("text", ["headaches", "Librarians", "driven manager", "ASAP", "Wisdom", "self-discipline"])
def test_ordinary_words_are_so_in_any_case(text: str) -> None:
    assert ordinary(text)


@pytest.mark.parametrize("text", ["Rose", "mark", "Baker", "Odalys", "Emma Stone", "Joy Kitchen", "wolfgang"])
def test_a_word_that_is_also_a_name_is_not(text: str) -> None:
    assert not ordinary(text)


@pytest.mark.nlp
def test_the_file_holds_what_training_makes_of_the_tables() -> None:
    from pipeline.adapters.pii.training.words import ordinary as made

    words = made()
    assert all(map(ordinary, words))
    assert len(words) > 20_000
