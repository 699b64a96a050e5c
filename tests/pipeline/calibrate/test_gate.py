"""A gate out of judged drafts: a promise for each segment, none where there are too few, held to later labels."""

from dataclasses import replace

import pytest
from judged import drafts

from pipeline.calibrate.gate import Calibration, Settings, calibrate
from pipeline.calibrate.held import contradicted, proven
from pipeline.calibrate.labels import Label
from pipeline.calibrate.rules import Asked
from pipeline.errors import InvalidRequest
from pipeline.policy.calibration import Calibrator, Signal, read_calibrator

pytest.importorskip("sklearn", reason="the extra train is not installed")
PLAIN = Settings(Asked("joint", 0.05, 0.05), score="confidence", day="2026-11-21")


def made(labels: list[Label], **asked: object) -> Calibration:
    return calibrate(labels, replace(PLAIN, asked=replace(PLAIN.asked, **asked)) if asked else PLAIN)  # type: ignore[arg-type]


def kept_wrong(found: Calibration, labels: list[Label]) -> tuple[float, float]:
    """The shares of answers that are wrong and stay, and that stay, as check would decide."""
    calibrator = Calibrator("x", found.gate)
    wrong = stay = 0
    for label in labels:
        threshold = calibrator.threshold(label.task, label.tenant).value
        sure = calibrator.probability(label.signals, label.confidence, label.task, label.tenant)
        stays = threshold is not None and sure is not None and sure >= threshold
        stay += stays
        wrong += stays and not label.right
    return wrong / len(labels), stay / len(labels)


def test_the_promise_holds_on_answers_that_nobody_has_seen() -> None:
    found = made(drafts(3000))
    wrong, kept = kept_wrong(found, drafts(50_000, seed=7))
    assert wrong <= 0.05
    assert kept > 0.3
    assert found.holds
    promise = found.gate.promise
    assert promise is not None
    assert promise.kept == pytest.approx(kept, abs=0.05)
    assert promise.bound is not None
    assert promise.bound <= 0.05


def test_the_file_says_the_same_after_it_was_written() -> None:
    found = made(drafts(2000, tasks=("code", "faq")))
    again = read_calibrator("gate.json", found.gate.model_dump_json().encode())
    assert again.file == found.gate
    assert again.threshold("faq", None) == Calibrator("x", found.gate).threshold("faq", None)


def test_each_task_has_its_own_promise_and_what_no_label_named_has_none() -> None:
    easy = [replace(label, right=True) for label in drafts(900, tasks=("easy",))]
    hard = [replace(label, key=f"h{label.key}", task="hard", right=False, confidence=0.8) for label in drafts(900)]
    calibrator = Calibrator("x", made([*easy, *hard]).gate)
    assert calibrator.threshold("easy").value is not None
    assert calibrator.threshold("hard").value is None
    assert "already the surest drafts are wrong too often" in calibrator.threshold("hard").sentence
    assert calibrator.threshold("new").value is None
    assert calibrator.threshold(None).value is None
    assert "everything escalates" in calibrator.threshold("new").sentence
    assert calibrator.prior("easy") == 1.0


def test_few_labels_of_a_task_are_never_pooled_with_others() -> None:
    labels = [*drafts(3000, tasks=("many",)), *[replace(each, key=f"f{each.key}", task="few") for each in drafts(30)]]
    calibrator = Calibrator("x", made(labels).gate)
    assert calibrator.threshold("many").value is not None
    assert calibrator.threshold("few").value is None
    assert "labels are too few, at least 59 are needed" in calibrator.threshold("few").sentence


def test_a_tenant_with_labels_enough_has_its_own_and_the_others_are_calibrated_without_it() -> None:
    labels = [replace(each, tenant="big") for each in drafts(1500, tasks=("faq",))]
    labels += [
        replace(each, key=f"s{each.key}", tenant=f"t{n % 9}") for n, each in enumerate(drafts(900, tasks=("faq",)))
    ]
    gate = made(labels).gate
    assert list(gate.segments["faq"].tenants) == ["big"]
    assert gate.segments["faq"].labels == 900
    assert gate.segments["faq"].tenants["big"].labels == 1500
    assert Calibrator("x", gate).segment("faq", "big")[0] is gate.segments["faq"].tenants["big"]
    assert Calibrator("x", gate).segment("faq", "t3")[0] is gate.segments["faq"]


def test_one_tenant_alone_is_its_task() -> None:
    assert not made(drafts(2000, tasks=("faq",), tenants=("one",))).gate.segments["faq"].tenants


