"""The protocol of promises: rates of a population are exact, and broken promises are counted as such."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from outside_data import DATA, needs

from evaluation.data import Folder
from evaluation.protocols.promise import DELTA, Population, naive, run, runs_of
from evaluation.report import Options

pytest.importorskip("scipy", reason="the extra train is not installed")
ANSWERS = st.lists(st.tuples(st.integers(0, 8).map(lambda step: step / 8), st.booleans()), min_size=1, max_size=80)


@given(ANSWERS, st.floats(0, 1))
def test_rates_and_shares_are_those_of_counting(answers: list[tuple[float, bool]], threshold: float) -> None:
    scores, wrong = np.array([score for score, _ in answers]), np.array([bad for _, bad in answers])
    population = Population("x", scores, wrong)
    assert population.rate(threshold) == pytest.approx(np.mean((scores >= threshold) & wrong))
    assert population.share(threshold) == pytest.approx(np.mean(scores >= threshold))
    assert (population.rate(None), population.share(None)) == (0.0, 0.0)


@given(ANSWERS, st.sampled_from((0.05, 0.1, 0.3)))
def test_the_naive_threshold_is_the_lowest_at_which_its_own_labels_show_no_more(
    answers: list[tuple[float, bool]], alpha: float
) -> None:
    scores, wrong = np.array([score for score, _ in answers]), np.array([bad for _, bad in answers])
    fine = [at for at in sorted(set(scores)) if np.mean((scores >= at) & wrong) <= alpha + 1e-9]
    assert naive(scores, wrong, alpha) == (fine[0] if fine else None)


def test_the_promise_is_kept_where_the_naive_threshold_breaks_it() -> None:
    random = np.random.default_rng(0)
    scores = random.random(20_000)
    population = Population("x", scores, random.random(20_000) > scores)
    runs = runs_of(population, 0.05, 500, 400, random)
    assert np.mean([each.broken for each in runs]) <= DELTA + 0.035
    assert np.mean([each.naive_broken for each in runs]) > 0.3
    assert np.mean([each.kept for each in runs]) > 0.6 * runs[0].oracle


@needs("mcq-confidence")
def test_on_recorded_answers_the_report_has_every_figure() -> None:
    data = Folder(DATA)
    report = run(data, data, Options(rounds=20, quick=True))
    assert [figure.mark for figure in report.figures[:5]] == [DELTA] * 5
    assert report.figures[0].rows >= 1000
    assert all(figure.better == "lower" for figure in report.figures[:5])
    assert report.figures[0].ours < 0.05 < (report.figures[0].baseline or 0.0)
