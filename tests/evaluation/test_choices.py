"""Orders of drafts on questions with choices: from probabilities, and from answers as votes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluation.data import Absent, Folder
from evaluation.metrics import apgr
from evaluation.protocols.choices import answers, probabilities
from evaluation.protocols.choices_learn import PRICES, affordable, price, ridge
from evaluation.protocols.choices_mcq import MCQ, SECOND, chosen, features, ordered
from evaluation.protocols.choices_pro import PRO, columns, votes
from evaluation.protocols.choices_text import of_text
from evaluation.report import Options
from tests.evaluation.small_choices import ANSWERS, PROBABILITIES, TEXTS, sure_rows, ten_rows, written

pytest.importorskip("sklearn")

QUICK = Options(rounds=20, quick=True)


def knowing(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with a cheap model that is sure where the draft is right."""
    for row in rows:
        row["Llama-7b"] = [0, 0.9 if row["Yi-6b"][0] else 0.2, 0, 0.5]
    return rows


def turned(rows: list[dict[str, Any]], of: str = "") -> list[dict[str, Any]]:
    """The same rows with the correctness of a model, or of all, the other way round."""
    made = []
    for row in rows:
        if "systems" in row:
            systems = {name: [said, 1 - right, length] for name, (said, right, length) in row["systems"].items()}
            made.append({**row, "answer": "A", "systems": systems})
        else:
            names = [name for name, own in row.items() if isinstance(own, list) and of in ("", name)]
            own = {name: [1 - row[name][0], row[name][1], 1 - row[name][2], row[name][3]] for name in names}
            made.append({**row, **own})
    return made


# ---------------------------------------------------------------- probabilities


def test_scores_of_probabilities_do_not_read_whether_the_scored_answers_are_right() -> None:
    known, asked = sure_rows(300, 1), sure_rows(80, 2, first=1000)
    for weak, strong in (("Mixtral", "gpt-4-turbo"), ("Yi-6b", "Yi-34b")):
        one = ordered(known, asked, weak, strong, QUICK)
        other = ordered(known, turned(asked), weak, strong, QUICK)
        assert one.asked == other.asked
        np.testing.assert_array_equal(one.scores, other.scores)


def test_scores_of_probabilities_do_read_whether_the_known_answers_are_right() -> None:
    known, asked = knowing(sure_rows(300, 1)), knowing(sure_rows(80, 2, first=1000))
    one = ordered(known, asked, "Yi-6b", "Yi-34b", QUICK)
    other = ordered(turned(known, "Yi-6b"), asked, "Yi-6b", "Yi-34b", QUICK)
    assert one.asked
    assert np.corrcoef(one.scores, other.scores)[0, 1] < 0.5


def test_where_the_strong_model_never_leads_no_opinion_is_asked() -> None:
    known = sure_rows(200, 1)
    for row in known:
        row["Yi-34b"][0] = 0
    assert chosen(known, "Yi-6b", "Yi-34b", ["Llama-7b"])[0] == []


def test_each_pair_beats_chance_on_the_same_folder(tmp_path: Path) -> None:
    folder = written(tmp_path, PROBABILITIES, sure_rows(500, 3))
    found = probabilities(folder, folder, QUICK)
    assert [pair.name for pair in found] == [f"mcq: {weak} → {strong}" for weak, strong in MCQ]
    for pair in (found[0], found[2], found[4]):
        assert len(pair.ours) == 500
        assert apgr(pair.ours, pair.weak, pair.strong) > 0.6
        assert apgr(pair.baseline, pair.weak, pair.strong) > 0.6


def test_rows_that_a_model_was_not_asked_are_left_out_of_its_pair(tmp_path: Path) -> None:
    rows = sure_rows(200, 4)
    for row in rows:
        if row["dataset"] == "mmlu":
            del row["Llama3-8b"]
    folder = written(tmp_path, PROBABILITIES, rows)
    found = {pair.name: pair for pair in probabilities(folder, folder, QUICK)}
    assert len(found["mcq: Llama3-8b → Llama3-70b"].ours) == 100
    assert set(found["mcq: Llama3-8b → Llama3-70b"].groups.tolist()) == {"arc"}  # type: ignore[union-attr]


def test_an_answer_that_cannot_be_parsed_counts_as_wrong(tmp_path: Path) -> None:
    rows = sure_rows(200, 5)
    for row in rows:
        row["gpt-3.5-turbo"][0] = -1
    folder = written(tmp_path, PROBABILITIES, rows)
    assert probabilities(folder, folder, QUICK)[0].weak.max() == 0.0


def test_an_opinion_without_worth_is_not_asked() -> None:
    rows = sure_rows(400, 6)
    chance = np.random.default_rng(0)
    for row in rows:
        row["Llama-7b"] = [0, float(chance.random()), 0, 0.5]
    assert chosen(rows, "Yi-6b", "Yi-34b", ["Llama-7b"])[0] in ([], [SECOND])


def test_an_opinion_that_knows_is_asked_and_paid() -> None:
    rows = sure_rows(400, 7)
    opinions, steps = chosen(knowing(rows), "Yi-6b", "Yi-34b", ["Llama-7b"])
    assert opinions[0] == "Llama-7b"
    assert steps[1][1] > steps[0][1] + 0.1
    assert price(opinions[:1], "Yi-6b") == 1.0