def test_a_version_that_later_labels_speak_against_does_not_hold() -> None:
    """The newest fifth is wrong throughout, whatever the confidence says."""
    labels = [replace(label, right=label.right and n < 1600) for n, label in enumerate(drafts(2000))]
    found = made(labels)
    assert not found.holds
    assert [row.contradicted for row in found.rows] == [True]
    assert made(drafts(2000)).holds


def test_strictly_the_newest_labels_must_prove_the_promise_alone() -> None:
    """Thirty cannot, however right they are; six hundred can, where the drafts that stay are hardly ever wrong."""
    strict = replace(PLAIN, strict=True)
    few, many = drafts(150), drafts(3000)
    certain = [[replace(label, right=True) for label in labels] for labels in (few, many)]
    assert calibrate(certain[0], PLAIN).holds
    assert not calibrate(certain[0], strict).holds
    assert calibrate(certain[1], strict).holds
    late = [replace(label, right=label.right and n < 2400) for n, label in enumerate(many)]
    assert not calibrate(late, strict).holds


@pytest.mark.parametrize("rule", ["joint", "expected", "precision", "relative", "cost", "floor"])
def test_what_the_newest_labels_prove_alone_they_do_not_speak_against(rule: str) -> None:
    """A threshold far above the one that keeps the promise is proven, one that keeps every draft is refuted."""
    asked = Asked(rule, 0.1, 0.05)  # type: ignore[arg-type]
    labels = drafts(1500)
    sure = [label.confidence or 0.0 for label in labels]
    assert proven(asked, labels, sure, 0.97)
    assert not contradicted(asked, labels, sure, 0.97, 0.05)
    assert not proven(asked, labels, sure, 0.0)
    assert contradicted(asked, labels, sure, 0.0, 0.05)
    assert not proven(asked, [], [], 0.97)


def test_only_the_newest_labels_of_each_task_count() -> None:
    """What was long ago need not be true any more; a task with few labels keeps them all."""
    stale = [replace(label, right=False, task="faq") for label in drafts(2000)]
    fresh = [replace(label, key=f"n{label.key}", at=5000.0 + n, task="faq") for n, label in enumerate(drafts(1500))]
    rare = [replace(label, key=f"c{label.key}", task="code") for label in drafts(300)]
    found = calibrate([*fresh, *stale, *rare], replace(PLAIN, last=1500))
    assert found.dropped == ("2000 older labels are left out: the last 1500 of each task count",)
    assert found.gate.segments["faq"].labels == 1500
    assert found.gate.segments["faq"].threshold is not None
    assert found.gate.segments["code"].labels == 300


def test_with_too_few_labels_it_says_kindly_how_many_are_needed() -> None:
    with pytest.raises(InvalidRequest, match=r"there are 60 judged drafts.*takes at least 99.*collect 39 more"):
        made(drafts(60))
    with pytest.raises(InvalidRequest, match="takes at least"):
        made([])


def test_labels_that_were_more_likely_to_be_drawn_are_thinned_and_that_is_said() -> None:
    labels = [replace(label, propensity=0.5 if n % 2 else 1.0) for n, label in enumerate(drafts(4000))]
    found = made(labels)
    assert "dropped by lot" in found.dropped[0]
    assert found.gate.labels < 3300


@pytest.mark.parametrize("rule", ["joint", "expected", "precision", "relative", "cost", "floor"])
def test_every_rule_makes_a_file_that_says_what_it_promises(rule: str) -> None:
    found = made(drafts(4000), rule=rule, alpha=0.15 if rule == "precision" else 0.05)
    promise = found.gate.promise
    assert promise is not None
    assert (promise.rule, promise.why) == (rule, None)
    assert promise.value is not None
    assert 0.1 < promise.kept < 0.9


def test_the_cheapest_threshold_is_never_below_the_safe_one() -> None:
    labels = drafts(4000)
    safe = made(labels).gate.threshold
    thresholds = [made(labels, rule="cost", value=value).gate.threshold for value in (0.1, 3.0, 30.0)]
    assert safe is not None
    assert all(threshold is not None and threshold >= safe for threshold in thresholds)
    assert thresholds == sorted(thresholds, key=lambda each: each or 0.0)
    assert thresholds[0] == safe
    assert thresholds[2] != safe


def beside_large(found: Calibration, labels: list[Label]) -> float:
    """How often what is served is right, as a part of how often the large model is."""
    calibrator, threshold = Calibrator("x", found.gate), found.gate.threshold
    assert threshold is not None
    served = large = 0
    for label in labels:
        sure = calibrator.probability(label.signals, label.confidence)
        served += label.right if sure is not None and sure >= threshold else bool(label.large_right)
        large += bool(label.large_right)
    return served / large


