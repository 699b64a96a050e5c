"""What is to be expected of deeper tiers: from judged answers, from the record of the route, and from prices."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
from fakes_models import target
from fakes_stages import attempt, envelope, plan, verdict

from pipeline.contracts import Request, Signals, Snapshot, Usage
from pipeline.policy.calibration import Calibrator, Gate
from pipeline.policy.models import Variant
from stages.escalate.prospects import present, prospects

DRAFT = attempt(1, text="x", usage=Usage(input_tokens=100, output_tokens=50))
PRICE = {"input": 10.0, "output": 20.0, "source": "a list", "as_of": "2026-01-31"}


def gate(**others: object) -> Gate:
    fields: dict[str, object] = {
        "kind": "gate",
        "score": {"kind": "signal", "name": "confidence"},
        "curve": {"kind": "platt", "slope": 1.0, "intercept": 0.0},
        "labels": 500,
        "source": "a test",
        "fitted": "2026-11-01",
        **others,
    }
    return Gate.model_validate(fields)


def policy(file: Gate | None) -> Any:
    calibrator = Calibrator("gate:1", file) if file is not None else None
    names = ("small", "large", "huge")
    return SimpleNamespace(
        route=lambda _: SimpleNamespace(calibrator=calibrator),
        variants={name: Variant(target=name) for name in names},
        targets={name: target(f"{name}-m", price=PRICE, max_output_tokens=200) for name in names},
    )


def asked(**others: object) -> Any:
    stairs = plan(3, signals=Signals(tenant="default", tokens=100), snapshot=Snapshot(sufficed={"large": 0.7}))
    return envelope(DRAFT, tiers=stairs, **{"verdict": verdict(confidence=0.4), **others})


def test_between_first_and_last_the_record_of_the_route_counts() -> None:
    before = asked()
    (option,) = prospects(before, before.plan, (1,), policy(None))
    assert option.right == 0.7


def test_of_the_last_one_judged_answers_say_how_often_it_is_right() -> None:
    before = asked()
    assert prospects(before, before.plan, (2,), policy(gate(best=0.93)))[0].right == 0.93
    assert prospects(before, before.plan, (2,), policy(None))[0].right is None


def test_where_a_gain_was_learned_it_is_added_to_what_there_is() -> None:
    gain = {"kind": "linear", "inputs": ("confidence",), "fill": (0.5,), "weights": (0.5,), "intercept": 0.0}
    before = asked(verdict=verdict(confidence=0.4, signals={"logprob_mean": math.log(0.6)}))
    assert prospects(before, before.plan, (2,), policy(gate(best=0.93, gain=gain)))[0].right == pytest.approx(0.7)
    unknown = asked(verdict=verdict(confidence=0.4))
    assert prospects(unknown, unknown.plan, (2,), policy(gate(best=0.93, gain=gain)))[0].right == 0.93


def test_a_call_costs_the_prompt_and_an_answer_as_long_as_the_one_before() -> None:
    before = asked()
    (option,) = prospects(before, before.plan, (2,), policy(None))
    assert option.usd == pytest.approx((100 * 10 + 50 * 20) / 1e6)
    short = asked(request=Request(input="x", parameters={"max_tokens": 10}))
    assert prospects(short, short.plan, (2,), policy(None))[0].usd == pytest.approx((100 * 10 + 10 * 20) / 1e6)


def test_what_there_is_counts_as_probable_as_check_found_it_or_as_drafts_are_on_the_whole() -> None:
    assert present(asked(), policy(None)) == 0.4
    assert present(asked(verdict=verdict()), policy(gate(right=0.6))) == 0.6
    assert present(asked(verdict=verdict()), policy(None)) == 0.0
    assert present(asked(verdict=None), policy(None)) is None, "nothing that could be served"
    assert present(asked(verdict=verdict(confidence=0.9, schema_state="invalid")), policy(None)) is None
