"""Calibrators: files that belong to the set, and the curve they hold."""

from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_files import ROUTES, swap, write

from pipeline.policy.calibration import CLIP, Curve, platt
from pipeline.policy.load import check_folder, load_bundle, load_folder, read_folder

GOOD = {
    "kind": "platt",
    "slope": 1.3,
    "intercept": -0.2,
    "signal": "logprob_mean",
    "source": "two judges, October",
    "fitted": "2026-11-01",
    "labels": 812,
}
SCORES = st.floats(0, 1)
SLOPES = st.floats(0.001, 100)
INTERCEPTS = st.floats(-100, 100)


def folder(place: Path, *, body: bytes | None = None, path: str = "calibrators/chat.json", **changed: object) -> Path:
    """The small set, with a calibrator for its route; a value of None leaves the key out."""
    named = f'    match: "true"\n    accept: {{confidence: 0.7, calibrator_file: {path}}}\n'
    write(place, routes=swap(ROUTES, '    match: "true"\n', named))
    (place / "calibrators").mkdir(exist_ok=True)
    kept = {key: value for key, value in {**GOOD, **changed}.items() if value is not None}
    (place / "calibrators/chat.json").write_bytes(orjson.dumps(kept) if body is None else body)
    return place


def test_a_calibrator_belongs_to_its_route(tmp_path: Path) -> None:
    route = load_folder(folder(tmp_path), {}).route("chat")
    assert route is not None
    assert route.calibrator is not None
    assert route.calibrator.file == Curve.model_validate(GOOD)
    path, _, digest = route.calibrator.name.partition("@")
    assert path == "calibrators/chat.json"
    assert len(digest) == 16
    assert route.calibrator.probability({}, 0.5) == pytest.approx(0.4502, abs=1e-4)


def test_what_it_holds_counts_for_the_revision_and_its_name(tmp_path: Path) -> None:
    sets = [load_folder(folder(tmp_path / str(slope), slope=slope), {}) for slope in (1.3, 1.4)]
    assert len({policy.revision for policy in sets}) == 2
    assert len({policy.routes[0].calibrator.name for policy in sets if policy.routes[0].calibrator}) == 2


def test_it_travels_with_the_set(tmp_path: Path) -> None:
    there = load_folder(folder(tmp_path), {})
    here = load_bundle(read_folder(tmp_path), {})
    assert here.revision == there.revision
    assert here.routes[0].calibrator == there.routes[0].calibrator


@pytest.mark.parametrize(
    ("changed", "because"),
    [
        ({"slope": 0}, "slope: must be more than 0"),
        ({"slope": -1.3}, "slope: must be more than 0"),
        ({"slope": 101}, "slope: must be at most 100"),
        ({"slope": "1.3"}, "slope: must be a number"),
        ({"slope": True}, "slope: must be a number"),
        ({"slope": None}, "slope: the key is missing"),
        ({"intercept": -101}, "intercept: must be at least -100"),
        ({"kind": "isotonic"}, "kind: must be 'platt' or 'gate'"),
        ({"signal": "length"}, "signal: must be 'logprob_mean'"),
        ({"fitted": "2026-02-30"}, "fitted: 2026-02-30 is no day; write it as 2027-01-31"),
        ({"labels": 0}, "labels: must be at least 1"),
        ({"labels": 1.5}, "labels: must be a whole number"),
        ({"source": ""}, "source: "),
        ({"offset": 1}, "offset: no such key"),
        ({"body": b"[]"}, "must be a mapping"),
        ({"body": b'{"slope": NaN}'}, ""),
        ({"body": b"{"}, "invalid JSON"),
        ({"body": b" " * (4 * 2**20 + 1)}, None),
    ],
)
def test_what_is_no_calibrator_is_refused_where_it_is_named(
    tmp_path: Path, changed: dict[str, object], because: str | None
) -> None:
    (problem,) = check_folder(folder(tmp_path, **changed), {}).problems  # type: ignore[arg-type]  # body is bytes
    said = "is larger than 4194304 bytes" if because is None else f"is no calibrator: {because}"
    assert (problem.file, problem.path) == (str(tmp_path / "routes.yaml"), "routes[0].accept.calibrator_file")
    assert problem.place.line == 6
    assert problem.text.startswith(f"calibrators/chat.json {said}")


def test_infinity_and_what_is_no_number_are_refused(tmp_path: Path) -> None:
    for value in (b"NaN", b"Infinity", b"1e999"):
        body = orjson.dumps(GOOD).replace(b"1.3", value)
        (problem,) = check_folder(folder(tmp_path, body=body), {}).problems
        assert "is no calibrator: slope: " in problem.text


def test_a_calibrator_outside_of_the_folder_is_refused(tmp_path: Path) -> None:
    (problem,) = check_folder(folder(tmp_path, path="../chat.json"), {}).problems
    assert "is no path inside the policy folder" in problem.text


@given(st.floats(CLIP, 1 - CLIP))
def test_slope_1_and_intercept_0_change_nothing(score: float) -> None:
    assert platt(score, 1.0, 0.0) == pytest.approx(score, rel=1e-9)


@given(SCORES, SCORES, SLOPES, INTERCEPTS)
def test_a_surer_answer_is_never_the_less_probable_one(one: float, other: float, slope: float, shift: float) -> None:
    low, high = sorted((one, other))
    assert platt(low, slope, shift) <= platt(high, slope, shift) + 1e-12


@given(SCORES, SLOPES, INTERCEPTS)
def test_whatever_the_curve_the_outcome_is_a_probability(score: float, slope: float, shift: float) -> None:
    assert 0.0 <= platt(score, slope, shift) <= 1.0


@given(st.floats(CLIP, 1 - CLIP), st.floats(0.1, 10), st.floats(-5, 5))
def test_the_other_curve_gives_the_score_back(score: float, slope: float, shift: float) -> None:
    """Slope and intercept can be undone, where nothing is cut off."""
    made = platt(score, slope, shift)
    if 1e-5 < made < 1 - 1e-5:
        assert platt(made, 1 / slope, -shift / slope) == pytest.approx(score, rel=1e-6)
