"""Routes that say how drafts are judged: who may be asked, and what could never be decided so."""

import json
from pathlib import Path

import pytest
from policy_files import MODELS, ROUTES, swap, write

from pipeline.policy.load import check_folder

SCORED = swap(MODELS, "context_window: 4096\n  far", "context_window: 4096\n    capabilities: [chat, logprobs]\n  far")
ONE_TIER = swap(ROUTES, "      - variants: {far: 1}\n", "")


def found(folder: Path, accept: str, models: str = SCORED, routes: str = ROUTES) -> tuple[str, str]:
    """Problems and warnings."""
    written = write(folder, models=models, routes=f"{routes}    accept: {{{accept}}}\n")
    checked = check_folder(written, {})
    return "\n".join(map(str, checked.problems)), "\n".join(map(str, checked.warnings))


@pytest.mark.parametrize(
    "accept",
    [
        "confidence: 0.7",
        "confidence: 0.7, looks: [{kind: samples, count: 5}, {kind: opinion, variant: far}, {kind: verify}]",
        "confidence: 0.7, explore: 0.02, corrective_turns: 2, on_invalid: candidate",
        "confidence: 0.7, grey: 0.2, looks: [{kind: samples, temperature: 1.0}]",
    ],
)
def test_what_can_be_done_is_taken(tmp_path: Path, accept: str) -> None:
    assert found(tmp_path, accept) == ("", "")


@pytest.mark.parametrize(
    ("accept", "said"),
    [
        ("confidence: 0.7, looks: [{kind: opinion, variant: fra}]", "no such variant"),
        ("confidence: 0.7, looks: [{kind: judge}]", "judge names the variant that is asked: add variant"),
        ("confidence: 0.7, looks: [{kind: verify, variant: far}]", "leave out variant"),
        ("confidence: 0.7, looks: [{kind: samples, count: 6}]", "count"),
        ("confidence: 0.7, looks: [{kind: hunch}]", "kind"),
        ("confidence: 0.7, corrective_turns: 4", "corrective_turns"),
        ("confidence: 0.7, looks: [{kind: opinion, variant: near}]", "near makes the drafts, and is not asked about"),
    ],
)
def test_what_cannot_be_done_is_refused(tmp_path: Path, accept: str, said: str) -> None:
    assert said in found(tmp_path, accept)[0]


@pytest.mark.parametrize(
    ("accept", "models", "routes", "said"),
    [
        ("confidence: 0.7", MODELS, ROUTES, "near gives no log-probabilities"),
        ("confidence: null, looks: [{kind: verify}]", SCORED, ROUTES, "nobody takes these looks"),
        ("explore: 0.1", SCORED, ONE_TIER, "never escalates"),
        ("confidence: 0.7, explore: 1.0", SCORED, ROUTES, "explore: 100% of the drafts that would stay are escalated"),
        (
            "confidence: 0.7, grey: 0, looks: [{kind: samples}]",
            SCORED,
            ROUTES,
            "grey: only drafts without a confidence",
        ),
        ("confidence: 0.7, grey: 0.3", SCORED, ROUTES, "grey: the zone is where further looks are taken"),
        ("confidence: 0.7, looks: [{kind: verify}]", SCORED, ONE_TIER, "looks: nobody takes these looks"),
        (
            "confidence: 0.7, looks: [{kind: verify}, {kind: verify}]",
            SCORED,
            ROUTES,
            "looks[1]: this look is taken before",
        ),
        (
            "confidence: 0.7, looks: [{kind: judge, variant: far, count: 5}]",
            SCORED,
            ROUTES,
            "looks[0].count: this counts for samples only, not for judge",
        ),
    ],
)
def test_what_would_come_to_nothing_is_warned_about(
    tmp_path: Path, accept: str, models: str, routes: str, said: str
) -> None:
    problems, warnings = found(tmp_path, accept, models, routes)
    assert problems == ""
    assert said in warnings