def test_features_of_a_second_wording_are_there_only_where_it_is_asked() -> None:
    rows = sure_rows(20, 8)
    assert features(rows, "Yi-6b", []).shape == (20, 1)
    assert features(rows, "Yi-6b", [SECOND, "Mistral"]).shape == (20, 5)


def test_cheap_is_what_costs_little_against_draft_or_strong_answer() -> None:
    names = list(PRICES)
    assert "Mixtral" not in affordable(names, "Yi-6b", "Yi-34b")
    assert "Llama3-8b" in affordable(names, "Yi-6b", "Yi-34b")
    assert "Llama3-70b" in affordable(names, "Mixtral", "gpt-4-turbo")
    assert not {"Mixtral", "gpt-4-turbo"} & set(affordable(names, "Mixtral", "gpt-4-turbo"))
    for trio in PRO:
        assert set(trio.asked) <= set(affordable(names, trio.weak, trio.strong))


def test_a_linear_form_finds_a_line() -> None:
    table = np.random.default_rng(0).normal(size=(500, 2))
    found = ridge(table, table @ np.array([2.0, -1.0]) + 3.0, table, strength=1e-6)
    np.testing.assert_allclose(found, table @ np.array([2.0, -1.0]) + 3.0, atol=1e-6)


# ---------------------------------------------------------------- answers


def test_signals_of_answers_do_not_read_which_is_right() -> None:
    known, _ = ten_rows(200, 1)
    asked, texts = ten_rows(60, 2, first=1000)
    said = {row["id"]: row for row in texts}
    for trio in PRO:
        one = columns(asked, trio.weak, trio.asked, said, known)
        other = columns(turned(asked), trio.weak, trio.asked, said, known)
        assert one.keys() == other.keys()
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])


def test_scores_of_answers_do_not_read_which_is_right_where_folders_differ(tmp_path: Path) -> None:
    (known, own), (asked, texts) = ten_rows(250, 1), ten_rows(60, 2, first=1000)
    fit = written(tmp_path / "fit", ANSWERS, known)
    written(tmp_path / "fit", TEXTS, own)
    scores = []
    for name, rows in (("plain", asked), ("turned", turned(asked))):
        data = written(tmp_path / name, ANSWERS, rows)
        written(tmp_path / name, TEXTS, texts)
        scores.append(answers(fit, data, QUICK))
    for one, other in zip(*scores, strict=True):
        np.testing.assert_array_equal(one.ours, other.ours)
        np.testing.assert_array_equal(one.baseline, other.baseline)
        np.testing.assert_array_equal(one.weak, 1.0 - other.weak)


def test_the_three_pairs_beat_chance(tmp_path: Path) -> None:
    rows, texts = ten_rows(500, 3)
    folder = written(tmp_path, ANSWERS, rows)
    written(tmp_path, TEXTS, texts)
    found = answers(folder, folder, QUICK)
    assert len(found) == 3
    for pair in found:
        assert apgr(pair.ours, pair.weak, pair.strong) > 0.6
        assert pair.opinions > 0.0


def test_answers_are_scored_without_texts_too(tmp_path: Path) -> None:
    rows, _ = ten_rows(200, 4)
    folder = written(tmp_path, ANSWERS, rows)
    assert len(answers(folder, folder, QUICK)) == 3


def test_a_vote_of_a_model_that_is_mostly_right_weighs_more() -> None:
    rows, _ = ten_rows(200, 5)
    for row in rows:
        row["systems"]["good"] = [row["answer"], 1, 10]
        row["systems"]["bad"] = ["A", int(row["answer"] == "A"), 10]
    asked = [{**rows[0], "systems": {"good": ["C", 0, 1], "bad": ["D", 0, 1]}}]
    shares = votes(asked, ["good", "bad"], rows)
    assert shares.shape == (1, 10)
    assert shares[0, 2] > 0.8 > 0.2 > shares[0, 3]


def test_votes_for_options_that_there_are_not_do_not_count() -> None:
    rows, _ = ten_rows(50, 6)
    asked = [{**rows[0], "options": ["1", "2", "3"], "systems": {"mathstral-7B": ["J", 0, 1]}}]
    shares = votes(asked, ["mathstral-7B"], rows)
    np.testing.assert_allclose(shares[0, :3], 1 / 3)
    assert shares[0, 3:].sum() == 0.0


def test_a_text_tells_wrong_sums_and_whether_its_number_is_the_choice() -> None:
    options = ["12 apples", "15 apples", "none of these"]
    right = of_text("There are 7 + 8 = 15 apples. The answer is (B).", options, 1)
    wrong = of_text("There are 7 + 8 = 14 apples. The answer is (A).", options, 0)
    assert (right["wrong_sums"], wrong["wrong_sums"]) == (0.0, 1.0)
    assert (right["choice_is_last_number"], wrong["choice_is_last_number"]) == (1.0, 0.0)
    assert right["came_to_an_answer"] == 1.0
    assert right.keys() == of_text("", options, None).keys()


def test_a_missing_set_is_said(tmp_path: Path) -> None:
    with pytest.raises(Absent, match="rows"):
        probabilities(Folder(tmp_path), Folder(tmp_path), QUICK)
    with pytest.raises(Absent, match="items"):
        answers(Folder(tmp_path), Folder(tmp_path), QUICK)
