"""Guards of likeness learned from labelled questions, and when one may take over."""

import random
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pytest
from numpy.typing import NDArray

from pipeline.calibrate.folds import fold
from pipeline.calibrate.likeness.asked import Asked
from pipeline.calibrate.likeness.attack import hijacks
from pipeline.calibrate.likeness.labelled import Grouped, Paired, asked_of, read_labelled
from pipeline.calibrate.likeness.measure import judged, pairs
from pipeline.calibrate.likeness.train import Rate, file_of, train
from pipeline.errors import InvalidRequest, NotFound
from pipeline.likeness import BUILTIN, Weights, best
from pipeline.likeness.weights import LEARNED_CHECKS
from pipeline.policy.guards import read_guard

pytest.importorskip("sklearn", reason="the extra train is not installed")

COLOURS = ("red", "blue", "green", "white", "black", "brown", "grey", "pink", "amber", "teal")
THINGS = ("well", "pond", "tower", "gate", "bridge", "garden", "stair", "roof", "wall", "door", "lamp", "boat")
CARRIERS = ("show me the {} {}", "find the {} {}", "i want to see the {} {}", "where is the {} {}")


def encode(texts: Sequence[str]) -> NDArray[np.float32]:
    """A vector of which words there are."""
    vectors = np.zeros((len(texts), 64), np.float32)
    for row, text in enumerate(texts):
        for word in text.split():
            vectors[row, zlib.crc32(word.encode()) % 64] += 1.0
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def groups(strange: int = 12) -> list[Grouped]:
    """Two words decide what is meant, four openings do not; some questions nothing may answer."""
    found = [
        Grouped(text=carrier.format(colour, thing), group=f"{colour} {thing}")
        for colour in COLOURS
        for thing in THINGS
        for carrier in CARRIERS
    ]
    return found + [Grouped(text=f"what is the colour of tower {n}", group=None) for n in range(strange)]


def asked(floor: float = 0.3) -> Asked:
    return asked_of(groups(), encode, floor)


def test_what_was_learned_is_better_holds_and_is_what_a_policy_reads() -> None:
    """Openings are learned to ask nothing, on groups that were left out."""
    given = asked()
    trained = train(given, 0.05)

    assert trained.takes_over, trained.verdict
    assert trained.shipped.recall.part < trained.learned.recall.part
    assert trained.learned.precision.value is not None
    assert trained.learned.precision.value >= 0.95
    assert trained.learned.forbidden == 0
    file = file_of(trained, "bags", 0.3, "2026-11-21")
    guard = read_guard("guards/x.json", orjson.dumps(file.model_dump(mode="json")))
    assert (guard.encoder, guard.similarity, file.questions) == ("bags", 0.3, 492)
    assert file.recall == trained.learned.recall.value
    served = judged(given, guard.weights)
    assert ((served.sure >= 0) & served.right).sum() > 80


def test_where_there_is_nothing_to_learn_the_guard_stays_that_comes_along() -> None:
    """Labels by lot make nothing that holds."""
    lots = random.Random(3)
    lines = [Grouped(text=line.text, group=f"g{lots.randrange(120)}") for line in groups(0)]
    trained = train(asked_of(lines, encode, 0.3), 0.05)
    assert not trained.takes_over
    assert "stays" in trained.verdict


def test_a_guard_that_serves_what_was_appended_is_not_taken() -> None:
    """The guard that comes along serves none of that; one that weighs nothing serves most of it."""
    found = asked()
    assert hijacks(found, BUILTIN)[0] == 0
    assert hijacks(found, Weights(9.0, 0.5, {}, LEARNED_CHECKS))[0] > 0.5 * hijacks(found, BUILTIN)[1]
    assert not replace(train(asked(), 0.05), hijacked=Rate(2, 10)).takes_over


def test_few_labels_are_said_kindly() -> None:
    """How many there are, how many it takes, and what else could be done."""
    few = asked_of(groups(0)[:40], encode, 0.3)
    with pytest.raises(InvalidRequest, match=r"40 of the 40 .* 99\.00% .* take 299 at least: gather more labels"):
        train(few, 0.01)
    one = [Paired(new=f"how old is well {n}", remembered="how old is the well", same=True) for n in range(300)]
    with pytest.raises(InvalidRequest, match="hang together in 1 groups"):
        train(asked_of(one, encode, 0.0), 0.01)


