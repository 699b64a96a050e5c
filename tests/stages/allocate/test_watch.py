"""Kept answers are watched in a whole cascade: labels drawn at random, an alarm, everything escalates, until reset."""

import asyncio
from pathlib import Path

import pytest
from cascade import FakeClock
from stairs_house import House, Plans, house

from pipeline.adapters.results import StreamResults
from pipeline.adapters.watch import Book, RouteWatch, read_fallen, reset_watch
from pipeline.confidence.watch import Watched
from pipeline.contracts import OutcomeEvent, Reply, Request
from pipeline.policy.calibration import Calibrator, Gate
from pipeline.policy.load import load_folder
from pipeline.policy.source import FixedPolicy
from pipeline.topology import outcome_subject
from stages.allocate import Watch
from stages.allocate.kept import Seen, after, allowed, fallen

TWO = ("{variants: {first: 1}}", "{variants: {second: 1}}")


def route(explore: float) -> str:
    return f"    accept: {{confidence: 0.5, explore: {explore}}}\n"


def watcher(home: House, folder: Path) -> Watch:
    link = home.link
    policies = FixedPolicy(load_folder(folder / "policies", {}))
    return Watch(link.streams, StreamResults(link.streams), link.bucket("calibration"), policies, FakeClock())


async def ask(home: House, number: int) -> Reply:
    return await home.client.ask(Request(input=f"How deep is well number {number}?", cache="off"))


async def test_drafts_that_differ_from_the_large_tier_let_the_route_fall_back_until_it_is_reset(tmp_path: Path) -> None:
    """The two models say different things with high confidence, so the promise is broken again and again."""
    plans = Plans({"first": "contrary-mini", "second": "maxi"}, TWO, route(1.0))
    async with house(tmp_path, plans) as home:
        watch, bucket = watcher(home, tmp_path), home.link.bucket("calibration")
        for number in range(8):
            await ask(home, number)
        book = await watch.round()
        records = await home.records()
        assert all(record.explored == 1.0 for record in records)
        (doubt,) = [state.suspicion("") for state in book.routes.values()]
        assert doubt.seen == 8
        assert doubt.wrong == sum(record.drafted["agrees_with_next"] < 0.5 for record in records)
        assert doubt.wrong > 4, "else this test says nothing"
        down = await read_fallen(bucket, "chat")
        assert down is not None
        await asyncio.sleep(0.05)
        reply = await ask(home, 100)
        assert reply.served is not None
        assert reply.served.model == "maxi"
        record = (await home.records())[-1]
        assert record.threshold == 1.0
        assert record.explored is None, "it did not stay"
        assert record.snapshot is not None
        assert "everything escalates" in (record.snapshot.fallen or "")
        assert (await watch.round()).routes["chat"].suspicion("").seen == 8, "nothing is counted twice"
        assert await reset_watch(bucket, "chat")
        await asyncio.sleep(0.05)
        await ask(home, 101)
        assert (await home.records())[-1].threshold == 0.5


async def test_where_nothing_is_explored_outcomes_are_the_labels(tmp_path: Path) -> None:
    plans = Plans({"first": "mini", "second": "maxi"}, TWO, route(0.0))
    async with house(tmp_path, plans) as home:
        for number in range(6):
            reply = await ask(home, number)
            event = OutcomeEvent(id=f"o{number}", request_id=reply.id, reward=number % 2)
            await home.link.streams.append(outcome_subject("default", event.id), event.model_dump_json().encode())
        watch = watcher(home, tmp_path)
        doubt = (await watch.round()).routes["chat"].suspicion("")
        assert (doubt.seen, doubt.wrong) == (6, 3)


async def test_two_watchers_count_everything_once(tmp_path: Path) -> None:
    plans = Plans({"first": "mini", "second": "maxi"}, TWO, route(1.0))
    async with house(tmp_path, plans) as home:
        for number in range(6):
            await ask(home, number)
        one, other = watcher(home, tmp_path), watcher(home, tmp_path)
        await asyncio.gather(one.round(), other.round())
        assert (await one.round()).routes["chat"].suspicion("").seen == 6


# ---------------------------------------------------------------- decisions


def test_another_calibrator_begins_anew() -> None:
    bad = [Seen("chat", "gate:1", "", 0.9, Watched(True, 0.02))] * 5
    book = after(Book(), bad)
    assert fallen("chat", book.routes["chat"], 1.0) is not None
    anew = after(book, [Seen("chat", "gate:2", "", 0.9, Watched(False, 0.02))])
    assert fallen("chat", anew.routes["chat"], 1.0) is None
    assert anew.routes["chat"].suspicion("").seen == 1


def test_one_bad_segment_is_enough_and_is_named() -> None:
    bad = [Seen("chat", None, "label", None, Watched(True, 0.02))] * 5
    good = [Seen("chat", None, "faq", None, Watched(False, 0.02))] * 50
    found = fallen("chat", after(Book(), [*good, *bad]).routes["chat"], 1.0)
    assert found is not None
    assert found.segment == "label"
    assert "the task label" in found.sentence


def test_without_a_promise_the_confidence_itself_says_how_often_an_answer_may_be_wrong() -> None:
    assert allowed(None, None, "default", 0.9) == pytest.approx(0.1)
    assert allowed(None, None, "default", None) == 0.5


@pytest.mark.parametrize(("rule", "most"), [("joint", 0.1), ("precision", 0.05), ("floor", 0.3), ("relative", 0.3)])
def test_beside_the_large_model_as_many_may_differ_as_did_when_it_was_promised(rule: str, most: float) -> None:
    """Half stay, a fifth of them differ from the large model although nearly all of its quality is kept."""
    curve = {"kind": "platt", "slope": 1.0, "intercept": 0.0}
    promise = {"rule": rule, "alpha": 0.05, "delta": 0.05, "n": 1000, "kept": 0.5, "errors": 100}
    gate = Gate.model_validate(
        {"kind": "gate", "score": {"kind": "signal", "name": "confidence"}, "curve": curve, "threshold": 0.9}
        | {"promise": promise, "labels": 1000, "source": "s", "fitted": "2026-11-21"}
    )
    assert allowed(Calibrator("x", gate), None, "default", 0.95) == pytest.approx(most)


def test_nothing_speaks_against_a_route_of_which_nothing_is_known() -> None:
    assert fallen("chat", RouteWatch(), 1.0) is None
