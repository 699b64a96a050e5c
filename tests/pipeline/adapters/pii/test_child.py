"""Whose turn it is in the scan process, and what one job can do to another: nothing."""

import io
from collections.abc import Sequence
from typing import Any

import pytest

from pipeline.adapters.pii import Span
from pipeline.adapters.pii.child import TOGETHER, Desk, Engines
from pipeline.adapters.pii.frames import read_blocking
from pipeline.adapters.pii.steps import MOST_SPANS, Ask, Scanned, Steps


class FakeEngines(Engines):
    """A text is as many steps as it has lines; with names it asks for each. Keeps what it was asked together."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[tuple[str, ...]] = []
        self.passes: list[list[str]] = []
        self.steps_taken = 0

    def lacks(self, languages: Sequence[str]) -> bool:
        return tuple(languages) not in self.loaded

    def load(self, languages: Sequence[str]) -> None:
        if "xx" in languages:
            raise OSError
        self.loaded.append(tuple(languages))

    def steps(self, unit: str, *, names: bool, languages: Sequence[str]) -> Steps:
        spans: list[Span] = []
        for line in unit.split("\n"):
            yield len(line)
            self.steps_taken += 1
            if line == "break":
                raise ValueError(line)
            if line == "many":
                spans += [Span("X", 0, 1, 1.0)] * (MOST_SPANS + 1)
            if names:
                spans += (yield Ask(languages[0], (line,)))[0]
        return Scanned(tuple(spans), tuple(languages))

    def entities(self, asks: Sequence[Ask]) -> list[Any]:
        self.passes.append([text for ask in asks for text in ask.texts])
        if any("poison" in ask.texts for ask in asks):
            raise KeyError
        return [[[Span("PERSON", 0, len(text), 0.9)] for text in ask.texts] for ask in asks]


class Bench:
    """A desk, and what it told the parent."""

    def __init__(self) -> None:
        self.engines = FakeEngines()
        self.out = io.BytesIO()
        self.desk = Desk(self.engines, self.out)
        self.numbers = 0

    def job(
        self, *units: str, names: bool = False, budget: float = 9.0, alone: bool = False, language: str = "en"
    ) -> int:
        self.numbers += 1
        frame = {"id": self.numbers, "units": units, "names": names, "languages": [language]}
        self.desk.take(frame | {"budget": budget, "alone": alone})
        return self.numbers

    def work(self, turns: int = 10**6) -> None:
        while not self.desk.idle and turns:
            self.desk.turn()
            turns -= 1

    def told(self) -> list[dict[str, Any]]:
        self.out.seek(0)
        told = []
        while (frame := read_blocking(self.out)) is not None:
            told.append(frame)
        return told

    def answers(self) -> dict[int, dict[str, Any]]:
        """By job, in the order in which they were answered."""
        return {frame["id"]: frame for frame in self.told() if "id" in frame}


LARGE = "\n".join(["1 " * 2000] * 200)


def test_a_small_text_overtakes_a_large_one_at_the_next_step() -> None:
    bench = Bench()
    large = bench.job(LARGE)
    bench.work(turns=20)
    before = bench.engines.steps_taken
    small = bench.job("hello")
    bench.work(turns=2)
    assert list(bench.answers()) == [small]
    assert bench.engines.steps_taken - before <= 2
    bench.work()
    assert list(bench.answers()) == [small, large]


def test_beside_a_stream_of_hostile_texts_everybody_gets_his_turn() -> None:
    bench = Bench()
    for _ in range(20):
        bench.job(LARGE)
    bench.work(turns=50)
    waiting = {bench.job("a plain text of one line") for _ in range(10)}
    bench.work(turns=11)
    assert waiting <= set(bench.answers())


def test_a_large_text_is_not_starved_by_small_ones() -> None:
    bench = Bench()
    large = bench.job("\n".join(["x" * 1000] * 5))
    for _ in range(100):
        bench.job("x" * 1000)
        bench.work(turns=1)
    assert large in bench.answers()


def test_names_of_waiting_texts_are_looked_for_together() -> None:
    bench = Bench()
    for number in range(TOGETHER + 4):
        bench.job(f"text {number}", names=True)
    bench.work()
    assert [len(asked) for asked in bench.engines.passes] == [TOGETHER, 4]
    assert all(len(answer["units"][0]) == 1 for answer in bench.answers().values())


def test_texts_of_two_languages_and_those_to_be_alone_are_not_together() -> None:
    bench = Bench()
    bench.job("one", names=True)
    bench.job("un", names=True, language="fr")
    bench.job("two", names=True, alone=True)
    bench.job("three", names=True)
    bench.work()
    assert ["un"] in bench.engines.passes
    assert ["two"] in bench.engines.passes
    assert not any({"one", "un"} <= set(asked) for asked in bench.engines.passes)


def test_a_text_that_breaks_the_pass_fails_its_own_job_alone() -> None:
    bench = Bench()
    good, bad, other = bench.job("good", names=True), bench.job("poison", names=True), bench.job("other", names=True)
    bench.work()
    answers = bench.answers()
    assert answers[bad] == {"id": bad, "error": "KeyError"}
    assert answers[good]["units"] == [[[0, 0, 4, 0.9]]]
    assert answers[other]["units"] == [[[0, 0, 5, 0.9]]]


def test_the_parent_knows_what_is_worked_on_before_it_is() -> None:
    bench = Bench()
    bench.job("one", names=True)
    bench.job("two", names=True)
    bench.work()
    assert [frame["at"] for frame in bench.told() if "at" in frame] == [[1], [2], [1, 2]]


@pytest.mark.parametrize(
    ("unit", "budget", "error"),
    [("break", 9.0, "ValueError"), ("many", 9.0, "too many findings"), (LARGE, 0.0, "timeout")],
)
def test_what_goes_wrong_is_said_in_a_word_and_is_one_jobs_trouble(unit: str, budget: float, error: str) -> None:
    bench = Bench()
    bad, good = bench.job(unit, budget=budget), bench.job("fine")
    bench.work()
    assert bench.answers()[bad] == {"id": bad, "error": error}
    assert "units" in bench.answers()[good]


def test_a_job_that_nobody_waits_for_is_not_worked_on() -> None:
    bench = Bench()
    large = bench.job(LARGE)
    bench.work(turns=1)
    bench.desk.take({"drop": large})
    bench.desk.take({"drop": 77})
    assert bench.desk.idle
    assert bench.answers() == {large: {"id": large, "error": "dropped"}}


def test_pipelines_are_loaded_when_names_are_first_asked_for_and_the_parent_is_told() -> None:
    bench = Bench()
    bench.job("text")
    bench.work()
    assert bench.engines.loaded == []
    bench.job("text", names=True)
    bench.job("text", names=True)
    bench.work()
    assert bench.engines.loaded == [("en",)]
    assert [next(iter(frame)) for frame in bench.told()][2:4] == ["loading", "engine"]


def test_a_pipeline_that_does_not_load_is_the_trouble_of_who_wants_it() -> None:
    bench = Bench()
    bad, good = bench.job("text", names=True, language="xx"), bench.job("text", names=True)
    bench.work()
    assert bench.answers()[bad] == {"id": bad, "error": "OSError"}
    assert "units" in bench.answers()[good]


def test_a_job_without_text_is_answered_at_once() -> None:
    bench = Bench()
    bench.job()
    assert bench.answers() == {1: {"id": 1, "types": [], "units": [], "languages": [], "covered": []}}


def test_a_trouble_is_told_once() -> None:
    engines = Engines()
    engines._full = type("Full", (), {"version": "e", "troubles": ("a file was changed",)})()
    assert engines.news() == {"engine": "e", "troubles": ["a file was changed"]}
    assert engines.news() == {"engine": "e", "troubles": []}