def test_pairs_that_share_a_question_are_never_on_both_sides() -> None:
    """Also where they share it by way of others."""
    lines = [
        Paired(new="a", remembered="b", same=True),
        Paired(new="c", remembered="d", same=False),
        Paired(new="e ", remembered="B", same=True),
        Paired(new="E", remembered="f", same=False),
    ]
    found = asked_of(lines, encode, 0.0)
    assert found.keys[0] == found.keys[2] == found.keys[3] != found.keys[1]
    assert found.places.tolist() == [[0], [1], [2], [3]]
    assert found.right.ravel().tolist() == [True, False, True, False]


def test_a_question_of_a_group_is_asked_of_all_others() -> None:
    """The nearest first, itself never, and one without a group is answered by nothing."""
    found = asked()
    assert all(own not in row for own, row in enumerate(found.places))
    assert (np.diff(found.cosines, axis=1) <= 1e-6).all()
    assert found.never.sum() == 12
    assert not found.right[found.never].any()
    assert not found.answerable[found.never].any()
    own = np.array([line.group for line in groups()])
    assert (found.right == (own[found.places] == own[:, None]))[~found.never].all()


def test_what_is_less_alike_than_a_candidate_has_to_be_is_none() -> None:
    """Neither when it is learned nor when it is judged, and margins are told among candidates alone."""
    high, low = asked(0.9), asked(0.0)
    given = pairs(high)
    assert (given.below == (high.cosines < 0.9).ravel()).all()
    assert given.forbidden[given.below].all()
    assert 0 < given.below.sum() < len(given.below)
    lenient = Weights(9.0, 0.5, {}, LEARNED_CHECKS)
    few, many = judged(high, lenient).sure >= 0, judged(low, lenient).sure >= 0
    assert few.sum() < many.sum()
    assert (high.cosines[few, 0] >= 0.9).all()


def test_what_is_judged_is_what_the_guard_says_in_front_of_requests() -> None:
    """The same place and the same share."""
    found = asked()
    weights = Weights(1.0, 0.5, {"similarity": 2.0, "margin": 9.0}, LEARNED_CHECKS)
    hits = judged(found, weights)
    assert 0 < (hits.sure < 0).sum() < len(found.texts)
    for row in range(0, len(found.texts), 20):
        near = [(found.kept[at], float(one)) for at, one in zip(found.places[row], found.cosines[row], strict=True)]
        place, verdict = best(found.texts[row], [pair for pair in near if pair[1] >= 0.3], weights=weights)
        assert hits.sure[row] == (-1.0 if place is None else verdict.confidence)


def test_shares_are_told_with_exact_intervals() -> None:
    """None of ten is at most 31 of a hundred; of nothing, nothing is known."""
    none = Rate(0, 10)
    assert (none.value, none.low) == (0.0, 0.0)
    assert none.high == pytest.approx(0.3085, abs=1e-4)
    assert (Rate(0, 0).value, Rate(0, 0).low, Rate(0, 0).high) == (None, 0.0, 1.0)
    assert Rate(10, 10).low == pytest.approx(0.6915, abs=1e-4)


def test_folds_are_the_same_wherever_they_are_drawn() -> None:
    """Case and white space are of no account."""
    assert fold("How  old") == fold("how old")
    assert {fold(f"k{n}", "guard", 4) for n in range(50)} == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b'{"new": "a", "remembered": "b"}', r"asked\.jsonl:1: same: field required; a line is"),
        (b'{"new": "a", "remembered": "b", "same": 1}', r"asked\.jsonl:1: same: input should be a valid boolean"),
        (b'{"text": "a"}', r"asked\.jsonl:1: group: field required"),
        (b'{"text": "", "group": "g"}', r"asked\.jsonl:1: text: string should have at least 1 character"),
        (b'\n{"text": "a", "group": "g"}\n{', r"asked\.jsonl:3: is no JSON"),
        (b"[1]", r"asked\.jsonl:1: the line: "),
        (
            b'{"text": "a", "group": "g"}\n{"new": "a", "remembered": "b", "same": true}',
            r"asked\.jsonl:2: pairs and groups stand together",
        ),
    ],
)
def test_a_line_that_is_no_label_is_named(tmp_path: Path, content: bytes, sentence: str) -> None:
    """With its place, and what a line should be."""
    file = tmp_path / "asked.jsonl"
    file.write_bytes(content)
    with pytest.raises(InvalidRequest, match=sentence):
        read_labelled([file])


def test_files_that_are_away_or_hold_nothing_are_said(tmp_path: Path) -> None:
    """Before anything is encoded."""
    with pytest.raises(NotFound, match="cannot be read"):
        read_labelled([tmp_path / "away.jsonl"])
    with pytest.raises(InvalidRequest, match="hold no labelled questions"):
        asked_of([], encode, 0.7)
