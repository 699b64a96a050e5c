"""Gates in a policy set: what is refused and where, and which segment a request belongs to."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from policy_files import ROUTES, swap, write

from pipeline.policy.calibration import Calibrator, Gate
from pipeline.policy.load import check_folder, load_folder

PROMISE = {"rule": "joint", "alpha": 0.03, "delta": 0.05, "n": 400, "kept": 0.4, "errors": 5, "bound": 0.026}
PLATT = {"kind": "platt", "slope": 2.0, "intercept": -0.5}
GATE: dict[str, Any] = {
    "kind": "gate",
    "score": {"kind": "signal", "name": "confidence"},
    "curve": PLATT,
    "labels": 900,
    "right": 0.7,
    "source": "two judges",
    "fitted": "2026-11-21",
    "segments": {
        "faq": {
            "curve": {"kind": "isotonic", "x": [0.0, 1.0], "y": [0.1, 0.9]},
            "threshold": 0.8,
            "promise": PROMISE,
            "right": 0.75,
            "length": {"mean": 4.5, "deviation": 0.5, "count": 300},
            "labels": 500,
            "tenants": {"big": {"curve": PLATT, "threshold": 0.9, "promise": PROMISE, "labels": 400}},
        },
        "code": {"curve": PLATT, "promise": {**PROMISE, "n": 12, "why": "12 labels are too few"}, "labels": 12},
    },
}


def folder(place: Path, changed: dict[str, Any] | None = None, accept: str = "confidence: promised, ") -> Path:
    named = f'    match: "true"\n    accept: {{{accept}calibrator_file: gate.json}}\n'
    write(place, routes=swap(ROUTES, '    match: "true"\n', named))
    (place / "gate.json").write_bytes(orjson.dumps({**GATE, **(changed or {})}))
    return place


def calibrator(changed: dict[str, Any] | None = None) -> Calibrator:
    return Calibrator("gate.json@0", Gate.model_validate_json(orjson.dumps({**GATE, **(changed or {})})))


def test_a_gate_is_in_force_with_its_route(tmp_path: Path) -> None:
    found = load_folder(folder(tmp_path), {}).routes[0].calibrator
    assert found is not None
    assert found.name.startswith("gate.json@")
    assert found == Calibrator(found.name, calibrator().file)


def test_a_request_belongs_to_its_tenant_within_its_task_else_to_its_task() -> None:
    gate = calibrator()
    assert gate.threshold("faq", "big").value == 0.9
    assert gate.threshold("faq", "small").value == 0.8
    assert gate.threshold("faq").sentence == (
        "for the task faq at most 3 of 100 answers are wrong and kept, with confidence 95 % (400 labels)"
    )
    assert gate.probability({}, 0.5, "faq", "small") == pytest.approx(0.5)
    assert gate.probability({}, 0.5, "faq", "big") == pytest.approx(0.3775, abs=1e-4)
    assert (gate.prior("faq"), gate.prior("new"), gate.prior("faq", "big")) == (0.75, 0.7, None)
    usual = gate.usual("faq")
    assert usual is not None
    assert (usual.mean, usual.deviation, usual.count) == (4.5, 0.5, 300)


def test_where_nothing_is_promised_everything_escalates_and_says_why() -> None:
    gate = calibrator()
    for task in ("code", "new", None):
        threshold = gate.threshold(task, "big")
        assert threshold.value is None
        assert threshold.sentence.startswith("everything escalates: ")
    assert "12 labels are too few" in gate.threshold("code").sentence
    assert "no labels of the task new" in gate.threshold("new").sentence


def test_no_probability_of_a_gate_reaches_1() -> None:
    sharp = calibrator({"curve": {"kind": "platt", "slope": 100.0, "intercept": 100.0}})
    assert sharp.probability({}, 1.0) == 1 - 1e-6


def test_a_score_whose_signals_are_all_missing_is_no_score() -> None:
    linear = {"kind": "linear", "inputs": ["a", "b", "b?"], "fill": [0.5, 0.5, 0.0], "weights": [2.0, 1.0, -1.0]}
    score = {"kind": "blend", "parts": [{"score": linear, "weight": 1.0}], "link": "logistic"}
    gate = calibrator({"score": score, "gain": linear})
    assert gate.probability({"a": None}, None) is None
    assert gate.gain({"c": 1.0}, None) is None
    assert gate.score({"a": 0.0, "b": None}, None) == pytest.approx(0.3775, abs=1e-4)
    assert gate.gain({"a": 1.0, "b": 1.0}, None) == pytest.approx(3.0)
    assert calibrator().gain({"a": 1.0}, 0.9) is None


@pytest.mark.parametrize(
    ("changed", "because"),
    [
        ({"threshold": 0.5}, "a threshold must come with the promise that it keeps"),
        ({"threshold": 1.5, "promise": PROMISE}, "threshold: must be at most 1"),
        ({"promise": {**PROMISE, "alpha": 0}}, "promise.alpha: must be more than 0"),
        ({"promise": {**PROMISE, "rule": "hope"}}, "promise.rule: must be 'joint'"),
        ({"curve": {"kind": "platt", "slope": 0, "intercept": 0}}, "curve: slope: must be more than 0"),
        ({"curve": 3}, "curve: must be a curve"),
        ({"segments": {"faq": {"labels": 3}}}, "segments.faq.curve: the key is missing"),
        ({"score": {"kind": "linear", "inputs": [], "fill": [], "weights": []}}, "score: must end in a probability"),
        ({"labels": -1}, "labels: must be at least 0"),
        ({"fitted": "2026-02-30"}, "fitted: 2026-02-30 is no day"),
        ({"offset": 1}, "offset: no such key"),
        ({"kind": "isotonic"}, "kind: must be 'platt' or 'gate'"),
    ],
)
def test_what_is_no_gate_is_refused_where_it_is_named(tmp_path: Path, changed: dict[str, Any], because: str) -> None:
    problem = check_folder(folder(tmp_path, changed), {}).problems[0]
    assert (problem.file, problem.path) == (str(tmp_path / "routes.yaml"), "routes[0].accept.calibrator_file")
    assert problem.text.startswith(f"gate.json is no calibrator: {because}")


def test_a_promise_needs_something_that_promises(tmp_path: Path) -> None:
    curve = {"kind": "platt", "slope": 1, "intercept": 0, "signal": "logprob_mean", "source": "s"}
    (tmp_path / "one").mkdir()
    single = folder(tmp_path / "one")
    (single / "gate.json").write_bytes(orjson.dumps({**curve, "fitted": "2026-11-01", "labels": 9}))
    (problem,) = check_folder(single, {}).problems
    assert (problem.path, problem.place.line) == ("routes[0].accept.calibrator_file", 6)
    assert "is a single curve and promises nothing" in problem.text
    named = swap(ROUTES, '    match: "true"\n', '    match: "true"\n    accept: {confidence: promised}\n')
    (problem,) = check_folder(write(tmp_path / "two", routes=named), {}).problems
    assert problem.path == "routes[0].accept.confidence"
    assert "nothing promises a threshold: name a calibrator_file" in problem.text


def test_a_gate_may_also_stand_beside_a_number(tmp_path: Path) -> None:
    assert check_folder(folder(tmp_path, accept="confidence: 0.7, "), {}).problems == ()