@pytest.mark.parametrize("floor", [0.9, 0.95, 0.98])
def test_a_floor_keeps_a_part_of_the_large_models_quality_and_not_much_more(floor: float) -> None:
    found = made(drafts(4000), rule="floor", alpha=1.0 - floor)
    assert floor <= beside_large(found, drafts(30_000, seed=5)) <= floor + 0.03
    assert found.holds
    told = Calibrator("x", found.gate).threshold().sentence
    assert f"right at least {100 * floor:.4g} % as often as the large model's, with confidence 95 %" in told


def test_a_floor_is_refuted_where_the_large_model_becomes_much_better_than_the_drafts_that_stay() -> None:
    labels = [replace(label, right=label.right and n < 3200) for n, label in enumerate(drafts(4000))]
    assert [row.contradicted for row in made(labels, rule="floor", alpha=0.05).rows] == [True]


def test_a_floor_needs_some_fifty_labels_to_be_set_by() -> None:
    with pytest.raises(InvalidRequest, match=r"right at least 99 % as often as the large model's.*takes at least 84"):
        made(drafts(70), rule="floor", alpha=0.01)


@pytest.mark.parametrize("rule", ["relative", "floor"])
def test_what_is_promised_beside_the_large_model_needs_to_know_how_it_did(rule: str) -> None:
    gate = made([replace(label, large_right=None) for label in drafts(3000)], rule=rule).gate
    assert gate.threshold is None
    assert gate.promise is not None
    assert gate.promise.why == "labels do not tell whether the large model was right"


@pytest.mark.slow
def test_several_signals_are_learned_from_where_that_tells_more() -> None:
    labels = drafts(2000, signals=True)
    one, many = calibrate(labels, PLAIN), calibrate(labels, replace(PLAIN, score="auto"))
    assert not isinstance(many.gate.score, Signal)
    fresh = drafts(20_000, seed=11, signals=True)
    wrong, kept = kept_wrong(many, fresh)
    assert wrong <= 0.05
    assert kept > kept_wrong(one, fresh)[1] + 0.03
    assert many.gate.gain is not None


def test_without_log_probabilities_it_works_and_says_what_it_loses() -> None:
    labels = [replace(label, confidence=None) for label in drafts(700, signals=True)]
    found = calibrate(labels, replace(PLAIN, score="auto"))
    assert found.gate.threshold is not None
    assert found.gate.lost is not None
    assert "log-probabilities" in found.gate.lost


def test_drafts_without_any_of_the_signals_escalate() -> None:
    labels = [replace(label, confidence=None) if n % 10 == 0 else label for n, label in enumerate(drafts(3000))]
    found = made(labels)
    assert "300 drafts have none of the signals" in found.dropped[0]
    assert Calibrator("x", found.gate).probability({}, None) is None


def test_how_long_drafts_are_is_kept_for_the_signal_of_length() -> None:
    usual = Calibrator("x", made(drafts(2000)).gate).usual()
    assert usual is not None
    assert usual.mean == pytest.approx(4.64, abs=0.05)
    assert usual.count == 2000


@pytest.mark.parametrize("rule", ["joint", "expected", "relative", "cost", "floor"])
def test_where_all_drafts_are_wrong_none_stays_however_few_would(rule: str) -> None:
    """So few would stay that they keep the promise; they are wrong all the same."""
    labels = [replace(label, right=False, large_right=False) for label in drafts(500)]
    found = made(labels, rule=rule, alpha=0.05, value=0.0)
    assert found.gate.threshold is None
    told = Calibrator("x", found.gate).threshold().sentence
    assert "none of the drafts that would stay is right" in told or "already the surest" in told
    assert "everything escalates" in told


def test_drafts_of_which_fewer_than_half_are_right_do_not_stay() -> None:
    labels = [replace(label, right=label.key.endswith("3")) for label in drafts(2000)]
    found = made(labels)
    assert found.gate.threshold is None
    assert "fewer than half of the drafts that would stay are right" in Calibrator("x", found.gate).threshold().sentence


def test_beside_a_large_model_that_is_as_often_wrong_they_do() -> None:
    labels = [replace(label, right=(odd := label.key.endswith(("3", "7"))), large_right=odd) for label in drafts(3000)]
    assert made(labels, rule="floor", alpha=0.1).gate.threshold is not None
