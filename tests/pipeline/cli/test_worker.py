"""`stepwell worker`: which lanes it serves, and that others go first where it serves batches alone."""

import os
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline.cli.hooks import Hooks
from pipeline.cli.main import make_app
from pipeline.cli.worker import NICE


class Told:
    """What the command line asked of the system, and of the composition root."""

    def __init__(self) -> None:
        self.nice: list[int] = []
        self.lanes: tuple[str, ...] = ()

    def set_priority(self, which: int, who: int, nice: int) -> None:
        assert (which, who) == (os.PRIO_PROCESS, 0)
        self.nice.append(nice)

    def run(self, _stages: object, *, lanes: tuple[str, ...], **_: object) -> None:
        self.lanes = lanes


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """A system on which this process has the usual priority."""
    made = Told()
    monkeypatch.setattr(os, "getpriority", lambda *_: 0)
    monkeypatch.setattr(os, "setpriority", made.set_priority)
    return made


def worker(told: Told, *words: str) -> Any:
    return CliRunner().invoke(make_app(Hooks(told.run)), ["worker", *words])


@pytest.mark.parametrize(
    ("words", "lanes", "nice"),
    [
        ((), ("interactive", "batch"), []),
        (("--lanes", "both"), ("interactive", "batch"), []),
        (("--lanes", "interactive"), ("interactive",), []),
        (("--lanes", "batch"), ("batch",), [NICE]),
        (("--lanes", "batch", "--nice", "7"), ("batch",), [7]),
        (("--lanes", "batch", "--nice", "0"), ("batch",), []),
        (("--nice", "3", "classify"), ("interactive", "batch"), [3]),
    ],
)
def test_a_worker_of_batches_alone_puts_others_first_unless_told_otherwise(
    told: Told, words: tuple[str, ...], lanes: tuple[str, ...], nice: list[int]
) -> None:
    done = worker(told, *words)
    assert done.exit_code == 0, done.output
    assert (told.lanes, told.nice) == (lanes, nice)


def test_a_process_that_is_nicer_already_stays_so(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getpriority", lambda *_: 19)
    assert worker(told, "--lanes", "batch").exit_code == 0
    assert told.nice == []


def denied(*_: object) -> None:
    raise PermissionError(1, "Operation not permitted")


def absent(*_: object) -> None:
    raise AttributeError("setpriority")


@pytest.mark.parametrize(("system", "why"), [(denied, "Operation not permitted"), (absent, "no such call")])
def test_where_the_priority_cannot_be_set_the_worker_says_so_and_runs(
    told: Told, monkeypatch: pytest.MonkeyPatch, system: Callable[..., None], why: str
) -> None:
    monkeypatch.setattr(os, "setpriority", system)
    done = worker(told, "--lanes", "batch")
    assert (done.exit_code, told.lanes) == (0, ("batch",))
    assert "the priority stays as it is" in done.stderr
    assert why in done.stderr


@pytest.mark.parametrize(
    "words", [("--lanes", "slow"), ("--nice", "20"), ("--nice", "-1"), ("allocate", "--lanes", "batch")]
)
def test_what_makes_no_sense_is_refused_and_nothing_runs(told: Told, words: tuple[str, ...]) -> None:
    assert worker(told, *words).exit_code != 0
    assert (told.lanes, told.nice) == ((), [])
