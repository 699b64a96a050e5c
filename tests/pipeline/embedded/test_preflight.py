"""Nothing is started where it would only break: one sentence says what is in the way."""

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.embedded.child import Spec
from pipeline.embedded.home import Home
from pipeline.embedded.identity import ProcessId
from pipeline.embedded.listening import free_port, is_free
from pipeline.embedded.options import Options, Ports
from pipeline.embedded.preflight import end_leftovers, owned, require_free_ports, require_policies
from pipeline.embedded.stack import check
from pipeline.embedded.state import PartState, RunState, write_state
from pipeline.errors import AlreadyRunning, PolicyInvalid, PortInUse

ROOT = Path(__file__).parents[3]


@pytest.fixture
def home(tmp_path):
    place = Home(tmp_path)
    place.prepare()
    return place


@pytest.fixture
def busy_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_data_folder_has_one_owner(home):
    with owned(home), pytest.raises(AlreadyRunning, match=r"already runs in .* stepwell down"), owned(home):
        pass
    with owned(home):
        pass


def test_a_used_port_is_named_with_its_program(home, busy_port):
    options = Options(home.root, home.root, ports=Ports(monitor=free_port()))
    with pytest.raises(PortInUse) as caught:
        require_free_ports(options, ((Spec("model-small", (), port=busy_port),),))
    assert f"port {busy_port} for model-small is in use" in caught.value.message
    assert f"pid {os.getpid()}" in caught.value.message
    assert re.search(r"stop that program or choose another with --ports small=\d+$", caught.value.message)


def test_all_used_ports_are_named_at_once_with_one_option_that_goes_round_them(home, busy_port):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        second = other.getsockname()[1]
        parts = ((Spec("nats", (), port=busy_port), Spec("door", (), port=second)),)
        with pytest.raises(PortInUse) as caught:
            require_free_ports(Options(home.root, home.root, ports=Ports(monitor=free_port())), parts)
    told = caught.value.message
    assert f"port {busy_port} for nats" in told
    assert f"port {second} for door" in told
    chosen = re.search(r"choose others with --ports nats=(\d+),door=(\d+)$", told)
    assert chosen is not None
    assert len({*map(int, chosen.groups()), busy_port, second}) == 4


def test_the_monitoring_port_is_looked_at_too(home, busy_port):
    with pytest.raises(PortInUse, match="for monitor"):
        require_free_ports(Options(home.root, home.root, ports=Ports(monitor=busy_port)), ())


def test_a_port_is_free_until_somebody_listens(busy_port):
    assert is_free(free_port())
    assert not is_free(busy_port)


def test_what_a_dead_supervisor_left_is_ended_and_strangers_are_left_alone(home):
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(5)"]) as orphan:
        process = ProcessId.of(orphan.pid)
        here = ProcessId.of(os.getpid())
        stranger = PartState("stranger", "ready", ProcessId(os.getpid(), here.born - 3600))
        dead = ProcessId(here.pid, here.born - 3600)
        state = RunState(dead, Options(home.root, home.root), True, (PartState("a", "ready", process), stranger))
        write_state(home.state, state)
        assert end_leftovers(home) == 1
        assert not process.alive
    assert not home.state.exists()


def test_a_folder_of_policies_with_mistakes_is_told_whole_before_anything_is_started(home, tmp_path):
    folder = tmp_path / "policies"
    shutil.copytree(ROOT / "policies", folder)
    require_policies(Options(home.root, folder))
    models = folder / "models.yaml"
    models.write_text(models.read_text().replace("    model: ", "    modle: ", 1))
    with pytest.raises(PolicyInvalid) as caught:
        check(Options(home.root, folder, "none"))
    missing, unknown = caught.value.message.splitlines()
    assert missing.endswith("targets.small.model: the key is missing")
    assert unknown.endswith("targets.small.modle: no such key (did you mean model?)")
