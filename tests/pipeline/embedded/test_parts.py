"""Which programs a choice means, and in which order."""

import re
from dataclasses import replace

import pytest

from pipeline.embedded.home import Home
from pipeline.embedded.options import ModelChoice, Options
from pipeline.embedded.parts import waves
from pipeline.errors import ModelMissing
from pipeline.topology import STAGES


@pytest.fixture
def options(tmp_path):
    Home(tmp_path).prepare()
    return Options(tmp_path, tmp_path, "scripted")


def names(options):
    return [[spec.name for spec in wave] for wave in waves(options)]


def test_stores_and_models_come_first_then_provisioning_then_workers_and_door(options):
    assert names(options) == [["nats", "valkey", "scripted"], ["provision"], ["worker", "allocate", "door"]]


def test_split_means_a_process_for_each_stage(options):
    assert names(replace(options, split=True))[2][:-2] == [f"worker-{stage}" for stage in STAGES]


def test_more_workers_are_numbered(options):
    assert names(replace(options, workers=2))[2] == ["worker-1", "worker-2", "allocate", "door"]


def test_missing_weights_are_named_with_the_command_that_fetches_them(options):
    with pytest.raises(ModelMissing, match=r"qwen2\.5-coder-0\.5b-instruct are not on .* run stepwell models pull"):
        waves(replace(options, models="local"))


def test_a_gguf_file_of_the_users_is_served(options, tmp_path):
    file = tmp_path / "mine.gguf"
    file.write_bytes(b"GGUF")
    mine = ModelChoice(gguf=file)
    servers = waves(replace(options, models="local", small=mine, large=mine))[0][2:]
    assert [spec.name for spec in servers] == ["model-small", "model-large"]
    assert all(str(file) in spec.command and spec.watched for spec in servers)


def test_a_gguf_file_that_is_not_there_is_named(options, tmp_path):
    with pytest.raises(ModelMissing, match=r"no file .*gone\.gguf"):
        waves(replace(options, models="local", small=ModelChoice(gguf=tmp_path / "gone.gguf")))


def test_no_server_is_started_where_urls_are_given(options):
    elsewhere = ModelChoice(url="http://gpu/v1")
    assert names(replace(options, models="local", small=elsewhere, large=elsewhere))[0] == ["nats", "valkey"]


def test_everything_listens_on_this_machine_alone(options):
    written = {path.name: text for wave in waves(options) for spec in wave for path, text in spec.files}
    nats = written["nats.conf"]
    assert set(re.findall(r'"([\d.]+):\d+"', nats)) == {"127.0.0.1"}
    assert "bind 127.0.0.1\n" in written["valkey.conf"]
