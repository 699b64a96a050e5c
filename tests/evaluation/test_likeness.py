"""The protocol of remembered answers, on small sets of our own."""

import gzip
from pathlib import Path

import numpy as np
import orjson
import pytest

from evaluation.data import Absent, Folder
from evaluation.protocols.likeness import ENCODED, run
from evaluation.protocols.likeness_find import meant, nearest
from evaluation.protocols.likeness_sets import asked
from evaluation.report import Options
from pipeline.calibrate.likeness.asked import Asked
from pipeline.calibrate.likeness.learn import learn
from pipeline.calibrate.likeness.measure import Hits, pairs
from pipeline.calibrate.likeness.threshold import above_strange, lowest, takes
from pipeline.errors import PartMissing
from pipeline.likeness import Weights, judge

COLOURS = ("red", "blue", "green", "white", "black", "brown", "grey", "pink", "amber", "teal")
THINGS = ("well", "pond", "tower", "gate", "bridge", "garden", "stair", "roof", "wall", "door", "lamp", "boat")
CARRIERS = ("show me the {} {}", "find the {} {}", "i want to see the {} {}", "where is the {} {}")


def write(folder: Path, name: str, rows: list[dict[str, object]]) -> None:
    file = folder / f"{name}.jsonl.gz"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(gzip.compress(b"\n".join(map(orjson.dumps, rows))))


def made(folder: Path, colours: tuple[str, ...]) -> Folder:
    """A folder with the four sets: two words decide what is meant, four openings do not."""
    spoken, corrected = [], []
    for one, colour in enumerate(colours):
        for two, thing in enumerate(THINGS):
            for three, carrier in enumerate(CARRIERS):
                text = carrier.format(colour, thing)
                meaning = [["colour", colour], ["thing", thing]]
                spoken.append({"id": f"s{one}-{two}-{three}", "intent": "see", "slots": meaning, "text": text})
            own, other = f"How old is the {colour} {thing}?", f"the {colours[one - 1]} {THINGS[two - 1]}"
            said = f"How old is {other} no sorry the {colour} {thing}?"
            corrected.append(
                {"id": f"{one}{two:02}{'ab'[two % 2]}", "group": f"g{one}", "original": own, "disfluent": said}
            )
    write(folder, "cache-snips-slots/queries", spoken)
    write(folder, "cache-disflqa/pairs", corrected)
    intents = [{"id": row["id"], "intent": str(row["slots"]), "text": row["text"]} for row in spoken]
    write(folder, "cache-banking77/queries", intents)
    strange = [{"id": f"o{n}", "intent": "oos", "text": f"what does number {n} mean"} for n in range(12)]
    write(folder, "cache-clinc150/queries", [*intents, *strange])
    return Folder(folder)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Folder, Folder]:
    root = tmp_path_factory.mktemp("sets")
    return made(root / "fit", COLOURS), made(root / "data", ("olive", "ivory", "scarlet"))


def test_it_learns_from_one_folder_and_scores_the_other(folders: tuple[Folder, Folder]) -> None:
    """What may be left out is learned; what decides is not, although its words were never seen."""
    report = run(*folders, Options(rounds=20, quick=True))
    figures = {figure.name: figure for figure in report.figures}
    slots = figures["SNIPS: recall at 99 % precision, threshold from FIT"]
    assert slots.ours > 0.05
    hindsight = {(row["set"], row["order"]): row for row in report.tables["in hindsight"]}
    assert hindsight["SNIPS", "guard learned"]["R@0.99"] > 0.9
    assert hindsight["SNIPS", "n-grams"]["R@0.99"] < 0.5
    assert slots.low is not None
    assert slots.low <= slots.ours <= (slots.high or 0)
    assert figures["SNIPS: precision then had"].ours == 1.0
    assert figures["CLINC150: out of scope answered, guard chosen on FIT"].ours == 0
    assert figures["CLINC150: out of scope answered, guard learned"].ours == 0
    assert figures["CLINC150: out of scope answered, guard learned"].rows == 12
    guards = {(row["set"], row["guard"]): row for row in report.tables["each guard"]}
    assert guards["Disfl-QA", "guard as shipped"]["precision"].startswith("1.000")
    assert guards["Disfl-QA", "guard as shipped"]["hits"] == 18
    assert len(report.curves) == 4


