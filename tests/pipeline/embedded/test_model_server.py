"""What the process of a model sets before it loads the weights."""

import os
import signal
import sys

import pytest

from pipeline.embedded.model_server import main

OPTIONS = ["--path", "model.gguf", "--port", "1", "--alias", "m"]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # that of the tests stays
    monkeypatch.setitem(sys.modules, "xllamacpp", None)  # nothing is loaded
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    return monkeypatch


def test_waiting_threads_sleep_where_nobody_says_otherwise(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("OMP_WAIT_POLICY", "")
    environment.delenv("OMP_WAIT_POLICY")
    assert main(OPTIONS) == 1
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    assert "GOMP_SPINCOUNT" not in os.environ
    assert "stepwell[local]" in capsys.readouterr().err


def test_what_the_owner_of_the_machine_sets_stays(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("OMP_WAIT_POLICY", "ACTIVE")
    environment.setenv("GOMP_SPINCOUNT", "1000")
    assert main(OPTIONS) == 1
    assert (os.environ["OMP_WAIT_POLICY"], os.environ["GOMP_SPINCOUNT"]) == ("ACTIVE", "1000")
