"""A score learns what is too hard for the small model, says what that is worth, and keeps no text of what it read."""

import base64
import zlib
from dataclasses import replace

import numpy as np
import orjson
import pytest
from outside_data import DATA, needs

from pipeline.adapters.difficulty.examples import Example, read_examples
from pipeline.adapters.difficulty.train import FEWEST, Settings, train
from pipeline.errors import InvalidRequest, PartMissing
from pipeline.signals.difficulty import read_model, write_model
from pipeline.signals.features import buckets_of

pytest.importorskip("sklearn", reason="the extra train is not installed")
QUICK = Settings(bits=12, rounds=30)
SUBJECTS = ("tensors and manifolds", "birds and rivers", "cooking and bread")


def made(count: int = 240, strong: float | None = 1.0) -> list[Example]:
    return [
        Example(f"Question {n}: tell me of {SUBJECTS[n % 3]}", float(n % 3 > 0), strong, str(n), "made")
        for n in range(count)
    ]


def chance(count: int = 240) -> list[Example]:
    """Questions whose words have nothing to do with their outcome."""
    rng = np.random.default_rng(3)
    words = [f"word{n}" for n in range(40)]
    return [
        Example(" ".join(rng.choice(words, 12)), float(rng.random() < 0.6), 1.0, str(n), "chance") for n in range(count)
    ]


def test_hard_subjects_are_learned_and_it_is_said_to_pay() -> None:
    trained = train(made(), QUICK)
    model = read_model(write_model(trained.learned))

    assert model.score_text("Tell me of tensors and manifolds") > 0.8
    assert model.score_text("Tell me of bread and cooking") < 0.2
    assert trained.pays
    assert trained.sets[0].gain.apgr > 0.8
    assert trained.sets[0].sentence().endswith("it pays")
    assert trained.sets[0].calibration < 0.1


def test_where_there_is_nothing_to_learn_it_is_said_not_to_pay() -> None:
    trained = train(chance(), QUICK)

    assert not trained.pays
    assert "does not pay" in trained.sets[0].sentence()


def test_probabilities_are_those_of_failing_even_where_words_say_nothing() -> None:
    model = read_model(write_model(train(chance(), QUICK).learned))

    assert model.score_text("of this nobody knows a word") == pytest.approx(0.4, abs=0.15)


def test_without_the_large_model_failures_themselves_are_learned() -> None:
    trained = train(made(strong=None), QUICK)

    assert trained.sets[0].strong is None
    assert trained.pays


def test_each_set_is_measured_apart() -> None:
    both = [*made(), *(replace(example, source="other") for example in chance())]

    assert [found.name for found in train(both, replace(QUICK, compare=False)).sets] == ["made", "other"]


def test_the_same_questions_make_the_same_file() -> None:
    assert write_model(train(made(), QUICK).learned) == write_model(train(made(), QUICK).learned)


def test_rows_of_one_key_are_never_learned_from_and_measured_on() -> None:
    """Twenty questions, each twelve times over with its own outcome, and no word in common: nothing carries over."""
    rng = np.random.default_rng(5)
    fails = rng.permutation(20) < 8
    examples = [
        Example(f"x{letter} y{letter}", float(not fails[n]), 1.0, letter, "same")
        for n, letter in enumerate("abcdefghijklmnopqrst")
        for _ in range(12)
    ]
    together = train(examples, replace(QUICK, compare=False)).sets[0]
    apart = train(
        [replace(example, key=f"{example.key}/{place}") for place, example in enumerate(examples)],
        replace(QUICK, compare=False),
    ).sets[0]

    assert together.gain.apgr < 0.6 < 0.75 < apart.gain.apgr


# ------------------------------------------------------------ what the file gives away


def test_no_word_of_the_questions_stands_in_the_file() -> None:
    data = write_model(train(made(), QUICK).learned)
    columns = b"".join(zlib.decompress(base64.b64decode(orjson.loads(data)[name])) for name in ("idf", "weights"))

    for word in ("tensors", "manifolds", "birds", "rivers", "cooking", "bread", "Question", "tell"):
        assert word.encode() not in data
        assert word.encode() not in columns
        assert word.encode("utf-16-le") not in columns


def test_a_word_in_fewer_than_three_questions_leaves_no_trace_in_the_file() -> None:
    def with_word(word: str, times: int) -> bytes:
        examples = made()
        spoken = [replace(e, text=f"{e.text} {word}") if n < times else e for n, e in enumerate(examples)]
        return write_model(train(spoken, replace(QUICK, bits=18)).learned)

    plain = with_word("", 0)
    assert with_word("canary", 2) == plain
    assert with_word("canary", 6) != plain


def test_figures_are_never_learned_but_only_how_long_they_are() -> None:
    one, other = buckets_of("my number is 4711", 18), buckets_of("my number is 1234", 18)

    assert one.tolist() == other.tolist()


def test_what_it_does_give_away_a_guessed_word_can_be_looked_up() -> None:
    """The limit of it: who guesses a word can see whether it occurred often enough, and which way it points."""
    learned = train(made(), replace(QUICK, bits=18)).learned

    assert all(learned.idf[bucket] > 0 for bucket in buckets_of("tensors", 18))
    assert not any(learned.idf[bucket] > 0 for bucket in buckets_of("helicopters", 18))


# ------------------------------------------------------------ refusals


def test_too_few_questions_are_refused() -> None:
    with pytest.raises(InvalidRequest, match=f"at least {FEWEST} are needed"):
        train(made(FEWEST - 1), QUICK)


def test_a_small_model_as_good_as_the_large_one_leaves_nothing_to_learn() -> None:
    with pytest.raises(InvalidRequest, match="nothing to learn"):
        train([replace(example, weak=1.0) for example in made()], QUICK)


def test_without_scikit_learn_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sklearn", None)

    with pytest.raises(PartMissing, match=r"stepwell\[train\]"):
        train(made(), QUICK)


@needs("bbh-direct-vs-cot")
@pytest.mark.slow
def test_on_recorded_answers_it_is_as_good_as_plain_tfidf() -> None:
    trained = train(read_examples([DATA / "bbh-direct-vs-cot"]), Settings(rounds=50))
    found = trained.sets[0]

    assert found.tfidf is not None
    assert found.gain.apgr > found.tfidf.apgr - 0.02
    assert found.gain.apgr > 0.7
    assert trained.pays