def test_a_set_that_is_not_there_is_said(folders: tuple[Folder, Folder], tmp_path: Path) -> None:
    """As is one of which nothing is left to learn from, since all of it is scored."""
    with pytest.raises(Absent, match="cache-disflqa"):
        run(Folder(tmp_path), folders[1], Options(rounds=5, quick=True))
    text = frozenset(str(row["text"]).lower() for row in folders[1].rows("cache-snips-slots/queries"))
    with pytest.raises(Absent, match="nothing is left"):
        asked(folders[1], "SNIPS", False, text)


def test_originals_with_an_even_last_digit_are_remembered(folders: tuple[Folder, Folder]) -> None:
    """And a hit is right on the question's own original alone."""
    found = asked(folders[1], "Disfl-QA", False)
    assert len(found.texts) == 36
    assert len(found.kept) == 18
    assert found.answerable.sum() == 18
    assert not found.right[~found.answerable].any()


def test_a_question_does_not_find_itself() -> None:
    """Leave one out."""
    texts = ["the red well", "the red wall", "a blue boat", "some other thing"]
    places, cosines = nearest(texts, texts, 2, [0, 1, 2, 3])
    assert all(own not in row for own, row in enumerate(places))
    assert places[0][0] == 1
    assert (np.diff(cosines, axis=1) <= 0).all()


def test_the_sum_that_is_scored_is_the_sum_that_decides(folders: tuple[Folder, Folder]) -> None:
    """What is learned says of a pair, in the stage, what the protocol counted."""
    found = asked(folders[0], "SNIPS", False)
    given = pairs(found)
    weights = learn(given, np.ones(len(found.texts), bool))
    assert Weights.from_json(weights.to_json()) == weights
    for row in range(0, len(found.texts), 40):
        text, old = found.texts[row], found.kept[found.places[row, 0]]
        margin = float(found.cosines[row, 0] - found.cosines[row, 1])
        verdict = judge(text, old, float(found.cosines[row, 0]), margin=margin, weights=weights)
        measures = dict(zip(weights.measures, given.measures[row * 5], strict=True))
        assert verdict.confidence == pytest.approx(weights.sure(measures, given.marks[row * 5]))


def hits(right: int, wrong: int) -> Hits:
    """Right ones first, then wrong ones, each less sure than the one before."""
    count = right + wrong
    return Hits(np.linspace(0.9, 0.1, count), np.arange(count) < right)


def test_the_threshold_keeps_its_promise_with_confidence() -> None:
    """299 right hits are the least that promise 99 % with 95 % confidence; the least sure tenth of them gives room."""
    everything, nothing = np.ones(800, bool), np.zeros(800, bool)
    assert lowest(hits(298, 502), everything, nothing) > 1
    least = lowest(hits(299, 501), everything, nothing)
    assert (hits(299, 501).sure >= least).sum() == 269


def test_wrong_hits_of_one_group_are_no_proof_of_few() -> None:
    """Ten errors among 2,500 hits are few where they are of ten groups, and chance where all hits are of five."""
    count = 2500
    own = Hits(np.linspace(0.9, 0.1, count), np.arange(count) % 250 != 249)
    everything, nothing = np.ones(count, bool), np.zeros(count, bool)
    assert lowest(own, everything, nothing, keys=tuple(map(str, range(count)))) == pytest.approx(0.18, abs=0.001)
    bad = tuple("bad" if place % 250 == 249 else f"g{place % 5}" for place in range(count))
    assert lowest(own, everything, nothing, keys=bad) > 0.3


