"""Early exits in metrics: left, finished all the same, wrong, and the tokens that they spare."""

from fakes_stages import attempt, envelope
from prometheus_client import CollectorRegistry

from pipeline.contracts import Attempt, ErrorBody, Reply, Usage
from pipeline.telemetry.exits import EarlyExits

STOPPED = ErrorBody(code="early_exit", message="too unsure")


def counted(draft: Attempt, served_tier: int | None, degraded: str | None = None) -> dict[str, float]:
    registry = CollectorRegistry()
    name = "small" if served_tier == 0 else "large"
    served = {"route": "chat", "variant": name, "target": name, "model": "m", "tier": served_tier or 0, "tiers": 2}
    before = envelope(draft)
    reply = Reply.model_validate(
        {
            "id": before.id,
            "tenant": "default",
            "status": "answered",
            "policy_revision": "p",
            "fingerprint": "f",
            "degraded": degraded,
            "served": served if served_tier is not None else None,
        }
    )
    EarlyExits(registry).noted(before, reply)
    found = {kind: registry.get_sample_value("stepwell_early_exits_total", {"kind": kind}) or 0.0 for kind in KINDS}
    return {**found, "spared": registry.get_sample_value("stepwell_early_exit_tokens_total") or 0.0}


KINDS = ("left", "finished", "wrong")
FINISHED = attempt(1, text="x", exit_at=16, usage=Usage(input_tokens=5, output_tokens=90))


def test_a_draft_that_was_left() -> None:
    left = attempt(1, error=STOPPED, left_early=True, exit_at=16)
    assert counted(left, 1) == {"left": 1.0, "finished": 0.0, "wrong": 0.0, "spared": 0.0}


def test_one_that_was_finished_says_what_an_exit_would_have_spared_and_whether_it_would_have_been_wrong() -> None:
    assert counted(FINISHED, 1) == {"left": 0.0, "finished": 1.0, "wrong": 0.0, "spared": 74.0}
    assert counted(FINISHED, 0)["wrong"] == 1.0
    assert counted(FINISHED, 0, "large_unavailable")["wrong"] == 0.0, "it was only all there was"


def test_one_whose_beginning_was_sure_is_no_exit() -> None:
    assert counted(attempt(1, text="x"), 0) == {"left": 0.0, "finished": 0.0, "wrong": 0.0, "spared": 0.0}
