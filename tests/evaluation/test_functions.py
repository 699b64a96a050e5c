"""Recorded calls of functions: read, graded, escalated; on made rows, and on the recorded ones where they are there."""

import gzip
from pathlib import Path

import orjson
import pytest
from outside_data import DATA, needs

from evaluation.data import Folder
from evaluation.protocols import functions, functions_pair, repair
from evaluation.protocols.functions_cases import WEAK, cases_of, joined
from evaluation.protocols.functions_grade import right
from evaluation.protocols.functions_read import said, tools_of
from evaluation.report import Options

ACCEPTED = [{"f.g": {"city": ["New York", "NYC"], "days": [3], "unit": ["C", ""]}}]
QUICK = Options(rounds=50, quick=True)


@pytest.mark.parametrize(
    ("raw", "calls"),
    [
        ("[f.g(city='Ulm', days=3)]", [("f.g", {"city": "Ulm", "days": 3})]),
        (
            '[f(a=true, b=null, c=[1, {"x": -2.5}])]<end_of_turn>',
            [("f", {"a": True, "b": None, "c": [1, {"x": -2.5}]})],
        ),
        ("f(a=1)\nf(a=2)", [("f", {"a": 1}), ("f", {"a": 2})]),
        ("[f(a=1)]\n[f(a=2)]", [("f", {"a": 1}), ("f", {"a": 2})]),
        ("```python\n[f(a=1)]\n```", [("f", {"a": 1})]),
        ([{"f": '{"a": 1}'}], [("f", {"a": 1})]),
    ],
)
def test_calls_are_read_from_what_systems_write(raw: object, calls: list) -> None:
    assert said(raw).plain == calls


@pytest.mark.parametrize("raw", ["", "I cannot.", "[f(1)]", "[f(a=1", [], None])
def test_what_is_no_call_is_none(raw: object) -> None:
    assert said(raw).calls is None


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        ({"city": "new york", "days": 3}, True),
        ({"city": "NYC", "days": 3.0, "unit": "c"}, True),
        ({"city": "NYC"}, False),
        ({"city": "NYC", "days": 4}, False),
        ({"city": "NYC", "days": 3, "more": 1}, False),
        ({"city": "NYC", "days": True}, False),
        ({"city": "NYC", "days": 3, "unit": "F"}, False),
    ],
)
def test_a_call_is_right_if_every_argument_has_an_accepted_value(given: dict, verdict: bool) -> None:
    assert right([("f.g", given)], ACCEPTED) is verdict


def test_several_calls_match_one_accepted_call_each_in_any_order() -> None:
    accepted = [{"f": {"a": [1]}}, {"f": {"a": [2]}}]
    assert right([("f", {"a": 2}), ("f", {"a": 1})], accepted)
    assert not right([("f", {"a": 1}), ("f", {"a": 1})], accepted)
    assert not right([("f", {"a": 1})], accepted)


@needs("bfcl-function-calls")
def test_the_grading_agrees_with_the_recorded_verdicts() -> None:
    rows = joined(Folder(DATA))
    for system in rows[0]["systems"]:
        differ = sum(
            right(said(row["systems"][system]["raw"]).plain, row["item"]["accepted"])
            != bool(row["systems"][system]["correct"])
            for row in rows
        )
        assert differ <= 3, system


def test_repair_is_graded_and_what_check_refuses_is_marked() -> None:
    parameters = {"type": "dict", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    item = {
        "messages": [{"role": "user", "content": "take 5"}],
        "functions": [{"name": "f", "parameters": parameters}],
        "accepted": [{"f": {"n": [5]}}],
    }
    other = {"raw": "[f(n=5)]", "correct": 1, "schema_ok": 1, "latency_s": 2.0}
    rows = [
        {"item": item, "category": "x", "systems": {WEAK: {**other, **draft}, "s": other, "o": other}}
        for draft in ({"raw": '[f(n="5")]', "correct": 0, "schema_ok": 0}, {"raw": "[g(n=5)]", "correct": 0}, {})
    ]
    cases = cases_of(rows, "s", "o")
    assert cases.weak.tolist() == [1, 0, 1]
    assert cases.plain.tolist() == [0, 0, 1]
    assert cases.refused.tolist() == [0, 1, 0]
    assert cases.same.tolist() == [1, 0, 1]
    assert cases.all["call_repaired"].tolist() == [0.5, 0.0, 1.0]
    assert tools_of(item)[0]["function"]["parameters"]["type"] == "object"  # type: ignore[index]


def _small(folder: Path, part: int) -> Folder:
    """Every ninth recorded row, from `part` on."""
    (folder / "bfcl-function-calls").mkdir(parents=True)
    for name in ("items", "recorded_outputs"):
        rows = Folder(DATA).rows(f"bfcl-function-calls/{name}")
        kept = sorted(rows, key=lambda row: row["id"])
        if name == "recorded_outputs":
            kept = kept[part::9]
        with gzip.open(folder / "bfcl-function-calls" / f"{name}.jsonl.gz", "wb") as lines:
            lines.write(b"\n".join(map(orjson.dumps, kept)))
    return Folder(folder)


@needs("bfcl-function-calls")
def test_the_protocol_learns_from_one_folder_and_scores_the_other(tmp_path: Path) -> None:
    fit, data = _small(tmp_path / "fit", 0), _small(tmp_path / "data", 4)
    report = functions.run(fit, data, QUICK)
    accuracy, share = report.figures[:2]
    assert accuracy.rows == len(data.rows("bfcl-function-calls/recorded_outputs"))
    assert accuracy.baseline is not None
    assert accuracy.ours > accuracy.baseline
    assert 0.2 < share.ours < 0.55
    (pair,) = functions_pair.pairs(fit, data, QUICK)
    assert len(pair.ours) == accuracy.rows


@needs("json-repair-cases")
def test_repair_is_scored_beside_the_library_of_the_same_run() -> None:
    report = repair.run(Folder(DATA), Folder(DATA), QUICK)
    figures = {figure.name: figure for figure in report.figures}
    foreign = figures["foreign cases repaired to the exact value, as mended"]
    assert foreign.met
    assert foreign.baseline is not None
    assert 0.4 < foreign.baseline < 0.6
    for name, figure in figures.items():
        if "changed" in name or "crash" in name or "differs" in name:
            assert figure.ours == 0, name
