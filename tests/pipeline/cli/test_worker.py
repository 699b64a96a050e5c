"""`stepwell worker`: which lanes it serves, and that others go first where it serves batches alone."""

import os
from collections.abc import Callable
from types import SimpleNamespace
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
        self.idle = False

    def set_class(self, who: int, which: int, parameter: Any) -> None:
        assert (who, which, parameter.sched_priority) == (0, os.SCHED_IDLE, 0)
        self.idle = True

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
    monkeypatch.setattr(os, "SCHED_IDLE", 5, raising=False)
    monkeypatch.setattr(os, "sched_param", lambda priority: SimpleNamespace(sched_priority=priority), raising=False)
    monkeypatch.setattr(os, "sched_setscheduler", made.set_class, raising=False)
    return made


def worker(told: Told, *words: str) -> Any:
    return CliRunner().invoke(make_app(Hooks(told.run)), ["worker", *words])


@pytest.mark.parametrize(
    ("words", "lanes", "idle", "nice"),
    [
        ((), ("interactive", "batch"), False, []),
        (("--lanes", "both"), ("interactive", "batch"), False, []),
        (("--lanes", "interactive"), ("interactive",), False, []),
        (("--lanes", "batch"), ("batch",), True, []),
        (("--lanes", "batch", "--nice", "7"), ("batch",), False, [7]),
        (("--lanes", "batch", "--nice", "0"), ("batch",), False, []),
        (("--nice", "3", "classify"), ("interactive", "batch"), False, [3]),
    ],
)
def test_a_worker_of_batches_alone_puts_others_first_unless_told_otherwise(
    told: Told, words: tuple[str, ...], lanes: tuple[str, ...], idle: bool, nice: list[int]
) -> None:
    done = worker(told, *words)
    assert done.exit_code == 0, done.output
    assert (told.lanes, told.idle, told.nice) == (lanes, idle, nice)


def denied(*_: object) -> None:
    raise PermissionError(1, "Operation not permitted")


def absent(*_: object) -> None:
    raise AttributeError("sched_setscheduler")


@pytest.mark.parametrize("system", [denied, absent])
def test_where_the_system_has_no_idle_class_such_a_worker_is_nicer(
    told: Told, monkeypatch: pytest.MonkeyPatch, system: Callable[..., None]
) -> None:
    monkeypatch.setattr(os, "sched_setscheduler", system, raising=False)
    assert worker(told, "--lanes", "batch").exit_code == 0
    assert (told.idle, told.nice) == (False, [NICE])


def test_a_process_that_is_nicer_already_stays_so(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getpriority", lambda *_: 19)
    assert worker(told, "--lanes", "batch", "--nice", "7").exit_code == 0
    assert told.nice == []


@pytest.mark.parametrize(("system", "why"), [(denied, "Operation not permitted"), (absent, "no such call")])
def test_where_the_priority_cannot_be_set_the_worker_says_so_and_runs(
    told: Told, monkeypatch: pytest.MonkeyPatch, system: Callable[..., None], why: str
) -> None:
    monkeypatch.setattr(os, "sched_setscheduler", system, raising=False)
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
