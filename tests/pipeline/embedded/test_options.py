"""What a user may choose, and the variables that follow from it."""

from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.embedded.options import ModelChoice, Options, Ports, default_policies

NAMES = [field.name for field in fields(Ports)]


@given(st.dictionaries(st.sampled_from(NAMES), st.integers(1, 65535)))
def test_ports_that_are_named_change_and_the_others_keep_their_default(chosen):
    ports = Ports.parse(",".join(f"{name}={port}" for name, port in chosen.items()))
    assert {name: getattr(ports, name) for name in NAMES} == {
        name: chosen.get(name, getattr(Ports(), name)) for name in NAMES
    }


@pytest.mark.parametrize("text", ["nats", "nats=", "nats=0", "nats=65536", "nats=-1", "nats=4.5"])
def test_what_is_no_port_is_refused_with_its_name(text):
    with pytest.raises(ValueError, match="nats needs a port from 1 to 65535"):
        Ports.parse(text)


def test_an_unknown_port_is_refused_with_the_names_there_are():
    with pytest.raises(ValueError, match="no port called 'nuts'; the ports are nats, "):
        Ports.parse("nuts=1")


def test_options_survive_the_way_to_a_detached_process():
    options = Options(
        Path("/data"), Path("/policies"), "scripted", 3, True, Ports(nats=1), ModelChoice(gguf=Path("/m.gguf"))
    )
    assert Options.from_json(options.to_json()) == options


def test_scripted_models_share_one_server_and_differ_by_name(tmp_path):
    variables = Options(tmp_path, tmp_path, "scripted").environment({})
    assert variables["STEPWELL_SMALL_URL"] == variables["STEPWELL_LARGE_URL"] == "http://127.0.0.1:18100/v1"
    assert variables["STEPWELL_SMALL_MODEL"] != variables["STEPWELL_LARGE_MODEL"]


def test_a_url_of_the_users_replaces_a_model(tmp_path):
    choice = ModelChoice(url="http://gpu:8000/v1", model="llama")
    variables = Options(tmp_path, tmp_path, large=choice).environment({})
    assert variables["STEPWELL_LARGE_URL"] == "http://gpu:8000/v1"
    assert variables["STEPWELL_LARGE_MODEL"] == "llama"
    assert variables["STEPWELL_SMALL_URL"] == "http://127.0.0.1:18101/v1"


def test_the_secret_is_made_once_and_only_its_owner_can_read_it(tmp_path):
    first = Options(tmp_path, tmp_path).environment({})["STEPWELL_SECRET"]
    assert len(bytes.fromhex(first)) == 32
    assert Options(tmp_path, tmp_path).environment({})["STEPWELL_SECRET"] == first
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


def test_policies_of_the_present_folder_come_before_those_that_ship(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shipped = default_policies()
    assert (shipped / "residency.yaml").is_file()
    (tmp_path / "policies").mkdir()
    assert default_policies() == tmp_path / "policies"
