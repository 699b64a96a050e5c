"""Routes that say how drafts are judged: who may be asked, and what could never be decided so."""

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
        "confidence: 0.7, explore: 0.02, corrective_turns: 2, on_invalid: candidate, grey: 0.2",
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