def test_what_nothing_may_answer_stays_below_with_room() -> None:
    """Above the surest that was seen, and the more so the wider their tail."""
    everything, forbidden = np.ones(800, bool), np.zeros(800, bool)
    forbidden[400] = True
    assert lowest(hits(400, 400), everything, forbidden) > hits(400, 400).sure[400]
    narrow, wide = np.linspace(0.50, 0.55, 40), np.linspace(0.2, 0.55, 40)
    assert 0.55 < above_strange(narrow) < above_strange(wide) < 1.0
    assert above_strange(np.array([-1.0, 0.4])) == 0.4
    assert above_strange(np.array([-1.0])) == 0.0


def test_the_guard_that_keeps_more_of_the_promise_decides() -> None:
    """The learned one where it answers more; the one that comes along where it is not refuted; else none."""
    nobody = np.zeros(500, bool)
    many, few, silent = hits(400, 100), hits(50, 450), 1.0 + 1e-9
    shipped = Hits(np.where(np.arange(500) < 90, 1.0, -1.0), np.ones(500, bool))
    refuted = Hits(shipped.sure, np.arange(500) >= 5)
    assert takes(many, float(many.sure[399]), shipped, nobody) == "learned"
    assert takes(few, float(few.sure[49]), shipped, nobody) == "shipped"
    assert takes(many, silent, shipped, nobody) == "shipped"
    assert takes(many, silent, refuted, nobody) == "none"
    assert takes(few, float(few.sure[49]), refuted, nobody) == "learned"
    assert takes(many, silent, shipped, np.arange(500) == 3) == "none"


def test_what_belongs_together_is_not_on_both_sides() -> None:
    """A pair whose remembered question is to be scored is not learned from."""
    count = 40
    kept = tuple(f"well {n}" for n in range(count))
    keys = tuple("ab"[n % 2] for n in range(count))
    places = np.array([[(n + step) % count for step in range(1, 6)] for n in range(count)])
    flags = np.ones(count, bool)
    given = pairs(
        Asked("x", kept, kept, places, np.full((count, 5), 0.5), places % 2 == 0, flags, ~flags, flags, keys, keys)
    )
    everything = learn(given, flags)
    only = learn(given, flags, frozenset("b"))
    assert everything.measures != only.measures


def test_the_encoder_finds_candidates_as_in_the_cascade() -> None:
    """By meaning, the nearest first, and never a question itself."""
    pytest.importorskip("onnxruntime", reason="the extra embeddings is not installed")
    texts = [
        "where can I park the car",
        "a place to leave my automobile",
        "the depth of the well",
        "how deep is the well",
    ]
    places, cosines = meant(texts, texts, 2, [0, 1, 2, 3])
    assert places[:, 0].tolist() == [1, 0, 3, 2]
    assert (np.diff(cosines, axis=1) <= 0).all()
    places, cosines = meant(texts, ["how deep is the well"], 1)
    assert places.tolist() == [[3]]
    assert cosines[0, 0] == pytest.approx(1.0, abs=0.01)


def test_the_guards_are_measured_on_candidates_of_the_encoder_too(
    folders: tuple[Folder, Folder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sets that are not there, and an encoder that is not installed, are left out."""
    pytest.importorskip("onnxruntime", reason="the extra embeddings is not installed")
    few = Folder(tmp_path)
    write(tmp_path, "cache-disflqa/pairs", folders[1].rows("cache-disflqa/pairs"))
    report = run(folders[0], few, Options(rounds=5))
    rows = {row["guard"]: row for row in report.tables[ENCODED]}
    assert rows["guard as shipped"]["hits"] == 18
    assert "cosine at .8" in rows

    def missing(*_: object) -> None:
        raise PartMissing("not installed")

    monkeypatch.setattr("evaluation.protocols.likeness.meant", missing)
    assert ENCODED not in run(folders[0], few, Options(rounds=5)).tables


def test_where_nobody_asked_anything_nothing_is_served() -> None:
    """A part of a small set may hold no question at all."""
    nobody = np.zeros(0, bool)
    assert lowest(Hits(np.zeros(0), nobody), nobody, nobody) > 1
