"""`stepwell policy show` tells what money, limits, tenants and experiments a set has, and no user of it."""

import json
from pathlib import Path
from typing import Protocol

import pytest
from policy_files import LIMITS, ROUTES, swap, write

from pipeline.cli.policy_show import show
from pipeline.cli.show import console
from pipeline.policy.load import load_folder

BUDGETS = """\
apiVersion: stepwell/v1
kind: Budgets
budgets:
  - {name: day, by: [tenant], limit: {requests: 100, tokens: 5}, action: degrade, degrade_to: [near]}
escalations: [{name: few, share: 0.2}]
"""
TENANTS = """\
apiVersion: stepwell/v1
kind: Tenants
tenants: {acme: {tier: gold, user_tiers: {ann: platinum}, variants: {near: far}}}
"""
EXPERIMENTS = """\
apiVersion: stepwell/v1
kind: Experiments
experiments: [{name: far-draft, route: chat, variants: {near: 0.7, far: 0.3}}]
"""


class Shown(Protocol):
    """Prints what a folder says."""

    def __call__(self, folder: Path, *, as_json: bool = False) -> str: ...


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shown:
    monkeypatch.setattr(console, "_width", 250)

    def run(folder: Path, *, as_json: bool = False) -> str:
        show(load_folder(folder, {}), as_json=as_json)
        return capsys.readouterr().out

    return run


def full(folder: Path) -> Path:
    return write(
        folder,
        budgets=BUDGETS,
        tenants=TENANTS,
        experiments=EXPERIMENTS,
        limits=LIMITS + "rates: [{name: slow, per: second, requests: 5}]\n",
        routes=swap(ROUTES, "- variants: {near: 1}", "- variants: {near: 1}\n        fallbacks: [far]"),
    )


def test_everything_there_is_has_a_table(tmp_path: Path, shown: Shown) -> None:
    text = shown(full(tmp_path))

    for title in ("Routes", "Targets", "Budgets", "Caps on escalations", "Rates", "Tenants", "Experiments"):
        assert title in text
    for cell in ("far > none", "5 tokens, 100 requests", "degrade to near", "near → far", "near 0.7 | far 0.3"):
        assert cell in text
    assert "ann" not in text.replace("tenant", ""), "who has which tier is nobody's business here"


def test_the_same_as_data(tmp_path: Path, shown: Shown) -> None:
    found = json.loads(shown(full(tmp_path), as_json=True))

    assert found["budgets"][0]["limit"] == "5 tokens, 100 requests"
    assert found["escalations"][0]["share"] == 0.2
    assert found["rates"][0]["per"] == "second"
    assert found["tenants"][0]["users_with_own_tier"] == 1
    assert found["experiments"][0]["running"] is True
    assert found["routes"][0]["experiments"] == ["far-draft"]


def test_what_there_is_none_of_has_no_table(tmp_path: Path, shown: Shown) -> None:
    text = shown(write(tmp_path))

    assert "Budgets" not in text
    assert "fallbacks" not in text


def test_a_calibrator_is_told_with_its_curve_and_where_it_comes_from(tmp_path: Path, shown: Shown) -> None:
    named = '    match: "true"\n    accept: {confidence: 0.7, calibrator_file: chat.json}\n'
    write(tmp_path, routes=swap(ROUTES, '    match: "true"\n', named))
    curve = {"kind": "platt", "slope": 1.3, "intercept": -0.2, "signal": "logprob_mean", "labels": 812}
    (tmp_path / "chat.json").write_text(json.dumps({**curve, "source": "two judges", "fitted": "2026-11-01"}))

    (told,) = json.loads(shown(tmp_path, as_json=True))["calibrators"]
    name = told.pop("calibrator")
    assert name.startswith("chat.json@")
    assert told == {**curve, "source": "two judges", "fitted": "2026-11-01"}
    out = shown(tmp_path)
    for part in (name, "1.3", "-0.2", "812", "two judges", "2026-11-01"):
        assert part in out
