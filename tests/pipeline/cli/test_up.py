"""`up`, `down` and `status` of a folder in which nothing runs, and what is wrong with a command line."""

import typer
from typer.testing import CliRunner

from pipeline.cli import models, up


def app():
    root = typer.Typer()
    up.register(root)
    models.register(root)
    return root


def call(*arguments):
    return CliRunner().invoke(app(), [str(argument) for argument in arguments])


def test_status_of_an_idle_folder_says_how_to_start(tmp_path):
    result = call("status", "--home", tmp_path)
    assert result.exit_code == 1
    assert "not_running: nothing runs in" in result.output
    assert "stepwell up" in result.output


def test_down_where_nothing_runs_is_no_error(tmp_path):
    result = call("down", "--home", tmp_path)
    assert (result.exit_code, "nothing runs" in result.output) == (0, True)


def test_up_without_weights_names_the_command_that_fetches_them(tmp_path):
    result = call("up", "--detach", "--home", tmp_path)
    assert result.exit_code == 1
    assert "model_missing: " in result.output
    assert "stepwell models pull" in result.output


def test_an_unknown_port_name_is_a_usage_error(tmp_path):
    result = call("up", "--home", tmp_path, "--ports", "natz=1")
    assert result.exit_code == 2
    assert "natz" in result.output


def test_the_list_of_models_says_which_are_here(tmp_path):
    result = call("models", "list", "--json", "--home", tmp_path)
    assert '"here": "no"' in result.output
    assert '"here": "yes"' not in result.output


def test_the_path_of_a_model_that_is_not_here_is_an_error(tmp_path):
    result = call("models", "path", "smollm2-135m-instruct", "--home", tmp_path)
    assert result.exit_code == 1
    assert "stepwell models pull smollm2-135m-instruct" in result.output