def test_looks_stand_in_for_log_probabilities(tmp_path: Path) -> None:
    """Without them a second opinion may say enough."""
    assert found(tmp_path, "confidence: 0.7, looks: [{kind: opinion, variant: far}]", MODELS) == ("", "")


def gate(folder: Path, **changed: object) -> str:
    """The file of a gate; its path for the policy."""
    curve = {"kind": "platt", "slope": 1.0, "intercept": 0.0}
    score = {"kind": "signal", "name": "confidence"}
    told = {"kind": "gate", "score": score, "curve": curve, "labels": 9, "source": "s", "fitted": "2026-11-21"}
    folder.mkdir(exist_ok=True)
    (folder / "gate.json").write_text(json.dumps({**told, **changed}))
    return "gate.json"


KEPT = {"threshold": 0.9, "promise": {"rule": "joint", "alpha": 0.03, "delta": 0.05, "n": 900}}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (KEPT, ""),
        ({}, "calibrator_file: it promises nothing for any request, so that everything escalates"),
        (
            {**KEPT, "score": {"kind": "signal", "name": "confidense"}},
            "calibrator_file: its score asks for signals that there are not: confidense",
        ),
    ],
)
def test_a_file_that_lets_nothing_stay_is_warned_about(tmp_path: Path, changed: dict[str, object], said: str) -> None:
    """And one whose promise is in a segment alone is not."""
    file = gate(tmp_path, **changed)
    problems, warnings = found(tmp_path, f"confidence: promised, calibrator_file: {file}")
    assert problems == ""
    assert (said in warnings) if said else warnings == ""
    curve = {"kind": "platt", "slope": 1.0, "intercept": 0.0}
    gate(tmp_path, segments={"faq": {"curve": curve, "labels": 9, **KEPT}})
    assert found(tmp_path, f"confidence: promised, calibrator_file: {file}") == ("", "")


TOOLS = swap(SCORED, "capabilities: [chat, logprobs]", "capabilities: [chat, logprobs, tools]")
ESCALATE = "accept: calls of tools have no log-probabilities, so drafts that call one always escalate"


@pytest.mark.parametrize(
    ("accept", "said"),
    [
        ("confidence: 0.7", ESCALATE),
        ("confidence: 0.7, calls: judged", ""),
        ("confidence: 0.7, calls: valid", ""),
        ("confidence: null", ""),
        ("confidence: null, calls: valid", "calls: without a threshold calls of tools stay by their schema anyway"),
    ],
)
def test_somebody_says_how_calls_of_tools_are_judged(tmp_path: Path, accept: str, said: str) -> None:
    problems, warnings = found(tmp_path, accept, TOOLS)
    assert problems == ""
    assert (said in warnings) if said else warnings == ""


def test_who_never_drafts_with_tools_is_not_told_of_them(tmp_path: Path) -> None:
    assert ESCALATE not in found(tmp_path, "confidence: 0.7", TOOLS, ONE_TIER)[1]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("call_grounded", ""),
        ("token_mean", ESCALATE),
        ("coverage", "drafts that call a tool are judged by a score that learned nothing of calls"),
    ],
)
def test_a_gate_that_learned_the_signals_of_calls_judges_them(tmp_path: Path, name: str, said: str) -> None:
    linear = {"kind": "linear", "inputs": [name], "fill": [0.5], "weights": [1.0], "intercept": 0.0}
    parts = [{"score": linear, "weight": 1.0}]
    file = gate(tmp_path, **{**KEPT, "score": {"kind": "blend", "parts": parts, "link": "logistic"}})
    problems, warnings = found(tmp_path, f"confidence: promised, calibrator_file: {file}", TOOLS)
    assert problems == ""
    assert (said in warnings) if said else warnings == ""


def test_a_promise_does_not_speak_of_calls_that_nobody_judges(tmp_path: Path) -> None:
    file = gate(tmp_path, **KEPT)
    _, warnings = found(tmp_path, f"confidence: promised, calibrator_file: {file}, calls: valid", TOOLS)
    assert "calls: calls of tools stay without being judged" in warnings
