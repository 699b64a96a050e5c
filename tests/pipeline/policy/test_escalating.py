"""Routes that say how drafts are given up or passed on early: what can never be, and what is hardly meant."""

import json
from pathlib import Path

import pytest
from policy_files import MODELS, ROUTES, swap, write

from pipeline.policy.load import check_folder

SHOWN = MODELS.replace(
    "    context_window: 4096\n", "    context_window: 4096\n    capabilities: [chat, logprobs, stream]\n"
)
ONE_TIER = swap(ROUTES, "      - variants: {far: 1}\n", "")
ENOUGH = "    accept: {confidence: 0.7}\n"
CURVE = {"kind": "platt", "slope": 0.5, "intercept": 0.0, "signal": "logprob_mean", "source": "s", "labels": 9}


def found(folder: Path, route: str, models: str = SHOWN, routes: str = ROUTES) -> tuple[str, str]:
    """Problems and warnings, each with its place."""
    written = write(folder, models=models, routes=f"{routes}{route}")
    (folder / "schema.json").write_text('{"type": "object"}')
    (folder / "curve.json").write_text(json.dumps({**CURVE, "fitted": "2026-11-01"}))
    checked = check_folder(written, {})
    unread = ("is named by no policy", "read by nobody")
    warnings = [str(each) for each in checked.warnings if not any(word in str(each) for word in unread)]
    return "\n".join(map(str, checked.problems)), "\n".join(warnings)


def escalation(text: str, before: str = ENOUGH) -> str:
    return f"{before}    escalation: {{{text}}}\n"


@pytest.mark.parametrize(
    "route",
    [
        escalation("early_exit: {below: 0.5}, open_early: {above: 0.8}, hand_over: errors"),
        escalation("early_exit: {below: 0.7}"),
        escalation("choose: gain, value_usd: 0.1", "    accept: {confidence: 0.7, calibrator_file: curve.json}\n"),
    ],
)
def test_what_can_be_done_is_taken(tmp_path: Path, route: str) -> None:
    assert found(tmp_path, route) == ("", "")


@pytest.mark.parametrize(
    ("route", "routes", "said"),
    [
        (escalation("early_exit: {below: 0.9}"), ROUTES, "early_exit.below: this gives up drafts that would stay"),
        (escalation("early_exit: {below: 0.5}"), ONE_TIER, "early_exit: the route has one tier"),
        (escalation("open_early: {above: 0.9}"), ONE_TIER, "open_early: the answer of a route's last tier"),
        (
            escalation("open_early: {above: 0.9}") + "    response_schema_file: schema.json\n",
            ROUTES,
            "open_early: every answer of this route has a schema to satisfy",
        ),
        (escalation("early_exit: {below: 0.6}, open_early: {above: 0.5}"), ROUTES, "let above be higher than below"),
        (escalation("choose: gain"), ROUTES, "give value_usd"),
    ],
)
def test_what_can_never_be_is_refused_at_its_place(tmp_path: Path, route: str, routes: str, said: str) -> None:
    problems, _ = found(tmp_path, route, routes=routes)
    assert said in problems
    assert "routes.yaml:" in problems


CALIBRATED = "    accept: {confidence: 0.7, calibrator_file: curve.json}\n"


@pytest.mark.parametrize(
    ("route", "models", "routes", "said"),
    [
        (escalation("early_exit: {below: 0.0}"), SHOWN, ROUTES, "below: no confidence is below 0"),
        (escalation("early_exit: {below: 0.5, explore: 1}"), SHOWN, ROUTES, "explore: every draft is finished"),
        (escalation("early_exit: {below: 0.5}", ""), SHOWN, ROUTES, "which decides nothing on this route"),
        (escalation("early_exit: {below: 0.5}"), MODELS, ROUTES, "early_exit: no target of the drafts streams"),
        (escalation("open_early: {above: 0.8}"), MODELS, ROUTES, "open_early: no target of the drafts streams"),
        (
            escalation("early_exit: {below: 0.5}") + "    max_escalations: 0\n",
            SHOWN,
            ROUTES,
            "early_exit: no draft is given up, since the route never escalates",
        ),
        (escalation("early_exit: {below: 0.9}", CALIBRATED), SHOWN, ROUTES, "a raw confidence of 0.84 is enough"),
        (escalation("open_early: {above: 0.8}", CALIBRATED), SHOWN, ROUTES, "a raw confidence of 0.84 is asked"),
        (escalation("open_early: {above: 0.6}"), SHOWN, ROUTES, "above: this passes on drafts that would not stay"),
        (escalation("open_early: {above: 1.0}"), SHOWN, ROUTES, "above: hardly any beginning is that sure"),
        (
            escalation("open_early: {above: 0.9}") + "    on_exhausted: fail\n",
            SHOWN,
            ROUTES,
            "open_early: the route would rather fail than degrade",
        ),
        (escalation("value_usd: 1"), SHOWN, ROUTES, "value_usd: this counts with choose: gain only"),
        (escalation("choose: gain, value_usd: 1"), SHOWN, ROUTES, "choose: nobody knows what the last tier gains"),
        (escalation("choose: gain, value_usd: 1"), SHOWN, ONE_TIER, "choose: the route has one tier"),
        (escalation("hand_over: draft"), SHOWN, ONE_TIER, "hand_over: the route has one tier"),
    ],
)
def test_what_is_hardly_meant_is_warned_about(tmp_path: Path, route: str, models: str, routes: str, said: str) -> None:
    problems, warnings = found(tmp_path, route, models, routes)
    assert problems == ""
    assert said in warnings


def test_what_is_passed_on_early_is_beyond_a_promise(tmp_path: Path) -> None:
    promise = {"rule": "joint", "alpha": 0.03, "delta": 0.05, "n": 900}
    told = {"kind": "gate", "score": {"kind": "signal", "name": "confidence"}, "threshold": 0.9, "promise": promise}
    curve = {"kind": "platt", "slope": 1.0, "intercept": 0.0}
    file = {**told, "curve": curve, "labels": 9, "source": "s", "fitted": "2026-11-21"}
    (tmp_path / "gate.json").write_text(json.dumps(file))
    accept = "    accept: {confidence: promised, calibrator_file: gate.json}\n"
    _, warnings = found(tmp_path, escalation("open_early: {above: 0.95}", accept))
    assert "open_early: what is passed on early stays" in warnings
